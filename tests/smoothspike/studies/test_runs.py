"""Runs of configurations: what they write, resume and refuse; the same study in Python; builds that are refused."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import optax
import pytest

import smoothspike as ss
from smoothspike.cli.commands import main
from smoothspike.studies import load_study, search
from smoothspike.studies.config import ConfigError, checked, document, parsed
from smoothspike.studies.parts.data import build_data
from smoothspike.studies.runs.experiment import build
from smoothspike.studies.runs.folder import RunFolder
from smoothspike.studies.runs.quick import quick

ROOT = Path(__file__).parents[3]
TEXT = """\
[data]
name = "yin_yang"
size = 40
[neurons.a]
model = "qif_delta"
[network]
duration = 4.0
[[network.layers]]
size = 4
scale = 2.0
[[network.layers]]
scale = 2.0
[loss]
tau = 0.5
[optimizer]
name = "adam"
learning_rate = 0.01
[training]
epochs = 3
batch_size = 10
[search]
trials = 3
metric = "validation_loss"
[search.space]
"optimizer.learning_rate" = { low = 1e-3, high = 1e-1, log = true }
"loss.tau" = { low = 0.2, high = 1.0 }
"""


@pytest.fixture(autouse=True)
def precision():
    """Runs set that of their configuration."""
    before = jax.config.jax_enable_x64
    yield
    jax.config.update("jax_enable_x64", before)


@pytest.fixture
def run(tmp_path, capsys):
    """Run the command line on a configuration, and return its status and what it prints."""
    (tmp_path / "small.toml").write_text(TEXT)

    def command(name, *options, text=None, output=None):
        if text is not None:
            (tmp_path / "small.toml").write_text(text)
        output = str(tmp_path / (output or name))
        try:
            status = main([name, str(tmp_path / "small.toml"), "--output", output, "--json", *options])
        except SystemExit as end:
            status = end.code
        told = capsys.readouterr()
        return status, told.out if status == 0 else told.err

    return command


def experiment(text=TEXT):
    source = parsed(text, "small.toml", Path())
    return build(checked(source), source, 0)


def test_a_network_is_the_one_of_the_same_key():
    built = experiment().network
    neuron = ss.Neuron(ss.models.qif_delta())
    plain = ss.FeedForward(neuron, (4, 4, 3), 4.0, key=jax.random.key(0), scale=2.0)
    assert all(
        np.array_equal(one, other) for one, other in zip(jax.tree.leaves(built), jax.tree.leaves(plain), strict=True)
    )


def test_populations_delays_and_sparse_connections():
    text = TEXT.replace("size = 4\nscale", "size = 8\nout_degree = 3\ndelays = { high = 0.5 }\nscale").replace(
        "[[network.layers]]\nscale", "[[network.layers]]\nsize = 6\nrecurrent = true\nrecurrent_delays = { per = "
        '"source" }\n[[network.layers]]\nscale'
    )  # fmt: skip
    first, second, third = experiment(text).network.populations
    assert (first.sizes, second.sizes, third.sizes) == ((4, 8), (8, 6), (6, 3))
    assert first.weights[0].targets.shape == (4, 3)
    assert all(len(set(row)) == 3 for row in np.asarray(first.weights[0].targets).tolist())
    assert 0.0 <= float(first.delays[0].min()) < float(first.delays[0].max()) <= 0.5
    assert second.recurrent_delays.shape == (1, 6)
    assert third.delays == (None,)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('model = "qif_delta"', 'model = "lif"', 4, r"\[neurons.a\] .*allow_discontinuous"),
        ('model = "qif_delta"', 'equations = "dV/dt = "', 4, r"\[neurons.a\]"),
        ('model = "qif_delta"', 'model = "qif"\nparameters = { tau_q = 1 }', 4, "tau_q"),
        ('model = "qif_delta"', 'model = "none.py:model"', 4, "no file 'none.py'"),
        ("size = 4\n", 'neuron = "b"\nsize = 4\n', 9, r"network.layers\[0\].neuron is \"b\", but must be one of a"),
        ("size = 4\n", "", 8, r"network.layers\[0\].size is missing; it must be a whole number"),
        ("tau = 0.5", 'name = "cross_entropy"', 13, r"\[loss\] cross_entropy is of first_spike_times, but must"),
        ("tau = 0.5", 'readout = "max_over_time"', 13, r"\[loss\] readout is max_over_time, but the last layer spikes"),
        ("tau = 0.5", 'name = "spike_time_error"', 13, r"\[loss\] targets are missing"),
        ("tau = 0.5", "readout_tau = 1.0", 13, "readout_tau must be given with"),
        ("0.01", '0.01\nrates = { "delay.*" = 0.0 }', 18, "'delay.*' fits no parameter; they are weights"),
        ("size = 40", "size = 0", 1, r"\[data\] size is 0"),
        ("size = 4\n", "size = 4\nout_degree = 5\n", 6, r"\[network\] out_degree is 5, but must be at most the 4"),
    ],
)  # fmt: skip
def test_what_cannot_be_built_is_told_with_its_line(old, new, line, message):
    with pytest.raises(ConfigError, match=rf"^small.toml:{line}: .*{message}"):
        experiment(TEXT.replace(old, new, 1))


def test_files_that_are_missing(tmp_path):
    text = TEXT.replace('name = "yin_yang"\nsize = 40', 'name = "shd"\nfolder = "nowhere"')
    source = parsed(text, "small.toml", tmp_path)
    config = checked(source)
    with pytest.raises(ConfigError, match=r"^small.toml:1: \[data\] .*nowhere"):
        build_data(config.data, 0, source)
    small, told = quick(config, source)
    assert told is not None
    assert "nowhere is not there: this --quick run uses randman data instead of shd" in told
    source = parsed(text.replace('nowhere"', 'nowhere"\ngroup = 0'), "small.toml", tmp_path)
    with pytest.raises(ConfigError, match=r"^small.toml:1: \[data\] group is 0, but must be an integer, at least 1"):
        quick(checked(source), source)
    assert len(build_data(small.data, 0, source).train) == 24  # it has a search, too


def test_data_without_a_validation_part_give_some_of_their_own(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import smoothspike as ss\n"
        "def pair(size=50):\n    return ss.datasets.yin_yang(size), ss.datasets.yin_yang(20, split='test')\n"
        "def wrong():\n    return 3\n"
    )
    text = TEXT.replace('name = "yin_yang"', 'name = "mine.py:pair"')
    source = parsed(text, "small.toml", tmp_path)
    parts = build_data(checked(source).data, 0, source)
    assert tuple(map(len, parts)) == (36, 4, 20)
    times = np.concatenate([np.asarray(part.spikes.times) for part in parts[:2]])
    assert sorted(map(tuple, times)) == sorted(map(tuple, np.asarray(ss.datasets.yin_yang(40).spikes.times)))
    source = parsed(text.replace("pair", "wrong").replace("size = 40", ""), "small.toml", tmp_path)
    with pytest.raises(ConfigError, match="returned int, but must return"):
        build_data(checked(source).data, 0, source)


def test_a_folder_has_one_run(tmp_path):
    source = parsed(TEXT, "small.toml", tmp_path)
    config = checked(source)
    RunFolder(tmp_path / "a", "train", config, tmp_path, overwrite=False)
    again = RunFolder(tmp_path / "a", "train", config, tmp_path, overwrite=False)
    assert again.metrics is None
    again.finish({"x": 1})
    assert json.loads((tmp_path / "a" / "run.json").read_text())["packages"]["jax"] == jax.__version__
    assert RunFolder(tmp_path / "a", "train", config, tmp_path, overwrite=False).metrics == {"x": 1}
    other = checked(parsed(TEXT.replace("size = 40", "size = 50"), "small.toml", tmp_path))
    with pytest.raises(ConfigError, match=r"has another run: data.size was 40, and is 50. --output must be another"):
        RunFolder(tmp_path / "a", "train", other, tmp_path, overwrite=False)
    with pytest.raises(ConfigError, match="it is of `train`, not of `search`"):
        RunFolder(tmp_path / "a", "search", config, tmp_path, overwrite=False)
    assert RunFolder(tmp_path / "a", "train", other, tmp_path, overwrite=True).metrics is None
    more = checked(parsed(TEXT.replace("trials = 3", "trials = 9").replace("size = 40", "size = 50"), "s", tmp_path))
    assert RunFolder(tmp_path / "a", "train", more, tmp_path, overwrite=False).metrics is None
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "thesis.tex").write_text("...")
    with pytest.raises(ConfigError, match="files that are of no run"):
        RunFolder(tmp_path / "b", "train", config, tmp_path, overwrite=True)
    assert (tmp_path / "b" / "thesis.tex").exists()


def test_wrong_usage_ends_with_2(run, tmp_path):
    status, told = run("train", text=TEXT.replace("epochs", "epoch"))
    assert status == 2
    assert "small.toml:19: there is no key training.epoch (did you mean epochs?); it must be one of epochs" in told
    status, told = run("search", text=TEXT.partition("[search]")[0])
    assert status == 2
    assert "there is no [search]; there must be one" in told
    # what is told only once the folder is made does not stand in the way of the corrected run
    status, told = run("search", text=TEXT.replace('"loss.tau"', '"loss.tua"'))
    assert status == 2
    assert 'small.toml:26: search.space."loss.tua" cannot be used: there is no key loss.tua' in told
    assert not (tmp_path / "search").exists()


def test_benchmarks_run_where_they_are(monkeypatch, capsys):
    commands = []

    def runs(command, check):
        commands.append(command[1:])
        return subprocess.CompletedProcess(command, 3)

    monkeypatch.setattr("smoothspike.cli.studies.subprocess.run", runs)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    assert main(["bench", "digits", "--repeats", "2"]) == 3
    assert commands == [["-m", "benchmarks", "digits", "--repeats", "2"]]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="2"):
        main(["bench"])
    assert "python -m benchmarks" in capsys.readouterr().err


def test_the_page_of_the_schema_is_current():
    before = (ROOT / "docs" / "lookup" / "config.md").read_text(encoding="utf-8")
    assert document.page(before) == before, "python -m smoothspike.studies.config.document docs/lookup/config.md"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:the network ends without output spikes")
def test_a_training_that_is_killed_resumes_bit_for_bit(run, tmp_path):
    def train(name):  # in processes of their own, which compile alike
        command = [sys.executable, "-m", "smoothspike", "train", tmp_path / "small.toml", "--output", tmp_path / name]
        return subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    process = train("parts")
    while process.poll() is None and not (tmp_path / "parts" / "checkpoint" / "checkpoint.ss").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (tmp_path / "parts" / "metrics.json").exists()
    told = [json.loads(train(name).communicate()[0]) for name in ("parts", "whole")]
    assert told[0]["test"] == told[1]["test"]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert (parts / "history.csv").read_text() == (whole / "history.csv").read_text()
    nets = [ss.load(folder / "net.ss") for folder in (whole, parts)]
    assert all(map(np.array_equal, *map(jax.tree.leaves, nets)))
    assert (whole / "figures" / "raster.png").stat().st_size > 1000
    status, again = run("train", output="whole")  # finished: told again
    assert status == 0
    assert json.loads(again)["test"] == told[1]["test"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:the network ends without output spikes")
def test_a_search_is_the_same_in_python(run, tmp_path):
    status, told = run("search")
    assert status == 0
    folder = tmp_path / "search"
    train, validation = ss.datasets.yin_yang(40), ss.datasets.yin_yang(8, split="validation")

    def objective(trial):
        def loss(times, label):
            return ss.losses.first_spike_cross_entropy(times, label, tau=trial["loss.tau"])

        net = ss.FeedForward(ss.Neuron(ss.models.qif_delta()), (4, 4, 3), 4.0, key=trial.key, scale=2.0)
        found = ss.fit(
            net, train, loss, optimizer=optax.adam(trial["optimizer.learning_rate"]), epochs=3, batch_size=10,
            key=trial.key, validation=validation, keep_best=True, progress=False,
            callbacks=trial.pruning("validation_loss"),
        )  # fmt: skip
        best = max(
            found.history,
            key=lambda row: (row["accuracy_without_pseudospikes"], row["accuracy"], -row["validation_loss"]),
        )
        return best["validation_loss"]

    space = {"optimizer.learning_rate": (1e-3, 1e-1, "log"), "loss.tau": (0.2, 1.0)}
    own = search(objective, space, trials=3, storage=tmp_path / "own.log", progress=False)
    theirs = load_study(folder / "study.log")
    assert [dict(each.params) for each in own.trials] == [dict(each.params) for each in theirs.trials]
    assert [each.seeds for each in own.trials] == [each.seeds for each in theirs.trials]
    assert [each.value for each in own.trials] == pytest.approx([each.value for each in theirs.trials], rel=1e-9)
    assert [each.reports for each in own.trials] == [pytest.approx(each.reports, rel=1e-9) for each in theirs.trials]
    best = json.loads(told)["best"]["best"]
    assert best["number"] == own.best.number
    assert {each.name for each in (folder / "figures").iterdir()} >= {"history.png", "importances.png"}
    # the best setting is a configuration, and its training finds the same
    status, told = run("train", text=(folder / "best.toml").read_text(), output="best")
    assert status == 0
    assert json.loads(told)["validation"]["loss"] == pytest.approx(own.best.value, rel=1e-9)
