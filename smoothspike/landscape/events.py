"""The events of a line: found by the order of events in trials, measured by limits from both sides, named by cause."""

from typing import Any

import numpy as np
from jaxtyping import Float

from ..networks._capacity import Capacities
from .causes import Cause, cause_of
from .event import Event
from .lines import CapacityGrown, Evaluator, Line, Rows
from .search import Intervals, changes_between
from .slices import Task

#: Places where the search starts, for every sample.
_STARTS = 33
#: Samples that are searched together.
_GROUP = 16
#: Limits are extrapolated from this distance, in units of the line's length, and 4 and 9 times it.
_NEAR = 1e-8
_MULTIPLES = np.array([1.0, 4.0, 9.0])
#: Smaller jumps, and kinks, relative to the loss and its derivative, are not told from rounding.
_JUMP, _KINK = 1e-9, 1e-6
#: Events that are closer are one, relative to the line's length.
_APART = 1e-12


def events_on(line: Line, task: Task, capacities: Capacities) -> tuple[tuple[Event, ...], int, Capacities]:
    """Find all events of all samples on a line; return how many losses were computed, and the capacity needed."""
    found: list[Event] = []
    evaluations = 0
    for start in range(0, task.size, _GROUP):
        samples = np.arange(start, min(start + _GROUP, task.size))
        while True:
            evaluator = Evaluator(line, task, capacities)
            try:
                found += _of_samples(evaluator, samples)
                break
            except CapacityGrown:
                capacities = evaluator.capacities
            finally:
                evaluations += evaluator.count
    return tuple(sorted(found, key=lambda event: (event.place, event.sample))), evaluations, capacities


def _of_samples(evaluator: Evaluator, samples: np.ndarray) -> list[Event]:
    places = np.linspace(evaluator.line.low, evaluator.line.high, _STARTS)
    rows = evaluator.rows(np.tile(places, len(samples)), np.repeat(samples, _STARTS))
    index = np.arange(len(rows.place)).reshape(len(samples), _STARTS)
    left, right = index[:, :-1].ravel(), index[:, 1:].ravel()
    changes = changes_between(evaluator, Intervals(rows[left], rows[right], np.zeros(left.size, int)))
    changes = changes[np.lexsort((changes.left.place, changes.left.sample))]
    # rounding makes an order change several times near its place
    apart = np.diff(changes.left.place) > _APART * evaluator.line.span
    first = np.append(True, apart | (np.diff(changes.left.sample) != 0))[: len(changes.tries)]
    return _measured(evaluator, changes[first]) if first.any() else []


def _measured(evaluator: Evaluator, changes: Intervals) -> list[Event]:
    """Measure limits from both sides; what makes neither a jump nor a kink is no event."""
    line, watches = evaluator.line, evaluator.watches
    places, samples = (changes.left.place + changes.right.place) / 2, changes.left.sample
    distance = _distances(line, places, samples)
    offsets = distance[:, None] * _MULTIPLES
    around = np.concatenate([places[:, None] - offsets, places[:, None] + offsets], 1)
    rows = evaluator.rows(around.ravel(), np.repeat(samples, 2 * len(_MULTIPLES)))
    index = np.arange(around.size).reshape(around.shape)
    events: list[Event] = []
    for number in range(len(places)):
        left, right = rows[index[number, :3]], rows[index[number, 3:]]
        sides = changes.left[number].history, changes.right[number].history
        cause = cause_of(*sides, watches, line.plane.network.duration)
        if cause is not None:
            events += _event(float(places[number]), int(samples[number]), cause, left, right, float(distance[number]))
    return events


def _distances(line: Line, places: np.ndarray, samples: np.ndarray) -> Float[np.ndarray, " events"]:
    """From how far limits are extrapolated: no other event of the sample, nor the end of the line, is in between."""
    gap = np.where(np.diff(samples) == 0, np.diff(places), np.inf)
    free = np.minimum(np.append(gap, np.inf), np.insert(gap, 0, np.inf))
    ends = np.minimum(places - line.low, line.high - places)
    nearest = np.minimum(free / 20, np.where(ends > 0, ends / 9, np.inf))
    return np.clip(nearest, 1e-12 * line.span, _NEAR * line.span)


def _event(place: float, sample: int, cause: Cause, left: Rows, right: Rows, distance: float) -> list[Event]:
    grazes = cause.grazes and cause.kind == "disappearance", cause.grazes and cause.kind == "appearance"
    (low, slope_low), (high, slope_high) = (
        _limit(rows, sign * distance, each) for rows, sign, each in ((left, -1, grazes[0]), (right, 1, grazes[1]))
    )
    is_jump = abs(high - low) > _JUMP * (1 + abs(low) + abs(high))
    sizes = [abs(each) for each in (slope_low, slope_high)]
    is_kink = not np.isfinite(sizes).all() or abs(slope_high - slope_low) > _KINK * (1e-3 + max(sizes))
    if not (is_jump or is_kink):
        return []
    return [
        Event(
            place, cause.kind, sample, (low, high), (slope_low, slope_high), cause.layer, cause.neuron, cause.spike,
            cause.source, cause.time, is_jump,
        )
    ]  # fmt: skip


def _limit(rows: Rows, step: float, grazes: bool) -> tuple[float, float]:
    """Extrapolate the loss and its derivative to an event from three distances; at a grazing in their square root."""
    value, slope = rows.value, rows.slope
    if grazes and _diverges(slope, abs(step)):
        return float(3 * value[0] - 3 * value[1] + value[2]), float(np.sign(slope[0]) * np.inf)
    return float(value[0] - step * slope[0]), float((4 * slope[0] - slope[1]) / 3)


def _diverges(slope: Any, distance: float) -> bool:
    """Whether a derivative grows like one over the root of the distance, in which 4 times it is twice as far."""
    rise = abs(slope[0] - slope[1]), abs(slope[1] - slope[2])
    # 1/2 and 1/6 of the coefficient; a derivative that is regular leaves a ratio of 3 / 5
    return bool(rise[0] > 2 * rise[1] and abs(slope[0]) * np.sqrt(distance) > _JUMP)
