"""Configurations: what is wrong is told with file, line, key, what was found and what is allowed."""

import re
import tomllib
from pathlib import Path

import pytest

from smoothspike.studies.config import ConfigError, as_toml, checked, load, parsed
from smoothspike.studies.config.override import check_space, overridden
from smoothspike.studies.config.places import places

RIGHT = """\
seed = 3
[data]
name = "yin_yang"
size = 60
[neurons.a]
model = "qif"
parameters = { tau_m = 1.0, tau_s = 0.5 }
[network]
duration = 4.0
[[network.layers]]
size = 5
[[network.layers]]
scale = 0.7
[loss]
tau = 0.5
[optimizer]
name = "adam"
learning_rate = 0.01
[optimizer.schedule]
name = "cosine_decay_schedule"
[training]
epochs = 2
[search]
trials = 4
[search.space]
"loss.tau" = { low = 0.1, high = 1.0 }
"network.layers.0.size" = { low = 3, high = 9 }
"""
EXAMPLES = sorted((Path(__file__).parents[3] / "examples" / "configs").glob("*.toml"))


def read(text):
    return parsed(text, "run.toml", Path())


def problem(text):
    """What is told of a wrong configuration."""
    try:
        source = read(text)
        check_space(checked(source), source)
    except ConfigError as error:
        return str(error)
    return "nothing"


def test_a_right_one_has_all_defaults_and_comes_back():
    config = checked(read(RIGHT))
    assert (config.seed, config.data.options["size"], config.network.layers[1].scale) == (3, 60, 0.7)
    assert config.loss.options == {"tau": 0.5, "early_weight": 0.0, "early": "linear", "existing_only": False}
    assert config.training.batch_size == 64
    text = as_toml(config)
    assert checked(read(text)) == config
    assert tomllib.loads(text)["data"]["duration"] == 2.0


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_right(path):
    config, source = load(path)
    assert checked(parsed(as_toml(config), "again", path.parent)) == config
    if config.search is not None:
        check_space(config, source)


MISTAKES = [
    ("seed = 3", "seed = -1", 1, "seed is -1, but must be a whole number, at least 0"),
    ("seed = 3", "seed = 3.5", 1, "seed is 3.5, but must be a whole number"),
    ("seed = 3", 'precision = "half"', 1, 'precision is "half", but must be one of "double", "single"'),
    ('"yin_yang"', '"ying_yang"', 3, "data.name is \"ying_yang\", but must be one of digits.*did you mean 'yin_yang'"),
    ("size = 60", "sise = 60", 4, r"there is no key data.sise for yin_yang \(did you mean size\?\); it must be one of"),
    ("size = 60", 'size = "60"', 4, 'data.size is "60", but must be a whole number'),
    ('model = "qif"', 'model = "qiff"', 6, "neurons.a.model is .*did you mean 'qif'"),
    ("tau_m = 1.0", "tau_m = true", 7, "neurons.a.parameters is .*but must be a table of names, each with a number"),
    ("duration = 4.0", "duration = 0", 9, "network.duration is 0, but must be a number, above 0.0"),
    ("size = 5", "sizes = [5]", 11, r"there is no key network.layers\[0\].sizes \(did you mean size"),
    ("scale = 0.7", "recurrent = 1", 13, r"network.layers\[1\].recurrent is 1, but must be true or false"),
    ("[loss]", '[loss]\nname = "shift_invariant"', 16, "there is no key loss.tau for shift_invariant"),
    ("[loss]", '[loss]\nname = "van_rossum"\nearly = "linear"', 16, "there is no key loss.early for van_rossum"),
    ("tau = 0.5\n[o", 'readout = "max"\n[o', 15, 'loss.readout is "max", but must be one of first_spike_times'),
    ('name = "adam"', 'name = "Adam"', 17, "optimizer.name is \"Adam\".*did you mean 'adam'"),
    (
        "learning_rate = 0.01",
        "lerning_rate = 0.01",
        18,
        r"optimizer.lerning_rate for adam \(did you mean learning_rate",
    ),
    (
        "learning_rate = 0.01",
        "learning_rate = 0.0",
        18,
        "optimizer.learning_rate is 0.0, but must be a number, above 0",
    ),
    ('"cosine_decay_schedule"', '"cosine_decay_schedule"\ndecay_epoch = 2', 21, "did you mean decay_epochs"),
    ("[optimizer.schedule]\n", "schedule = 3\n[evaluation]\n", 19, "optimizer.schedule is 3, but must be a table"),
    ("epochs = 2", "epochs = 1.5", 22, "training.epochs is 1.5, but must be a whole number, at least 1"),
    ("epochs = 2", "dropout = 1.0", 22, "training.dropout is 1.0, but must be a number, at least 0.0 and below 1.0"),
    ("[training]", "[trainning]", 21, r"there is no key trainning \(did you mean training\?\)"),
    ("trials = 4", "trials = []", 24, r"search.trials is \[\], but must be a whole number"),
    ('"loss.tau" =', '"loss.tua" =', 26, r'search.space."loss.tua" cannot be used: there is no key loss.tua'),
    ("low = 0.1, high", "low = 0.1, hihg", 26, r'there is no key search.space."loss.tau".hihg \(did you mean high'),
    ("low = 3, high = 9", "low = 0, high = 9", 27, r"cannot be used: network.layers\[0\].size is 0, but must be"),
    ("layers.0.size", "layers.7.size", 27, "cannot be used: there is no network.layers.7.size: 7 must be a number bel"),
    ("low = 3, high = 9", "low = 3", 27, "must have either low and high, or choices"),
    ("seed = 3", "seed = ", 1, "Invalid value; the file must be TOML"),
    (
        "[[network.layers]]\nsize = 5\n[[network.layers]]",
        "layers = 3\n[data.fallback]",
        10,
        r"must be tables, \[\[netw",
    ),
]


@pytest.mark.parametrize(("old", "new", "line", "message"), MISTAKES, ids=[each[1][:30] for each in MISTAKES])
def test_a_mistake_is_told_with_its_line(old, new, line, message):
    assert RIGHT.count(old) >= 1
    found = problem(RIGHT.replace(old, new, 1)).splitlines()
    told = [each for each in found if each.startswith(f"run.toml:{line}: ") and re.search(message, each)]
    assert told, "\n".join(found)
    assert re.search("must be|must have", told[0])


def test_all_mistakes_are_told_at_once():
    text = RIGHT.replace("seed = 3", "seed = -1").replace("epochs = 2", "epochs = 0")
    assert [line.partition(": ")[0] for line in problem(text).splitlines()] == ["run.toml:1", "run.toml:22"]


def test_a_file_that_is_missing_or_none(tmp_path):
    with pytest.raises(ConfigError, match=r"there is no file .*none\.toml"):
        load(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "bytes.toml")


LAYOUTS = """\
# seed = 1
top = [
  1, # ]
  2,
]
text = '''
[no.table]
key = 1
'''
[a.b] # a comment
"quoted key" = { x = 1, y = { z = 2 } }
c.d = 4
[[list]]
n = 1

[[list]]

n = 2
sub = [
  { first = 1 },
  { second = 2 },
]
"""


def test_lines_are_found_in_every_layout():
    source = read(LAYOUTS)
    wanted = {
        ("top",): 2, ("text",): 6, ("a",): 10, ("a", "b"): 10, ("a", "b", "quoted key"): 11, ("list", 0, "n"): 14,
        ("a", "b", "quoted key", "y", "z"): 11, ("a", "b", "c", "d"): 12, ("list", 1): 16, ("list", 1, "n"): 18,
        ("list", 1, "sub", 0, "first"): 20, ("list", 1, "sub", 1, "second"): 21,
    }  # fmt: skip
    assert {place: source.lines[place] for place in wanted} == wanted
    assert set(source.lines) == set(places(source.content))
    assert source.at(("a", "b", "missing")) == "run.toml:10"


def test_other_values_for_some_keys():
    source = read(RIGHT)
    config = overridden(
        checked(source), source, {"network.layers.1.size": 7, "loss.rate.low": 0.5, "neurons.a.model": "lif"}
    )
    assert (config.network.layers[1].size, config.loss.rate.low, config.neurons["a"].model) == (7, 0.5, "lif")
    assert config.network.layers[0].size == 5
