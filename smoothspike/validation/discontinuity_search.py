"""Search for discontinuities: vary one weight or time of a trial, and refine where spike times change most."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from ..numerics.trajectory import DONE
from .random_trials import FREE, Screening, Trials, required_sign, similar_weights
from .trials import GRID, InputTrains, Outcomes, Simulator

_REACH = 0.003  # of the trial, on either side of a spike or an input
_ROUNDS = 7
_NEAR, _FAR = 1e-9, 1e-6  # of the range that is searched: where one-sided limits are read
_SETTLED = 0.02
_LEAST = 1e-4  # of a trial: smaller jumps cannot be told from rounding


class Discontinuities(NamedTuple):
    """The largest change that was found in each search.

    Attributes:
        varied: Index of the input that was varied.
        is_time: Whether its time was varied, rather than its weight.
        low: Lower end of the last, narrowest interval.
        high: Upper end.
        change: The largest change of a spike time over that interval; 0 where the trials could not be compared.
        is_jump: Whether it is a jump: the change persists while the interval shrinks, and spike times settle on either
            side. Near an unstable state they change by as much, but do not settle on both sides.
    """

    varied: np.ndarray
    is_time: np.ndarray
    low: Float[np.ndarray, " searches"]
    high: Float[np.ndarray, " searches"]
    change: Float[np.ndarray, " searches"]
    is_jump: Bool[np.ndarray, " searches"]


def vary_inputs(
    simulator: Simulator, screening: Screening, generator: np.random.Generator
) -> tuple[Trials, Discontinuities]:
    """Vary a random weight or time in each of several trials with spikes."""
    trials = screening.with_spikes(simulator.trials)
    count = np.isfinite(trials.inputs.times).sum(1)
    varied = generator.integers(0, np.maximum(count, 1))
    is_time = (generator.uniform(size=len(trials)) < 0.5) & (count > 0)
    return trials, refine(simulator, trials, varied, is_time, *_ranges(simulator, trials.inputs, varied, is_time))


def pass_spikes(
    simulator: Simulator, screening: Screening, generator: np.random.Generator
) -> tuple[Trials, Discontinuities]:
    """Let another input pass the first spike of trials in which a second one follows."""
    trials = screening.with_spikes(simulator.trials, at_least=2)
    return _pass(simulator, trials, trials.outcomes.spike_times[:, 0], generator)


def pass_releases(
    simulator: Simulator, screening: Screening, generator: np.random.Generator
) -> tuple[Trials, Discontinuities]:
    """Let another input pass the end of the refractory time after the first spike."""
    trials = screening.with_spikes(simulator.trials, at_least=2)
    return _pass(simulator, trials, trials.outcomes.spike_times[:, 0] + simulator.numeric.refractory, generator)


def pass_inputs(
    simulator: Simulator, screening: Screening, generator: np.random.Generator
) -> tuple[Trials, Discontinuities]:
    """Let another input pass the first input of trials with spikes."""
    trials = screening.with_spikes(simulator.trials)
    trials = trials.chosen(np.isfinite(trials.inputs.times.min(1)))
    return _pass(simulator, trials, trials.inputs.times.min(1), generator)


def _pass(
    simulator: Simulator, trials: Trials, events: np.ndarray, generator: np.random.Generator
) -> tuple[Trials, Discontinuities]:
    """Let another input pass the events, so close that a small jump stands out from smooth changes."""
    count, model = len(trials), simulator.numeric.model
    routes = generator.integers(0, max(len(model.routes), 1), (count, 1))
    weights = similar_weights(simulator, trials, routes, generator)
    inputs = trials.inputs.with_input(FREE, times=events, weights=weights, routes=routes[:, 0])
    reach = _REACH * simulator.duration
    low, high = np.maximum(events - reach, 0), events + reach
    trials = replace(trials, inputs=inputs)
    return trials, refine(simulator, trials, np.full(count, FREE), np.full(count, True), low, high)


def refine(
    simulator: Simulator, trials: Trials, varied: np.ndarray, is_time: np.ndarray, low: np.ndarray, high: np.ndarray
) -> Discontinuities:
    """Shrink intervals around the largest change of spike times.

    Spike times are cut at the trial end, through which spikes leave continuously. A change that persists while the
    interval shrinks by a factor of 31 several times is a jump.
    """
    count = len(trials)
    span, rows, history = high - low, np.arange(count), [np.zeros(count)] * 3
    for _ in range(_ROUNDS if count else 0):
        values = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, GRID)
        outcomes = simulator(varied_inputs(trials.inputs, varied, is_time, values))
        changes = changes_between(outcomes, simulator.duration).reshape(count, GRID)[:, :-1]
        place = np.argmax(changes, axis=1)
        low, high = values[rows, place], values[rows, place + 1]
        history = [*history[1:], changes[rows, place]]
    first, second, last = history
    is_steady = (np.abs(last - second) <= 1e-3 * last) & (np.abs(second - first) <= 1e-2 * second)
    candidates = is_steady & (last > _LEAST * simulator.duration)
    found = Discontinuities(varied, is_time, low, high, last, candidates)
    if not candidates.any():
        return found
    return found._replace(is_jump=candidates & _has_limits(simulator, trials, found, span))


def _has_limits(
    simulator: Simulator, trials: Trials, found: Discontinuities, span: np.ndarray
) -> Bool[np.ndarray, " searches"]:
    """Whether the spike times on either side of a change approach limits that differ by it."""
    middle = (found.low + found.high) / 2
    values = middle[:, None] + span[:, None] * np.array([-_FAR, -_NEAR, _NEAR, _FAR])
    outcomes = simulator(varied_inputs(trials.inputs, found.varied, found.is_time, values))
    left, across, right = changes_between(outcomes, simulator.duration).reshape(-1, 4)[:, :3].T
    return (np.maximum(left, right) <= _SETTLED * found.change) & (across >= (1 - _SETTLED) * found.change)


def varied_inputs(inputs: InputTrains, varied: np.ndarray, is_time: np.ndarray, values: np.ndarray) -> InputTrains:
    """Return trials with values (one row per trial) for one of their times or weights, in the order of the values."""
    grid = inputs.repeated(values.shape[1])
    rows = np.arange(len(grid.times))
    place, as_time = np.repeat(varied, values.shape[1]), np.repeat(is_time, values.shape[1])
    grid.times[rows[as_time], place[as_time]] = values.ravel()[as_time]
    grid.weights[rows[~as_time], place[~as_time]] = values.ravel()[~as_time]
    return grid


def _ranges(simulator: Simulator, inputs: InputTrains, varied: np.ndarray, is_time: np.ndarray) -> tuple:
    model = simulator.numeric.model
    rows = np.arange(len(varied))
    weight, route = inputs.weights[rows, varied], inputs.routes[rows, varied]
    signs = np.array([required_sign(model, r) for r in model.routes] or [0])[np.maximum(route, 0)]
    low, high = weight - 2 * np.abs(weight), weight + 2 * np.abs(weight)
    low, high = np.where(signs > 0, np.maximum(low, 0), low), np.where(signs < 0, np.minimum(high, 0), high)
    return np.where(is_time, 0.0, low), np.where(is_time, 0.9 * simulator.duration, high)


def changes_between(outcomes: Outcomes, duration: float) -> Float[np.ndarray, " trials"]:
    """The largest change of a spike time from each trial to the next."""
    times = np.minimum(outcomes.spike_times, duration)
    changes = np.append(np.max(np.abs(np.diff(times, axis=0)), axis=1), 0.0)
    comparable = (outcomes.status == DONE) & np.append(outcomes.status[1:] == DONE, False)
    return np.where(comparable, changes, 0.0)
