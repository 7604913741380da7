"""Sweeps: one weight or time of a trial is varied, ever more finely around the place where spikes change most."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from ..numerics.trajectory import DONE
from .draws import FREE, Bases, Pilot, alike_weights, one_sign
from .trials import GRID, Inputted, Outcomes, Simulator

_REACH = 0.003  # of the trial, on either side of a spike or an input
_ROUNDS = 7
_NEAR, _FAR = 1e-9, 1e-6  # of the range that is swept: where limits are read off
_SETTLED = 0.02
_LEAST = 1e-4  # of a trial: smaller jumps are not told from rounding


class Leaps(NamedTuple):
    """The largest change found near one place of each sweep.

    Attributes:
        varied: Which input was varied.
        is_time: Whether its time was, or its weight.
        low: One end of the last, narrowest interval.
        high: Its other end.
        leap: The largest change of any spike time over that interval; 0 where the trials could not be compared.
        is_jump: Whether it is a jump: the change remained the same while the interval shrank, and on either side of it
            spike times hardly change. Near an unstable state they change by as much, but never settle on both sides.
    """

    varied: np.ndarray
    is_time: np.ndarray
    low: Float[np.ndarray, " sweeps"]
    high: Float[np.ndarray, " sweeps"]
    leap: Float[np.ndarray, " sweeps"]
    is_jump: Bool[np.ndarray, " sweeps"]


def sweep_inputs(simulator: Simulator, pilot: Pilot, generator: np.random.Generator) -> tuple[Bases, Leaps]:
    """Vary a random weight or time in each of several trials with spikes."""
    bases = pilot.with_spikes(simulator.trials)
    there = np.isfinite(bases.inputs.times).sum(1)
    varied = generator.integers(0, np.maximum(there, 1))
    is_time = (generator.uniform(size=len(bases)) < 0.5) & (there > 0)
    return bases, _closed_in(simulator, bases, varied, is_time, *_ranges(simulator, bases.inputs, varied, is_time))


def sweep_past_spikes(simulator: Simulator, pilot: Pilot, generator: np.random.Generator) -> tuple[Bases, Leaps]:
    """Let another input pass the first spike of trials in which a second one follows."""
    bases = pilot.with_spikes(simulator.trials, at_least=2)
    return _sweep_past(simulator, bases, bases.trial.spike_times[:, 0], generator)


def sweep_past_inputs(simulator: Simulator, pilot: Pilot, generator: np.random.Generator) -> tuple[Bases, Leaps]:
    """Let another input pass the first input of trials with spikes."""
    bases = pilot.with_spikes(simulator.trials)
    bases = bases.chosen(np.isfinite(bases.inputs.times.min(1)))
    return _sweep_past(simulator, bases, bases.inputs.times.min(1), generator)


def _sweep_past(
    simulator: Simulator, bases: Bases, meetings: np.ndarray, generator: np.random.Generator
) -> tuple[Bases, Leaps]:
    """Let another input pass the meetings, so near to them that a small jump stands out among smooth changes."""
    count, model = len(bases), simulator.setting.model
    routes = generator.integers(0, max(len(model.routes), 1), (count, 1))
    inputs = bases.inputs.with_input(
        FREE, times=meetings, weights=alike_weights(simulator, bases, routes, generator), routes=routes[:, 0]
    )
    reach = _REACH * simulator.duration
    low, high = np.maximum(meetings - reach, 0), meetings + reach
    bases = replace(bases, inputs=inputs)
    return bases, _closed_in(simulator, bases, np.full(count, FREE), np.full(count, True), low, high)


def _closed_in(
    simulator: Simulator, bases: Bases, varied: np.ndarray, is_time: np.ndarray, low: np.ndarray, high: np.ndarray
) -> Leaps:
    """Close in on the largest change of spike times between two ends.

    Spike times count up to the trial's end: a spike that leaves through it changes nothing at once. What remains the
    same while the interval shrinks by a factor of 31 again and again is a jump.
    """
    count = len(bases)
    span, rows, history = high - low, np.arange(count), [np.zeros(count)] * 3
    for _ in range(_ROUNDS if count else 0):
        values = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, GRID)
        trial = simulator(varied_inputs(bases.inputs, varied, is_time, values))
        changes = _changes(trial, simulator.duration).reshape(count, GRID)[:, :-1]
        place = np.argmax(changes, axis=1)
        low, high = values[rows, place], values[rows, place + 1]
        history = [*history[1:], changes[rows, place]]
    first, second, leap = history
    is_steady = (np.abs(leap - second) <= 1e-3 * leap) & (np.abs(second - first) <= 1e-2 * second)
    candidates = is_steady & (leap > _LEAST * simulator.duration)
    leaps = Leaps(varied, is_time, low, high, leap, candidates)
    if not candidates.any():
        return leaps
    return leaps._replace(is_jump=candidates & _has_limits(simulator, bases, leaps, span))


def _has_limits(simulator: Simulator, bases: Bases, leaps: Leaps, span: np.ndarray) -> Bool[np.ndarray, " sweeps"]:
    """Whether the spike times on either side of a leap approach a limit, with the leap between both."""
    middle = (leaps.low + leaps.high) / 2
    values = middle[:, None] + span[:, None] * np.array([-_FAR, -_NEAR, _NEAR, _FAR])
    trial = simulator(varied_inputs(bases.inputs, leaps.varied, leaps.is_time, values))
    left, across, right = _changes(trial, simulator.duration).reshape(-1, 4)[:, :3].T
    return (np.maximum(left, right) <= _SETTLED * leaps.leap) & (across >= (1 - _SETTLED) * leaps.leap)


def varied_inputs(inputs: Inputted, varied: np.ndarray, is_time: np.ndarray, values: np.ndarray) -> Inputted:
    """Put values (one row per trial) in the place of a time or weight; trials in the order of the flattened values."""
    grid = inputs.repeated(values.shape[1])
    rows = np.arange(len(grid.times))
    place, as_time = np.repeat(varied, values.shape[1]), np.repeat(is_time, values.shape[1])
    grid.times[rows[as_time], place[as_time]] = values.ravel()[as_time]
    grid.weights[rows[~as_time], place[~as_time]] = values.ravel()[~as_time]
    return grid


def _ranges(simulator: Simulator, inputs: Inputted, varied: np.ndarray, is_time: np.ndarray) -> tuple:
    model = simulator.setting.model
    rows = np.arange(len(varied))
    weight, route = inputs.weights[rows, varied], inputs.routes[rows, varied]
    signs = np.array([one_sign(model, r) for r in model.routes] or [0])[np.maximum(route, 0)]
    low, high = weight - 2 * np.abs(weight), weight + 2 * np.abs(weight)
    low, high = np.where(signs > 0, np.maximum(low, 0), low), np.where(signs < 0, np.minimum(high, 0), high)
    return np.where(is_time, 0.0, low), np.where(is_time, 0.9 * simulator.duration, high)


def _changes(trial: Outcomes, duration: float) -> Float[np.ndarray, " trials"]:
    """The largest change of any spike time from each trial to the next one."""
    times = np.minimum(trial.spike_times, duration)
    changes = np.append(np.max(np.abs(np.diff(times, axis=0)), axis=1), 0.0)
    comparable = (trial.status == DONE) & np.append(trial.status[1:] == DONE, False)
    return np.where(comparable, changes, 0.0)
