"""Checks of the arguments of `fit` and `evaluate`, before anything is compiled."""

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._checks import first_entry, known
from ..datasets import AbstractDataset, Dataset, StreamedDataset
from ..networks import Network
from ..networks._driven import driven_by_currents
from ..spikes import Spikes


def require_network(network: Any) -> None:
    """Raise a TypeError that says what to pass, if it is no network."""
    if not isinstance(network, Network):
        raise TypeError(f"network is {_what(network)}; pass a FeedForward, Recurrent or Sequential")


def require_dataset(name: str, dataset: Any, network: Any, readout: Any, *, every_input: bool = True) -> None:
    """Raise an error unless a network can read and classify a data set.

    Args:
        name: The name of the argument.
        dataset: The samples.
        network: The network.
        readout: The readout; with the default, labels must be outputs of the network.
        every_input: Whether every input of the network must be a channel of the data.

    Raises:
        TypeError: if it is not a data set.
        ValueError: if it is empty, its channels differ from the network's inputs, its labels from the outputs, its
            currents from what the network declares, or all of its spikes lie beyond the trial.

    A warning says so if most of its spikes lie beyond the trial.
    """
    if not isinstance(dataset, AbstractDataset):
        raise TypeError(
            f"{name} is {_what(dataset)}; pass datasets.Dataset(spikes, labels, num_classes=..., num_sources=...), "
            "with spikes = Spikes(times, sources)"
        )
    if len(dataset) == 0:
        raise ValueError(f"{name} has no samples; pass at least one")
    inputs, outputs = network.sizes[0], network.sizes[-1]
    if dataset.num_sources > inputs:
        raise ValueError(
            f"{name}: the data have {dataset.num_sources} input channels, but the network has {inputs} inputs; build "
            f"it with {dataset.num_sources}"
        )
    if every_input and dataset.num_sources < inputs:
        raise ValueError(
            f"{name}: the data have {dataset.num_sources} input channels, but the network has {inputs} inputs, some of "
            f"which would never learn. Build it with {dataset.num_sources}; or, if channels may be silent, make the "
            f"data with num_sources={inputs}"
        )
    if isinstance(dataset, Dataset):  # others are checked as they are read
        dataset.spikes.check_sources(inputs)
        driven_by_currents(network, dataset.currents, dataset.spikes)
    if dataset.currents is None:  # else trials may need no spikes
        _require_times(name, dataset, network.duration)
    if dataset.num_classes is None:
        return
    labels = known(dataset.labels)
    is_default = readout in (network.records.first_spike_times, network.records.max_over_time)
    if is_default and labels is not None and (is_wrong := labels >= outputs).any():
        advice = "" if name == "dataset" else f" of {name}"
        raise ValueError(
            f"{first_entry('labels', labels, is_wrong)}{advice}, but the network has {outputs} outputs, 0 to "
            f"{outputs - 1}, one for each class; build it with {dataset.num_classes}, or pass your own readout if the "
            "loss does not index outputs by label"
        )


def classes_of(dataset: AbstractDataset) -> int | None:
    """Return the number of classes that labels have been checked against; None if they are not known to be below."""
    if not isinstance(dataset, Dataset | StreamedDataset) or dataset.num_classes is None:
        return None
    labels = known(dataset.labels)
    is_checked = labels is not None and bool(((labels >= 0) & (labels < dataset.num_classes)).all())
    return dataset.num_classes if is_checked else None


def _require_times(name: str, dataset: AbstractDataset, duration: float) -> None:
    """Raise an error if no input spike comes within a trial, and warn if few do: times may be in another unit."""
    if isinstance(dataset, StreamedDataset):
        first, each, subject = dataset.first_times, dataset.median_times, "in {:.0%} of the trials, most input spikes"
    else:
        first = each = known(dataset.spikes.times) if isinstance(dataset, Dataset) else None
        subject = "{:.0%} of the input spikes"
    if first is None or each is None or not np.isfinite(first).any():
        return
    end = f"come at or after the trial end, duration={duration:g},"
    advice = "times are in the unit of the model's time constants; convert them (unit=...), or build a longer network"
    if first.min() >= duration:
        raise ValueError(f"{name}: all input spikes {end} the first at {first.min():g}; {advice}")
    late = np.mean(each[np.isfinite(each)] >= duration)
    if late > 0.5:
        warnings.warn(f"{name}: {subject.format(late)} {end} and do nothing; {advice}", stacklevel=4)


def require_optimizer(optimizer: Any) -> None:
    """Raise a TypeError unless it is an optimiser of optax."""
    if not (callable(getattr(optimizer, "init", None)) and callable(getattr(optimizer, "update", None))):
        advice = f"optax.adabelief({optimizer})" if _is_number(optimizer) else "optax.adabelief(4e-3)"
        raise TypeError(f"optimizer is {_what(optimizer)}; pass an optimiser of optax, such as {advice}")


def require_count(name: str, value: Any, least: int) -> None:
    """Raise an error unless a value is an integer and at least `least`."""
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_whole:
        raise TypeError(f"{name} is {_what(value)}, but must be an integer, at least {least}")
    if value < least:
        raise ValueError(f"{name} is {value}, but must be an integer, at least {least}")


def require_functions(**functions: Any) -> None:
    """Raise a TypeError that names an argument that is not callable."""
    forms = {
        "loss": "a function loss(times, label) of one sample",
        "readout": "a function of a recording, such as lambda record: record.spike_times(2)",
        "augment": "a function augment(spikes, key) of a batch, such as partial(jittered, scale=0.1)",
    }
    for name, function in functions.items():
        if not callable(function):
            raise TypeError(f"{name} is {_what(function)}; pass {forms[name]}")


def require_callbacks(callbacks: Any) -> tuple[Any, ...]:
    """Return callbacks as a tuple, or raise a TypeError that names one that is not callable."""
    found = (callbacks,) if callable(callbacks) else tuple(callbacks)
    for callback in found:
        if not callable(callback):
            raise TypeError(f"callbacks: {_what(callback)} is no function of the network and the history")
    return found


def require_key(key: Any) -> None:
    """Raise a TypeError unless it is a random key."""
    is_array = isinstance(key, jax.Array)
    is_new = is_array and jnp.issubdtype(key.dtype, jax.dtypes.prng_key) and key.ndim == 0
    if not is_new and not (is_array and key.dtype == np.uint32 and key.ndim == 1):
        advice = f"jax.random.key({key})" if isinstance(key, int) else "jax.random.key(0)"
        raise TypeError(f"key is {_what(key)}; pass {advice}")


def augmented(spikes: Any, network: Any) -> Spikes:
    """Return a batch from `augment`, once checked.

    Raises:
        TypeError: if it is not Spikes.
        ValueError: if a source is not an input of the network, or a time is negative or NaN.
    """
    if not isinstance(spikes, Spikes):
        raise TypeError(f"augment returned {_what(spikes)}; return Spikes(times, sources)")
    Spikes(spikes.times, spikes.sources).check_sources(network.sizes[0])
    return spikes


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _what(value: Any) -> str:
    """Describe a wrong argument."""
    if isinstance(value, int | float | str | type(None)):
        return repr(value)
    if callable(value) and hasattr(value, "__name__"):
        return f"{value.__name__}, which is not called" if isinstance(value, type) else f"the function {value.__name__}"
    return f"a {type(value).__name__}"
