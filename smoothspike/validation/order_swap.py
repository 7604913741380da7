"""Order swaps, measured: how smoothly a spike time depends on an input that passes the own spike, or another input."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from ..numerics.trajectory import DONE
from .random_trials import FREE, Trials, similar_weights
from .trials import Simulator

#: Delays on either side, in units of the natural time: each is half the one before.
DELAYS = 2.0 ** -np.arange(6.0, 21.0)
_ROUNDING = 5e-14  # of a spike time
_VISIBLE = 1e5  # times rounding: smaller effects have too few digits to show a singularity
_WINDOW, _STEADY = 4, 0.1
_INTEGER = 0.06
_SIDE_BY_SIDE = 1e-9


class SingularPower(NamedTuple):
    """The leading singular term of a function of a delay.

    Attributes:
        power: The least power of the delay that is absent from smooth functions: 1 for a kink, 2 where the second
            derivative jumps, 4/3 or 1/2 for roots; `inf` if none was found, NaN if nothing could be measured.
        resolved: The power up to which the data resolve a singularity: 2, 3 or 4; 0 if nothing could be measured.
    """

    power: float
    resolved: float


def singular_power(after: Float[np.ndarray, " delays"], before: Float[np.ndarray, " delays"]) -> SingularPower:
    """Compare values at `DELAYS` after a coincidence with those at the same delays before it.

    A smooth function is a series of integer powers, odd ones in the difference of both sides and even ones in their
    sum. Combinations of neighbouring delays cancel the constant, linear and quadratic terms: the remainder of a smooth
    function falls like the third power in the difference and like the fourth in the sum.
    """
    both, difference = after + before, after - before
    if not np.isfinite(both).all():
        return SingularPower(np.nan, 0)
    rounding = _ROUNDING * np.abs([after, before]).max()
    if max(np.ptp(after), np.ptp(before), np.abs(difference).max()) <= _VISIBLE * rounding:
        return SingularPower(np.nan, 0)
    even = both[:-1] - both[1:]
    odd = difference[:-1] - 2 * difference[1:]
    higher = even[:-1] - 4 * even[1:]
    powers = [_power(part, rounding) for part in (even, odd, higher)]
    singular = [power for power, parity in zip(powers, (0, 1, 0), strict=True) if not _is_smooth(power, parity)]
    known = [power for power in singular if not np.isnan(power)]
    if known:
        return SingularPower(min(known), min(known))
    missing = [bool(np.isnan(power)) for power in powers]
    if missing[0]:
        return SingularPower(np.nan, 0)
    return SingularPower(np.inf, 2 if missing[1] else 3 if missing[2] else 4)


def _is_smooth(power: float, parity: int) -> bool:
    """Whether the even (0) or odd (1) part of a smooth function can have this leading power; `inf`: it vanishes."""
    nearest = round(power) if np.isfinite(power) else power
    return power == np.inf or bool(abs(power - nearest) < _INTEGER and nearest % 2 == parity and nearest >= 2)


def _power(part: np.ndarray, rounding: float) -> float:
    """The exponent at the smallest delays at which it is steady; `inf` below rounding, NaN if it is never steady."""
    size = np.abs(part)
    if size.max() <= 10 * rounding:
        return np.inf
    lost = np.flatnonzero(size <= rounding)
    size = size[: lost[0]] if len(lost) else size
    slopes = np.log2(size[:-1] / size[1:])
    for end in range(len(slopes), _WINDOW - 1, -1):
        window = slopes[end - _WINDOW : end]
        if np.ptp(window) < _STEADY:
            return float(np.median(window))
    return np.nan


class Swap(NamedTuple):
    """How a later spike responds, in each trial, as an input passes the own spike, or another input, in time.

    Attributes:
        jump: The difference between the two orders at a negligible delay.
        exponent: The leading singular power of the spike time, see `SingularPower`.
        resolved: The power up to which it was searched for.
    """

    jump: Float[np.ndarray, " trials"]
    exponent: Float[np.ndarray, " trials"]
    resolved: Float[np.ndarray, " trials"]

    @property
    def least(self) -> SingularPower:
        """The lower quartile of the powers (at least the second lowest), with the median resolution."""
        measured = ~np.isnan(self.exponent)
        powers = np.sort(self.exponent[measured])
        if not len(powers):
            return SingularPower(float("nan"), 0)
        place = min(max(1, len(powers) // 4), len(powers) - 1)
        return SingularPower(float(powers[place]), float(np.median(self.resolved[measured])))


def swap_with_spike(simulator: Simulator, trials: Trials, route: int, generator: np.random.Generator) -> Swap:
    """Let an input pass the first spike of each trial, and observe the second, which every trial must have."""
    return _swap(simulator, trials, trials.outcomes.spike_times[:, 0], 1, route, generator)


def swap_with_release(simulator: Simulator, trials: Trials, route: int, generator: np.random.Generator) -> Swap:
    """Let an input pass the end of the refractory time after the first spike, and observe the second spike."""
    release = trials.outcomes.spike_times[:, 0] + simulator.numeric.refractory
    return _swap(simulator, trials, release, 1, route, generator)


def swap_with_input(simulator: Simulator, trials: Trials, route: int, generator: np.random.Generator) -> Swap:
    """Let an input pass the first input of each trial, and observe the first spike after it."""
    first = trials.inputs.times.min(1)
    trials, first = trials.chosen(np.isfinite(first)), first[np.isfinite(first)]
    observed = (trials.outcomes.spike_times <= first[:, None]).sum(1)
    return _swap(simulator, trials, first, observed, route, generator)


def _swap(
    simulator: Simulator,
    trials: Trials,
    events: np.ndarray,
    observed: Any,
    route: int,
    generator: np.random.Generator,
) -> Swap:
    """Put an input at delays before and after an event of each trial, and compare the spike times."""
    count, scale, points = len(trials), simulator.numeric.time_scale, len(DELAYS)
    if not count:
        return Swap(np.zeros(0), np.zeros(0), np.zeros(0))
    apart = np.abs(np.where(np.isfinite(trials.inputs.times), trials.inputs.times, np.inf) - events[:, None])
    clear = ((apart > 3 * DELAYS[0] * scale) | (apart == 0)).all(1)
    delays = scale * np.concatenate([DELAYS, -DELAYS, [_SIDE_BY_SIDE, -_SIDE_BY_SIDE]])
    routes = np.full((count, 1), route)
    weights = similar_weights(simulator, trials, routes, generator)
    grid = trials.inputs.repeated(len(delays)).with_input(
        FREE, times=(events[:, None] + delays).ravel(), weights=np.repeat(weights, len(delays)),
        routes=np.repeat(routes, len(delays)),
    )  # fmt: skip
    outcomes = simulator(grid)
    spikes = outcomes.spike_times.reshape(count, len(delays), -1)
    later = spikes[np.arange(count), :, np.broadcast_to(observed, count)]
    later = later[(outcomes.status.reshape(count, -1) == DONE).all(1) & np.isfinite(later).all(1) & clear]
    powers = np.array([singular_power(row[:points], row[points:-2]) for row in later]).reshape(-1, 2)
    return Swap(np.abs(later[:, -2] - later[:, -1]), powers[:, 0], powers[:, 1])
