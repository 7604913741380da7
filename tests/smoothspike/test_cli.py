"""The command line: what it prints for people and for machines, and its exit status."""

import json
import subprocess
import sys

import pytest

from smoothspike.cli import main

DECLARATION = """
import sympy as sp, symbolic as ss
V, I = sp.symbols("V I", real=True)
cubic = ss.NeuronModel("cubic", dynamics={V: V**3 + I, I: -I}, spike=ss.at_infinity(V), reset={V: -1}, inputs=I)
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
    assert main(["verify", "lif", "--markdown"]) == 1
    assert "### LIF: FAILS" in capsys.readouterr().out
    assert main(["verify", f"{file}:cubic", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["verdict"] == "FAILS"
    assert main(["verify", f"{file}:make"]) == 0


def test_derive(capsys, file):
    assert main(["derive", f"{file}:make", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["method"] == "projective"
    assert printed["formulas"]["rheobase"] == "1/4"
    assert main(["derive", "qif", "--latex"]) == 0
    assert r"\begin{aligned}" in capsys.readouterr().out
    assert main(["derive", f"{file}:cubic"]) == 1
    assert "polynomial of degree 3" in capsys.readouterr().err


def test_models(capsys):
    assert main(["models"]) == 0
    assert "qif" in capsys.readouterr().out.split()
    assert main(["models", "--json"]) == 0
    assert "lif" in json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("nope", "no model 'nope'; the library has qif"),
        ("nowhere.py:qif", "no file 'nowhere.py'"),
        ("FILE:missing", "has no NeuronModel called 'missing'"),
        ("FILE:number", "has no NeuronModel called 'number'"),
    ],
)
def test_wrong_usage_exits_with_2(capsys, file, argument, message):
    with pytest.raises(SystemExit, match=r"^2$"):
        main(["verify", argument.replace("FILE", file)])
    assert message in capsys.readouterr().err


def test_the_module_runs():
    done = subprocess.run([sys.executable, "-m", "smoothspike", "models"], capture_output=True, text=True, check=True)
    assert "theta_neuron" in done.stdout
