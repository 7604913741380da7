"""What a configuration can name: data, models, losses, readouts, optimisers, schedules, samplers."""

import inspect
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import optax

from symbolic import models
from symbolic.derive import METHODS as METHODS

from ... import datasets, losses
from ..samplers import PRUNERS as PRUNERS
from ..samplers import SAMPLERS as SAMPLERS
from .kinds import Argument, arguments

#: Data sets by name; those in the second row need files.
_GENERATED = {"digits": datasets.digits, "randman": datasets.randman, "yin_yang": datasets.yin_yang}
_RECORDED: dict[str, Callable[..., Any]] = {
    "braille": datasets.braille, "mnist": datasets.mnist, "shd": datasets.shd, "ssc": datasets.ssc,
}  # fmt: skip
DATA_FUNCTIONS: Mapping[str, Callable[..., Any]] = _GENERATED | _RECORDED
DATA_WITHOUT_FILES, DATA = tuple(_GENERATED), (*DATA_FUNCTIONS, "file.py:function")
MODELS = (*models.names(), "file.py:object")

#: Losses of one trial: of spike times or voltages and a label, and of spike trains and targets.
CLASSIFYING = ("first_spike_cross_entropy", "shift_invariant", "cross_entropy")
OF_TRAINS = ("spike_time_error", "van_rossum", "count")
LOSSES = (*CLASSIFYING, *OF_TRAINS, "file.py:function")
READOUTS = (
    "first_spike_times", "ordinary_spike_times", "spike_times", "max_over_time", "mean_over_time",
    "exponentially_weighted", "recording",
)  # fmt: skip

OPTIMIZERS = (
    "adabelief", "adam", "adamw", "adamax", "nadam", "radam", "rmsprop", "sgd", "lion", "lamb", "adagrad",
)  # fmt: skip
SCHEDULES = (
    "cosine_decay_schedule", "exponential_decay", "linear_schedule", "polynomial_schedule",
    "warmup_cosine_decay_schedule", "warmup_exponential_decay_schedule", "cosine_onecycle_schedule",
)  # fmt: skip
SURROGATES = (
    "superspike", "fast_sigmoid", "atan", "sigmoid", "triangular", "gaussian", "rectangular", "straight_through",
)  # fmt: skip
#: What the learning rate and the number of steps give.
_STARTS, _STEPS = ("init_value", "peak_value"), ("decay_steps", "transition_steps")


def file_and_object(name: str) -> tuple[str, str] | None:
    """Return the parts of `file.py:object`, None if it is of another form."""
    path, colon, attribute = name.rpartition(":")
    return (path, attribute) if colon and path.endswith(".py") and attribute.isidentifier() else None


def data_arguments(name: str) -> Mapping[str, Argument] | None:
    """Return the arguments of a data set; None if it is not of the library."""
    if name not in DATA_FUNCTIONS:
        return None
    return _arguments(DATA_FUNCTIONS[name], ("seed", "split") if name == "yin_yang" else ("seed", "stream"))


def loss_arguments(name: str) -> Mapping[str, Argument] | None:
    """Return the arguments of a loss beside readout, label and targets; None if it is not of the library."""
    if name not in (*CLASSIFYING, *OF_TRAINS):
        return None
    given = ("times", "label", "values", "targets", "target_counts", "duration")
    return _arguments(getattr(losses, name), given)


def optimizer_arguments(name: str) -> Mapping[str, Argument] | None:
    """Return the arguments of an optimiser beside the learning rate."""
    return _arguments(getattr(optax, name), ("learning_rate",)) if name in OPTIMIZERS else None


def schedule_arguments(name: str) -> Mapping[str, Argument] | None:
    """Return the arguments of a schedule; steps may be given as epochs, and are by default those of the training."""
    if name not in SCHEDULES:
        return None
    found = dict(_arguments(getattr(optax, name), _starts(name)))
    for each in [each for each in found if each.endswith("_steps")]:
        if each in _STEPS:
            found[each] = Argument(found[each].kind, None, "steps; by default all of the training")
        doc = f"the same in epochs, instead of `{each}`"
        found[each.replace("_steps", "_epochs")] = Argument(_number(), None, doc)
    return found


def _starts(name: str) -> tuple[str, ...]:
    """The arguments of a schedule that the learning rate gives: its peak if it has one."""
    names = inspect.signature(getattr(optax, name)).parameters
    return ("peak_value",) if "peak_value" in names else ("init_value",)


def schedule(name: str, rate: float, options: Mapping[str, Any], steps_per_epoch: int, epochs: int) -> Any:
    """Return a schedule of optax.

    Args:
        name: Its name.
        rate: The learning rate that it starts from, or its peak.
        options: Its other arguments.
        steps_per_epoch: Steps in an epoch.
        epochs: Epochs of the training.
    """
    given = {key: value for key, value in options.items() if value is not None and not key.endswith("_epochs")}
    for key, value in options.items():
        if key.endswith("_epochs") and value is not None:
            given[key.replace("_epochs", "_steps")] = round(value * steps_per_epoch)
    for key in _STEPS:
        if key in schedule_arguments(name) and key not in given:  # pyright: ignore[reportOperatorIssue]
            given[key] = steps_per_epoch * epochs
    return getattr(optax, name)(**dict.fromkeys(_starts(name), rate), **given)


@lru_cache
def _arguments(function: Callable[..., Any], omitted: tuple[str, ...]) -> Mapping[str, Argument]:
    return arguments(function, omitted)


def _number() -> Any:
    from .kinds import NUMBER

    return NUMBER
