"""Constructors of `Spikes` from recordings: trials of different lengths, lists of events, rasters of counts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ._ragged import flat_from_events, flat_from_raster, flat_from_trials, padded
from ._time_units import MILLISECONDS, time_factor
from ._typing import ArrayLike

if TYPE_CHECKING:
    from .spikes import Spikes


def from_trials(
    cls: "type[Spikes]",
    trials: Sequence[tuple[ArrayLike, ArrayLike]],
    *,
    unit: str | float | None = None,
    to: str = MILLISECONDS,
) -> "Spikes":
    """Make a batch from trials of different lengths, each sorted by time and padded to the longest.

    Args:
        cls: `Spikes`.
        trials: Times and sources of each trial, of any numeric types; entries with time inf are left out.
        unit: The unit of the given times: text such as `"us"`, or its length in time units of the network, a number.
            None if they are in the time unit of the network already.
        to: The time unit of the network, that of its time constants, where `unit` is text: `"s"`, `"ms"`, ..., or a
            multiple such as `"20 ms"`, in multiples of which the times are then.

    Raises:
        ValueError: naming the trial and the entry that is wrong, or if a unit is unknown.

    Example:
        >>> from smoothspike import Spikes
        >>> Spikes.from_trials([([0.02, 0.01], [3, 7]), ([], [])], unit="s").times.tolist()
        [[10.0, 20.0], [inf, inf]]
        >>> Spikes.from_trials([([0.02, 0.01], [3, 7])], unit="s", to="20 ms").times.tolist()
        [[0.5, 1.0]]
    """
    return cls(*padded(flat_from_trials(trials, time_factor(unit, to), "trials[{}]".format)))


def from_events(
    cls: "type[Spikes]",
    times: ArrayLike,
    sources: ArrayLike,
    trials: ArrayLike,
    *,
    num_trials: int | None = None,
    unit: str | float | None = None,
    to: str = MILLISECONDS,
) -> "Spikes":
    """Make a batch from a list of events in any order, each with the number of its trial.

    Args:
        cls: `Spikes`.
        times: Spike times.
        sources: The source of each spike.
        trials: The trial of each spike, counted from 0.
        num_trials: The number of trials, the last of which may be silent; by default up to the last that is not.
        unit: The unit of the given times; see `from_trials`.
        to: The time unit of the network; see `from_trials`.

    Raises:
        ValueError: naming the entry that is wrong, or if a unit is unknown.

    Example:
        >>> from smoothspike import Spikes
        >>> Spikes.from_events([0.5, 2.0, 1.0], [4, 5, 6], trials=[1, 0, 1]).sources.tolist()
        [[5, 0], [4, 6]]
    """
    return cls(*padded(flat_from_events(times, sources, trials, num_trials, time_factor(unit, to))))


def from_raster(
    cls: "type[Spikes]",
    raster: ArrayLike,
    dt: float,
    *,
    unit: str | float | None = None,
    to: str = MILLISECONDS,
) -> "Spikes":
    """Make spikes from counts in time bins: those of bin k spike at `k * dt`.

    Args:
        cls: `Spikes`.
        raster: Counts in shape (..., bins, sources), whole numbers of any type; `np.moveaxis` brings axes into order.
        dt: The width of a bin.
        unit: The unit of `dt`; see `from_trials`.
        to: The time unit of the network; see `from_trials`.

    Raises:
        ValueError: if a count is negative or not whole, `dt` is not positive, or a unit is unknown.

    Example:
        >>> from smoothspike import Spikes
        >>> spikes = Spikes.from_raster([[0, 1], [0, 0], [2, 0]], dt=0.5)
        >>> spikes.times.tolist(), spikes.sources.tolist()
        ([0.0, 1.0, 1.0], [1, 0, 0])
    """
    flat, batch = flat_from_raster(raster, dt, time_factor(unit, to))
    times, sources = padded(flat)
    return cls(times.reshape(*batch, times.shape[-1]), sources.reshape(*batch, times.shape[-1]))
