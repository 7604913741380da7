"""The loss of a configuration, and what it is a function of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ... import losses
from ...networks import Network
from ...networks.recording import Recording
from ..config import schema
from ..config.functions import CLASSIFYING, OF_TRAINS
from ..config.places import Source
from .objects import explained, from_file

_TIMES = ("first_spike_times", "ordinary_spike_times", "spike_times")
_VOLTAGES = ("max_over_time", "mean_over_time", "exponentially_weighted")
Options = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Readout:
    """What a loss is a function of, by its name in a configuration; with penalties the recording, too."""

    name: str
    spikes: int
    tau: float | None
    with_recording: bool

    def __call__(self, recording: Recording) -> Any:
        """Return spike times or voltages; with the recording if penalties need it."""
        found = self._read(recording)
        return (found, recording) if self.with_recording else found

    def _read(self, recording: Recording) -> Any:
        if self.name == "recording":
            return recording
        if self.name == "spike_times":
            return recording.spike_times(self.spikes)
        if self.name == "ordinary_spike_times":
            return recording.ordinary_spike_times(1)[..., 0]
        if self.name == "exponentially_weighted":
            assert self.tau is not None
            return recording.exponentially_weighted(self.tau)
        return getattr(recording, self.name)()


@dataclass(frozen=True)
class TrialLoss:
    """The loss of a trial: of its readout and label, and penalties of its recording."""

    function: Callable[..., Any]
    options: Options
    late: tuple[float, float] | None = None
    targets: tuple[Any, ...] | None = None
    rate: Options | None = None
    silence: Options | None = None

    def __call__(self, readout: Any, label: Int[Array, ""]) -> Float[Array, ""]:
        """Return the loss."""
        values, recording = readout if self.rate or self.silence else (readout, None)
        if self.late is not None:
            values = losses.bounded_times(values, duration=self.late[0], margin=self.late[1])
        wanted = label if self.targets is None else jnp.asarray(self.targets)[label]
        total = jnp.mean(self.function(values, wanted, **dict(self.options)))
        if recording is None:
            return total
        for penalty, given in ((losses.rate_regulariser, self.rate), (losses.silence_regulariser, self.silence)):
            if given is not None:
                options = dict(given)
                total += options.pop("weight") * penalty(recording, **options)
        return total


def build_loss(table: schema.Loss, network: Network, classes: int, source: Source) -> tuple[TrialLoss, Any]:
    """Return the loss of a trial, and the readout that it is of, None for that of `fit`.

    Raises:
        ConfigError: if the loss does not fit the readout, targets, or the network, with the line.
    """
    with explained(source, ("loss",)):
        ends_in_readout = network.layers[-1].is_readout
        name = _readout_name(table, ends_in_readout)
        _require_fit(table, name, ends_in_readout)
        function = getattr(losses, table.name) if table.name in (*CLASSIFYING, *OF_TRAINS) else None
        function = from_file(table.name, source) if function is None else function
        if not callable(function):
            raise TypeError(f"{table.name} is {type(function).__name__}, but must be a function of readout and label")
        options = _options(dict(table.options) | ({"duration": network.duration} if table.name == "count" else {}))
        late = None if table.late_margin is None else (network.duration, table.late_margin)
        penalties = [None if each is None else _penalty(each) for each in (table.rate, table.silence)]
        targets = _targets(table, classes, network.sizes[-1])
        loss = TrialLoss(function, options, late, targets, *penalties)
        default = "max_over_time" if ends_in_readout else "first_spike_times"
        if name == default and not any(penalties) and targets is None:
            return loss, None
        return loss, Readout(name, table.spikes, table.readout_tau, any(each is not None for each in penalties))


def _readout_name(table: schema.Loss, ends_in_readout: bool) -> str:
    if table.readout is not None:
        return table.readout
    if table.name in OF_TRAINS:
        return "spike_times"
    return "max_over_time" if ends_in_readout else "first_spike_times"


def _require_fit(table: schema.Loss, name: str, ends_in_readout: bool) -> None:
    if name in _TIMES and ends_in_readout:
        raise ValueError(f"readout is {name}, but the last layer is a readout without spikes; it must be one of "
                         f"{', '.join(_VOLTAGES)}")  # fmt: skip
    if name in _VOLTAGES and not ends_in_readout:
        raise ValueError(f"readout is {name}, but the last layer spikes; it must be one of {', '.join(_TIMES)}, or the "
                         "last layer a neuron without spike rule")  # fmt: skip
    if (name == "exponentially_weighted") != (table.readout_tau is not None):
        raise ValueError("readout_tau must be given with readout = exponentially_weighted, and only then")
    of_times = table.name in ("first_spike_cross_entropy", "shift_invariant")
    if (of_times and name not in ("first_spike_times", "ordinary_spike_times")) or (
        table.name == "cross_entropy" and name not in _VOLTAGES
    ):
        wanted = "first_spike_times or ordinary_spike_times" if of_times else ", ".join(_VOLTAGES)
        raise ValueError(f"{table.name} is of {name}, but must be of {wanted}")
    if table.name in OF_TRAINS and name != "spike_times":
        raise ValueError(f"{table.name} is of {name}, but must be of spike_times")
    if table.late_margin is not None and name not in _TIMES:
        raise ValueError(f"late_margin is of spike times, but the readout is {name}; it must be left out")


def _targets(table: schema.Loss, classes: int, outputs: int) -> tuple[Any, ...] | None:
    """Return targets of equal lengths, padded with `inf`, for each class and output."""
    if table.targets is None:
        if table.name in OF_TRAINS:
            raise ValueError(f"targets are missing; {table.name} must have for each class a list for each output")
        return None
    if table.name in CLASSIFYING:
        raise ValueError(f"targets must be left out: {table.name} is of the label")
    if table.name == "count":
        numbers = np.asarray(table.targets)
        if numbers.shape != (classes, outputs) or numbers.dtype.kind != "i":
            raise ValueError(f"targets must be whole numbers for each of {classes} classes and {outputs} outputs")
        return tuple(map(tuple, numbers.tolist()))
    shape_is_right = len(table.targets) == classes and all(
        isinstance(trains, tuple | list) and len(trains) == outputs and all(isinstance(t, tuple | list) for t in trains)
        for trains in table.targets
    )
    if not shape_is_right:
        raise ValueError(
            f"targets must be lists of times, for each of {classes} classes one for each of {outputs} outputs, such as "
            "[[[2.5, 7.5]]] for one class and one output"
        )
    longest = max(len(train) for trains in table.targets for train in trains)
    longest = table.spikes if table.name == "spike_time_error" else longest
    if any(len(train) > longest for trains in table.targets for train in trains):
        raise ValueError(f"spikes is {table.spikes}, but must be at least the number of target times of a neuron")
    return tuple(
        tuple((*map(float, train), *[float("inf")] * (longest - len(train))) for train in trains)
        for trains in table.targets
    )


def _penalty(table: Any) -> Options:
    return _options({name: value for name, value in vars(table).items() if value is not None})


def _options(given: Mapping[str, Any]) -> Options:
    return tuple(sorted((name, value) for name, value in given.items() if value is not None))
