"""Trials of different lengths as padded arrays, in NumPy on the host."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from ._checks import first_entry, known, require_positive

_LARGEST_SOURCE = np.iinfo(np.int32).max
#: Names an entry for error messages, given the number of its trial and its place in it.
Place = Callable[[int, int], str]


class Flat(NamedTuple):
    """The spikes of all trials, one after another; trial `i` has the entries `starts[i]` to `starts[i + 1]`."""

    times: np.ndarray
    sources: np.ndarray
    starts: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """The number of spikes in each trial."""
        return np.diff(self.starts)

    def times_at(self, places: np.ndarray) -> np.ndarray:
        """The time of one spike of each trial, by its place among them; inf in a trial without spikes."""
        found = np.full(len(self.lengths), np.inf)
        has_spikes = self.lengths > 0
        found[has_spikes] = self.times[(self.starts[:-1] + places)[has_spikes]]
        return found

    @property
    def distinct_times(self) -> np.ndarray:
        """How many different times each trial has, if it is ascending."""
        is_new = np.ones(len(self.times), bool)
        is_new[1:] = self.times[1:] != self.times[:-1]
        # the first spike of a trial is new, whatever the trial before ended with
        is_new[self.starts[:-1][self.lengths > 0]] = True
        return np.diff(np.concatenate([[0], np.cumsum(is_new)])[self.starts])


def flat_from_trials(
    trials: Sequence[tuple[npt.ArrayLike, npt.ArrayLike]], factor: float, named: Callable[[int], str]
) -> Flat:
    """Join trials, check them, and sort each by time; entries with time inf are left out.

    Args:
        trials: Times and sources of each.
        factor: Times are multiplied by it.
        named: What a trial is called in messages, given its place in the sequence.

    Raises:
        ValueError: naming the trial and the entry that is wrong.
    """
    times, sources = [], []
    for number, trial in enumerate(trials):
        given = _pair(trial, named(number))
        times.append(_numbers(given[0], f"{named(number)}: times"))
        sources.append(_numbers(given[1], f"{named(number)}: sources", whole=True))
        if times[-1].shape != sources[-1].shape:
            raise ValueError(
                f"{named(number)} has {times[-1].size} times and {sources[-1].size} sources, but must have one "
                "source per time"
            )
    starts = np.concatenate([[0], np.cumsum([each.size for each in times], dtype=np.int64)])
    joined = Flat(_joined(times, float), _joined(sources, np.int64), starts)
    return _checked(joined, factor, lambda trial, entry: f"{named(trial)}: {{}}[{entry}]")


def flat_from_events(
    times: npt.ArrayLike, sources: npt.ArrayLike, trials: npt.ArrayLike, num_trials: int | None, factor: float
) -> Flat:
    """Sort events into trials, check them, and sort each trial by time; entries with time inf are left out.

    Raises:
        ValueError: naming the entry that is wrong.
    """
    columns = [_numbers(times, "times"), _numbers(sources, "sources", whole=True), _numbers(trials, "trials", True)]
    sizes = [each.size for each in columns]
    if len(set(sizes)) > 1:
        raise ValueError("times, sources and trials have {}, {} and {} entries, but must have as many".format(*sizes))
    numbers = columns[2]
    number = int(numbers.max(initial=-1)) + 1 if num_trials is None else num_trials
    is_wrong = (numbers < 0) | (numbers >= number)
    if is_wrong.any():
        first = int(np.argmax(is_wrong))
        least = "at least 0" if numbers[first] < 0 else f"below num_trials, {number}"
        raise ValueError(f"trials[{first}] is {numbers[first]}, but must be {least}")
    order = np.argsort(numbers, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(numbers, minlength=number), dtype=np.int64)])
    joined = Flat(columns[0][order], columns[1][order], starts)
    return _checked(joined, factor, lambda trial, entry: f"{{}}[{order[starts[trial] + entry]}] of trial {trial}")


def flat_from_raster(raster: npt.ArrayLike, dt: float, factor: float) -> tuple[Flat, tuple[int, ...]]:
    """Turn counts in time bins into trials; return the shape of the batch, too.

    Raises:
        ValueError: if a count is negative or not whole, there is no axis of time and one of sources, or the width of a
            bin is not positive.
    """
    require_positive("dt", dt)
    counts = np.asarray(raster)
    if counts.ndim < 2:
        raise ValueError(f"raster has shape {counts.shape}, but must have the shape (..., bins, sources)")
    if counts.dtype.kind not in "biuf":
        raise ValueError(f"raster is of type {counts.dtype}, but must be counts of spikes in time bins")
    is_wrong = ~((counts >= 0) & (counts == np.floor(counts)) & np.isfinite(counts))
    if is_wrong.any():
        raise ValueError(f"{first_entry('raster', counts, is_wrong)}, but must be the count of spikes in a time bin")
    *batch, bins, sources = counts.shape
    counts = counts.reshape(math.prod(batch), bins, sources)
    trial, step, source = (np.repeat(each, counts[counts > 0].astype(np.int64)) for each in np.nonzero(counts))
    return flat_from_events(step * float(dt), source, trial, len(counts), factor), tuple(batch)


def padded(flat: Flat, capacity: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return times, padded with inf, and 32-bit sources, in shape (trials, capacity), which fits the longest trial."""
    lengths = flat.lengths
    capacity = int(lengths.max(initial=0)) if capacity is None else capacity
    times = np.full((len(lengths), capacity), np.inf, flat.times.dtype)
    sources = np.zeros((len(lengths), capacity), np.int32)
    is_spike = np.arange(capacity) < lengths[:, None]
    times[is_spike], sources[is_spike] = flat.times, flat.sources
    return times, sources


def floating_type(dtype: Any) -> np.dtype:
    """Return the type of times: single and double precision where JAX has them, else JAX's default."""
    canonical = jax.dtypes.canonicalize_dtype(dtype)
    return np.dtype(canonical if canonical in (np.float32, np.float64) else jax.dtypes.canonicalize_dtype(float))


def in_order(times: np.ndarray, sources: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sort each trial by time, simultaneous spikes in the given order; return the same arrays if they are sorted."""
    if (times[..., 1:] >= times[..., :-1]).all():
        return times, sources
    order = np.argsort(times, axis=-1, kind="stable")
    return np.take_along_axis(times, order, axis=-1), np.take_along_axis(sources, order, axis=-1)


def _pair(trial: Any, name: str) -> tuple[Any, Any]:
    try:
        times, sources = trial
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} is no pair (times, sources), but a {type(trial).__name__}") from error
    return times, sources


def _numbers(values: npt.ArrayLike, name: str, whole: bool = False) -> np.ndarray:
    """Return numbers as a NumPy array with one axis."""
    if known(values) is None:
        raise ValueError(f"{name} are traced, but must be known: make spikes outside jit, vmap and grad")
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} must be an array of numbers ({error})") from error
    if array.ndim != 1:
        raise ValueError(f"{name} have shape {array.shape}, but must have one axis")
    is_whole = array.dtype.kind in "iu"
    if array.size and whole and not is_whole:
        advice = "but must be integers that number from 0; convert them by .astype(int)"
        raise ValueError(f"{name} are of type {array.dtype}, {advice}")
    if not whole and not (is_whole or jnp.issubdtype(array.dtype, np.floating)):
        raise ValueError(f"{name} are of type {array.dtype}, but must be real numbers")
    if whole and array.dtype.kind == "u" and (array > _LARGEST_SOURCE).any():
        entry = first_entry(name, array, array > _LARGEST_SOURCE)
        raise ValueError(f"{entry}, but must be at most {_LARGEST_SOURCE}")
    return array.astype(np.int64) if whole else array


def _joined(arrays: list[np.ndarray], empty: Any) -> np.ndarray:
    """Concatenate; an empty list has no type of its own, and does not determine that of the others."""
    filled = [array for array in arrays if array.size]
    return np.concatenate(filled) if filled else np.zeros(0, empty)


def _checked(flat: Flat, factor: float, place: Place) -> Flat:
    """Check spikes, convert them, and sort each trial by time."""
    given, sources = flat.times, flat.sources
    dtype = floating_type(given.dtype)
    # products in double precision: half precision would overflow, and integers may be large
    times = given if factor == 1 else given.astype(np.float64) * factor
    with np.errstate(over="ignore"):
        times = times.astype(dtype)
    is_padding = np.isposinf(given) if given.dtype.kind not in "iu" else np.zeros(given.shape, bool)
    trial_of = np.repeat(np.arange(len(flat.lengths)), flat.lengths)

    def refuse(is_wrong: np.ndarray, what: str, values: np.ndarray, rule: str) -> None:
        if is_wrong.any():
            first = int(np.argmax(is_wrong))
            trial = int(trial_of[first])
            where = place(trial, first - int(flat.starts[trial])).format(what)
            raise ValueError(f"{where} is {values[first]}, but {rule}")

    refuse(~(given >= 0), "times", given, "spike times must be at least 0")
    refuse(~is_padding & ~np.isfinite(times), "times", given, f"spike times must be numbers of type {dtype}")
    is_beyond = (sources < 0) | (sources > _LARGEST_SOURCE)
    refuse(is_beyond & ~is_padding, "sources", sources, f"sources must be numbered from 0 to {_LARGEST_SOURCE}")
    lengths = flat.lengths
    if is_padding.any():
        times, sources, trial_of = times[~is_padding], sources[~is_padding], trial_of[~is_padding]
        lengths = np.bincount(trial_of, minlength=len(lengths))
    starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    is_back = (times[1:] < times[:-1]) & (trial_of[1:] == trial_of[:-1])
    if is_back.any():
        order = np.lexsort((times, trial_of))
        times, sources = times[order], sources[order]
    return Flat(times, sources.astype(np.int32), starts)
