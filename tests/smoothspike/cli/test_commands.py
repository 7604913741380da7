"""The command line: what it prints for people and for machines, and its exit status."""

import json
import re
import subprocess
import sys

import pytest

import symbolic
from smoothspike.cli.commands import main

DECLARATION = """
import sympy as sp, symbolic as ss
V, I = sp.symbols("V I", real=True)
cubic = ss.NeuronModel("cubic", dynamics={V: V**3 + I, I: -I}, spike=ss.at_infinity(V), reset={V: -1}, inputs=I)
p = sp.Symbol("p", real=True)
power = ss.NeuronModel(
    "power", dynamics={V: sp.Abs(V)**p + I, I: -I}, spike=ss.at_infinity(V), reset={V: 0}, inputs=I, parameters=[p]
)
flat = ss.NeuronModel("flat", dynamics={V: -V}, spike=ss.at_infinity(V), reset={V: -1}, inputs=V)
number = 3
def make():
    return ss.models.qif(tau_m=2.0, tau_s=1.0)
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(DECLARATION)
    return str(path)


def test_verify_tells_by_its_exit_status(capsys, file):
    assert main(["verify", "qif"]) == 0
    assert "HOLDS" in capsys.readouterr().out
    assert main(["verify", "lif", "--markdown", "--no-witness"]) == 1
    assert "### LIF: FAILS" in capsys.readouterr().out
    assert main(["verify", f"{file}:cubic", "--json", "--no-witness"]) == 1
    assert json.loads(capsys.readouterr().out)["verdict"] == "FAILS"
    assert main(["verify", f"{file}:make"]) == 0


@pytest.fixture
def printed(capsys, monkeypatch):
    """What `verify` prints on a terminal of some width, and its exit status."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")

    def run(model, width=100, is_terminal=True, **environment):
        monkeypatch.setenv("COLUMNS", str(width))
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
        status = main(["verify", model, "--no-witness"])
        return capsys.readouterr().out, status

    return run


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.mark.parametrize("width", [30, 60, 120])
@pytest.mark.parametrize(
    ("model", "status"), [("qif", 0), ("lif", 1), ("rapid_theta_current", 0), ("izhikevich", 1), ("FILE:power", 1)]
)
def test_a_certificate_fits_the_terminal(printed, file, model, status, width):
    text, found = printed(model.replace("FILE", file), width)
    assert found == status
    assert max(len(line) for line in plain(text).splitlines()) <= width
    assert all(part in plain(text) for part in ("\n1. one solution: ", "spike: V = ", "\nInput "))


def test_a_certificate_is_coloured_on_a_terminal_only(printed):
    coloured, _ = printed("lif")
    assert "\x1b[31mFAILS\x1b[0m" in coloured
    assert "\x1b[32mholds\x1b[0m" in coloured
    bare, _ = printed("lif", is_terminal=False)
    assert bare == plain(coloured)
    assert "\x1b" not in bare


@pytest.mark.parametrize(
    ("environment", "is_terminal", "has_colours"),
    [
        ({}, True, True), ({}, False, False), ({"NO_COLOR": "1"}, True, False), ({"TERM": "dumb"}, True, False),
        ({"FORCE_COLOR": "1"}, False, True), ({"FORCE_COLOR": "0"}, False, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False), ({"NO_COLOR": ""}, True, True),
    ],
)  # fmt: skip
def test_who_decides_about_colours(printed, environment, is_terminal, has_colours):
    text, _ = printed("qif", is_terminal=is_terminal, **environment)
    assert ("\x1b" in text) == has_colours


def test_what_a_certificate_shows(printed, file):
    text = plain(printed("rapid_theta", 120)[0])
    assert "2. reaches infinity in finite time: holds\n   integral of " in text
    assert "Where two inputs to the neuron change places, spike times are of class CONTINUOUS.\nUnder: r > 0" in text
    cases, _ = printed(f"{file}:power", 120)
    assert "1. one solution: undecided\n" in plain(cases)
    assert "Case p > 1: \x1b[32mHOLDS\x1b[0m.\n  Input I: no grazing holds" in cases


@pytest.mark.parametrize(("witness", "told"), [("a spike appears", "a spike appears"), (None, "the search found none")])
def test_a_failure_is_shown_with_its_witness(capsys, monkeypatch, witness, told):
    monkeypatch.setattr("smoothspike.validation.find_witness", lambda certificate: witness)
    assert main(["verify", "lif"]) == 1
    assert f"\n\nExample: {told}" in capsys.readouterr().out
    assert main(["verify", "lif", "--markdown"]) == 1
    assert f"\n\n**Example.** {told}" in capsys.readouterr().out
    assert main(["verify", "lif", "--no-witness"]) == 1
    assert told not in capsys.readouterr().out


@pytest.mark.slow
def test_a_witness_and_an_examination_for_machines(capsys):
    assert main(["verify", "lif_delta", "--json", "--examine"]) == 1
    content = json.loads(capsys.readouterr().out)
    assert content["witness"]["failure"] == "vanishes"
    assert content["examination"]["agrees"]


def test_derive(capsys, file):
    assert main(["derive", f"{file}:make", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["method"] == "projective"
    assert printed["formulas"]["rheobase"] == "1/4"
    assert main(["derive", "qif", "--latex"]) == 0
    assert r"\begin{aligned}" in capsys.readouterr().out
    assert main(["derive", f"{file}:cubic", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["method"] == "numeric"
    assert "degree 3" in printed["reason"]
    assert printed["attempts"][0]["name"] == "matrix exponential"
    assert main(["derive", "lif", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert any(one["condition"] == "Eq(tau_s, tau_m)" and one["limit"] for one in printed["singularities"])
    assert main(["derive", "lif", "--method", "projective"]) == 1
    assert "does not apply" in capsys.readouterr().err
    assert main(["derive", f"{file}:flat"]) == 1
    assert "a linear field never reaches infinity" in capsys.readouterr().err


def test_models(capsys):
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(symbolic.models.names())
    assert lines[0].split(maxsplit=1) == [
        "qif", "Quadratic integrate-and-fire neuron with an exponentially decaying input current."
    ]  # fmt: skip
    assert main(["models", "--json"]) == 0
    assert "lif" in json.loads(capsys.readouterr().out)


WRONG_FILES = {
    "an error": ("import sympy\n\nx = 1 / 0\n", r"mine\.py:3: ZeroDivisionError: division by zero"),
    "a wrong declaration": (
        "import sympy as sp, symbolic as ss\nV = sp.Symbol('V', real=True)\n"
        "model = ss.NeuronModel('m', dynamics={V: V**2}, spike=ss.at_infinity(V), reset={V: V}, inputs=V)",
        r"mine\.py:3: ModelError: reset of V to V: V is infinite",
    ),
    "syntax": ("x = (1,\n", r"mine\.py:1: SyntaxError: '\(' was never closed"),
    "null bytes": ("x = 1\0", r"mine\.py(:1)?: (Syntax|Value)Error: source code (string )?cannot contain null bytes"),
    "a missing import": (
        "import nothing_like_it\n",
        r"mine\.py:1: ModuleNotFoundError: No module",
    ),
    "an end": ("import sys\nsys.exit('enough')\n", r"mine\.py:2: SystemExit: enough"),
    "in a function": ("def model():\n    return 1 / 0\n", r"mine\.py:2: ZeroDivisionError"),
    "several lines": ("raise ValueError('one\\n  two')", r"mine\.py:1: ValueError: one two\n"),
    "no message": ("assert False", r"mine\.py:1: AssertionError\b"),
    "arguments": (
        "def model(tau):\n    pass\n",
        r"model must be callable without arguments: missing",
    ),
    "no model": ("model = 3", r"model is of type int; it must be a model, or a function that returns one"),
    "another name": ("modle = 3", r"has no object 'model'; did you mean 'modle'\?"),
}


@pytest.mark.parametrize(("text", "message"), WRONG_FILES.values(), ids=WRONG_FILES)
@pytest.mark.parametrize("command", ["verify", "derive"])
def test_a_file_that_cannot_be_run_is_wrong_usage(capsys, tmp_path, command, text, message):
    path = tmp_path / "mine.py"
    path.write_text(text)
    assert fails([command, f"{path}:model"], capsys).startswith("smoothspike: error: ")
    assert re.search(message, fails([command, f"{path}:model"], capsys))


def fails(arguments, capsys):
    """What a wrong usage says, in one line and without a traceback."""
    with pytest.raises(SystemExit, match=r"^2$"):
        main(arguments)
    output, errors = capsys.readouterr()
    assert output == ""
    assert len(errors.splitlines()) == 1
    return errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "error: the following arguments are required: COMMAND"),
        (["prove"], "invalid choice: 'prove'"),
        (["verify"], "error: verify: the following arguments are required: MODEL"),
        (["verify", "qif", "--nope"], "unrecognized arguments: --nope"),
        (["verify", "qif", "--json", "--markdown"], "not allowed with argument"),
        (["derive", "qif", "--json", "--latex"], "not allowed with argument"),
        (["derive", "qif", "--method", "foo"], "invalid choice: 'foo'"),
        (["derive", "qif", "--method"], "expected one argument"),
        (["models", "qif"], "unrecognized arguments: qif"),
        (["demo", "--quick=3"], "ignored explicit argument '3'"),
        (["demo", "--output", "FILE"], "use a folder that is writable"),
        (["verify", "nope"], "no model 'nope'; the library has qif"),
        (["derive", "QIF_delt"], "no model 'QIF_delt'; did you mean qif_delta"),
        (["verify", "FILE"], "mine.py is a file; append the name of a model"),
        (["verify", "nowhere.py:qif"], "no file 'nowhere.py'"),
        (["verify", "FILE:missing"], "has no object 'missing'; its models are cubic, power, flat"),
        (["verify", "FILE:number"], "number is of type int; it must be a model"),
        (["verify", "README.md:qif"], "is not a Python file"),
    ],
)
def test_wrong_usage_exits_with_2(capsys, file, arguments, message):
    found = fails([argument.replace("FILE", file) for argument in arguments], capsys)
    assert found.startswith("smoothspike: error: ")
    assert message in found


def test_a_file_is_run_as_a_script(capsys, tmp_path):
    """It imports what lies beside it, and what it prints is kept apart."""
    (tmp_path / "beside_it.py").write_text("from symbolic.models import qif\n")
    path = tmp_path / "mine.py"
    path.write_text("from beside_it import qif as model\nprint('loading')\n")
    assert main(["verify", f"{path}:model", "--json", "--no-witness"]) == 0
    output, errors = capsys.readouterr()
    assert json.loads(output)["verdict"] == "HOLDS"
    assert errors == "loading\n"


def test_the_version_is_told(capsys):
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["--version"])
    assert re.fullmatch(r"smoothspike \S+\n", capsys.readouterr().out)


def test_a_reader_that_has_enough_ends_it_quietly():
    command = f"{sys.executable} -m smoothspike models | head -n 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert (done.stdout[:4], done.stdout.count("\n"), done.stderr) == ("qif ", 1, "")


def test_the_module_runs():
    done = subprocess.run([sys.executable, "-m", "smoothspike", "models"], capture_output=True, text=True, check=True)
    assert "theta_neuron" in done.stdout


def test_a_readout_has_nothing_to_verify(tmp_path, capsys):
    file = tmp_path / "readout.py"
    file.write_text(
        "import symbolic\n"
        "leaky = symbolic.NeuronModel.from_equations('dV/dt = I - V; dI/dt = -I', name='leaky', inputs='I')\n"
    )
    with pytest.raises(SystemExit, match="2"):
        main(["verify", f"{file}:leaky"])
    assert "leaky is a readout: it has no spike rule" in capsys.readouterr().err
    assert main(["derive", f"{file}:leaky"]) == 0
