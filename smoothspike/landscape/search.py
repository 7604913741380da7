"""The search for all places on a line where the order of events in a trial changes.

An interval between two places with different orders is divided until it is as small as rounding allows: near the zero
of a quantity that vanishes there, by Newton's method, else in the middle. In an interval between two places with the
same order, every such quantity is predicted by the cubic through its values and derivatives at both ends, and the error
of that prediction is measured in the middle: unless all cubics on both halves stay above it, the interval is divided,
too. That finds changes which undo one another.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from .lines import Evaluator, Rows
from .signature import Quantity, quantities, signatures

#: In units of the line's length: how exact places are; how exact where only intervals are numbered anew.
_EXACT, _NUMBERED = 2e-14, 1e-7
#: Below this length cubics are trusted without a measurement; below this one an interval is divided no more.
_SHORT, _SHORTEST = 2e-3, 1e-10
#: Spike times that differ by more from what their slopes say, relative to the trial and per relative length, leap.
_LEAP, _LEAP_RATE = 1e-6, 0.05


class Intervals(NamedTuple):
    """Intervals between two places, each for one sample.

    Attributes:
        left: What is known at their left ends.
        right: What is known at their right ends.
        tries: How often it has been tried in vain to find what happens in them.
    """

    left: Rows
    right: Rows
    tries: Int[np.ndarray, " intervals"]

    @property
    def widths(self) -> Float[np.ndarray, " intervals"]:
        """How long they are."""
        return self.right.place - self.left.place

    def __getitem__(self, chosen: Any) -> "Intervals":  # pyright: ignore[reportIncompatibleMethodOverride]
        """Some of them."""
        return Intervals(self.left[chosen], self.right[chosen], self.tries[chosen])

    @classmethod
    def joined(cls, parts: "list[Intervals]") -> "Intervals":
        """All intervals of several parts."""
        lefts, rights, tries = zip(*parts, strict=True)
        return cls(Rows.joined(lefts), Rows.joined(rights), np.concatenate(tries))


def changes_between(evaluator: Evaluator, intervals: Intervals) -> Intervals:
    """Return all intervals of the least length in which the order of events changes."""
    nothing = intervals[np.zeros(0, int)]
    found: list[Intervals] = [nothing]
    while len(intervals.tries):
        left, right = (signatures(each, evaluator.watches) for each in (intervals.left, intervals.right))
        counts, ended = left.counting != right.counting, intervals.widths <= _least(evaluator, intervals)
        found.append(intervals[ended & (counts | _leaps(evaluator, intervals.left, intervals.right))])
        examined = ~counts & ~ended & ((left.whole == right.whole) | _is_far(evaluator, intervals))
        examined |= ~counts & (intervals.widths <= _NUMBERED * evaluator.line.span)
        parts = [
            _divided(evaluator, intervals[~ended & ~examined]),
            _examined(evaluator, intervals[~ended & examined]),
        ]
        intervals = Intervals.joined([nothing, *(part for part in parts if part is not None)])
    return Intervals.joined(found)


def _least(evaluator: Evaluator, intervals: Intervals) -> Float[np.ndarray, " intervals"]:
    """The length at which intervals are divided no more."""
    size = np.maximum(np.abs(intervals.left.place), np.abs(intervals.right.place))
    return np.maximum(_EXACT * evaluator.line.span, 4 * np.spacing(size))


def _leaps(evaluator: Evaluator, left: Rows, right: Rows) -> Bool[np.ndarray, " intervals"]:
    """Whether a spike time jumps though the order is the same: a spike appears, and the last one leaves the trial."""
    widths, duration = right.place - left.place, evaluator.line.plane.network.duration
    allowed = duration * np.maximum(_LEAP, _LEAP_RATE * widths / evaluator.line.span)
    found = np.zeros(len(widths), bool)
    for number, (a, b) in enumerate(zip(left.history, right.history, strict=True)):
        if a is None or b is None:
            continue
        both = np.isfinite(a.spikes) & np.isfinite(b.spikes)
        slopes = left.change[number].spikes + right.change[number].spikes  # pyright: ignore[reportOptionalMemberAccess]
        with np.errstate(invalid="ignore"):
            apart = np.abs(b.spikes - a.spikes - widths[:, None, None] * slopes / 2)
        found |= (np.where(both, apart, 0.0) > allowed[:, None, None]).any((1, 2))
    return found


def _is_far(evaluator: Evaluator, intervals: Intervals) -> Bool[np.ndarray, " intervals"]:
    """Whether potentials stay far below the threshold, however their intervals between events are numbered."""
    duration, watches, widths = evaluator.line.plane.network.duration, evaluator.watches, intervals.widths
    far = np.ones(len(widths), bool)
    for own in (intervals.left, intervals.right):
        for each in quantities(own, intervals.left, watches, duration):
            if each.is_numbered and each.values.shape[1]:
                far &= each.values.min(-1) > 2 * widths * np.abs(each.slopes).max(-1)
    return far


def _examined(evaluator: Evaluator, intervals: Intervals) -> Intervals | None:
    """Divide intervals with the same order at both ends, unless nothing happens in them for certain."""
    if not len(intervals.tries):
        return None
    duration, watches = evaluator.line.plane.network.duration, evaluator.watches
    widths, span = intervals.widths, evaluator.line.span
    renumbered = signatures(intervals.left, watches).whole != signatures(intervals.right, watches).whole
    is_safe = np.ones(len(widths), bool)
    ends = (quantities(each, intervals.left, watches, duration) for each in (intervals.left, intervals.right))
    for a, b in zip(*ends, strict=True):
        is_safe &= (_lowest(a, b, widths) > 0).all(-1) | (renumbered & a.is_numbered)
    leaps = _leaps(evaluator, intervals.left, intervals.right)
    chosen = np.where(widths <= _SHORT * span, leaps | (~is_safe & (widths > _SHORTEST * span)), True)
    if not chosen.any():
        return None
    intervals = intervals[chosen]
    middle = evaluator.rows((intervals.left.place + intervals.right.place) / 2, intervals.left.sample)
    left, between, right = (signatures(each, watches) for each in (intervals.left, middle, intervals.right))
    at_left, at_middle, at_right = (
        quantities(each, intervals.left, watches, duration) for each in (intervals.left, middle, intervals.right)
    )
    renumbered = (left.whole != right.whole) | (left.whole != between.whole)
    done = (left.counting == between.counting) & (intervals.widths > _SHORT * span)
    done &= _is_certain(at_left, at_middle, at_right, intervals.widths, renumbered)
    done &= ~renumbered | _is_far(evaluator, intervals)
    done &= ~_leaps(evaluator, intervals.left, middle) & ~_leaps(evaluator, middle, intervals.right)
    intervals, middle = intervals[~done], middle[~done]
    return Intervals.joined([intervals._replace(right=middle), intervals._replace(left=middle)])


def _is_certain(
    left: list[Quantity],
    middle: list[Quantity],
    right: list[Quantity],
    widths: Float[np.ndarray, " intervals"],
    renumbered: Bool[np.ndarray, " intervals"],
) -> Bool[np.ndarray, " intervals"]:
    """Whether the cubics on both halves stay above the error of the cubic on the whole, which is much larger."""
    certain, half = np.ones(len(widths), bool), widths / 2
    for a, b, c in zip(left, middle, right, strict=True):
        with np.errstate(invalid="ignore"):
            predicted = (a.values + c.values) / 2 + widths[:, None] * (a.slopes - c.slopes) / 8
            error = np.abs(b.values - predicted)
        lowest = np.minimum(_lowest(a, b, half), _lowest(b, c, half))
        applies = np.isfinite(a.values) | np.isfinite(b.values) | np.isfinite(c.values)
        certain &= (~applies | (lowest > error)).all(-1) | (renumbered & a.is_numbered)
    return certain


def _lowest(
    a: Quantity, b: Quantity, widths: Float[np.ndarray, " intervals"]
) -> Float[np.ndarray, "intervals margins"]:
    """Bound from below the cubic through values and derivatives at both ends, by its Bernstein coefficients."""
    third = widths[:, None] / 3
    inner = np.minimum(a.values + third * a.slopes, b.values - third * b.slopes)
    return np.minimum(np.minimum(a.values, b.values), inner)


def _divided(evaluator: Evaluator, intervals: Intervals) -> Intervals | None:
    """Divide intervals in which the order changes: on both sides of where that is expected, or in the middle."""
    if not len(intervals.tries):
        return None
    low, high, widths = intervals.left.place, intervals.right.place, intervals.widths
    root = _expected(evaluator, intervals)
    # the error of an expectation is of second order in the distance
    reach = np.where(intervals.tries % 3 == 0, root - low, high - root)
    with np.errstate(invalid="ignore"):
        around = np.clip(5 * reach**2 / evaluator.line.span, _least(evaluator, intervals) / 4, reach / 2)
        first, second = root - around, root + around
        usable = np.isfinite(root) & (first > low) & (second < high) & (intervals.tries % 3 < 2)
    middle = low + widths / 2
    first, second = np.where(usable, first, middle), np.where(usable, second, middle)
    where, which = np.flatnonzero(usable), intervals.left.sample
    rows = evaluator.rows(np.concatenate([first, second[where]]), np.concatenate([which, which[where]]))
    at_first, at_second = rows[: len(first)], rows[len(first) :]
    plain = np.flatnonzero(~usable)
    new, zeros, tried = at_first, np.zeros_like(intervals.tries), intervals.tries + 1
    parts = [
        Intervals(intervals.left[plain], new[plain], zeros[plain]),
        Intervals(new[plain], intervals.right[plain], zeros[plain]),
        Intervals(intervals.left[where], new[where], tried[where]),
        Intervals(new[where], at_second, zeros[where]),
        Intervals(at_second, intervals.right[where], tried[where]),
    ]
    return Intervals.joined(parts)


def _expected(evaluator: Evaluator, intervals: Intervals) -> Float[np.ndarray, " intervals"]:
    """Where the order is expected to change first, or last at every second try; infinite where nothing is known."""
    duration, watches, widths = evaluator.line.plane.network.duration, evaluator.watches, intervals.widths[:, None]
    at_left, at_right = (
        quantities(each, intervals.left, watches, duration) for each in (intervals.left, intervals.right)
    )
    first, last = np.full(len(widths), np.inf), np.full(len(widths), np.inf)
    for a, b in zip(at_left, at_right, strict=True):
        if not a.values.shape[1]:
            continue
        with np.errstate(all="ignore"):
            if a.is_signed:
                from_left = np.where(b.values < 0, _zero(a, b, widths), np.inf)
                from_right = np.where(np.isfinite(from_left), widths - from_left, np.inf)
            else:
                from_left = np.where((a.slopes < 0) & np.isfinite(a.values), -a.values / a.slopes, np.inf)
                from_right = np.where((b.slopes > 0) & np.isfinite(b.values), b.values / b.slopes, np.inf)
        first = np.minimum(first, from_left.min(-1))
        last = np.minimum(last, from_right.min(-1))
    from_left = intervals.left.place + np.where(first < widths[:, 0], first, np.inf)
    from_right = intervals.right.place - np.where(last < widths[:, 0], last, -np.inf)
    return np.where(intervals.tries % 3 == 0, from_left, from_right)


def _zero(a: Quantity, b: Quantity, widths: Float[np.ndarray, "intervals 1"]) -> Float[np.ndarray, "intervals margins"]:
    """The zero of the parabola through both values and the derivative at the left."""
    bend = (b.values - a.values - a.slopes * widths) / widths**2
    root = np.sqrt(np.maximum(a.slopes**2 - 4 * bend * a.values, 0.0))
    return 2 * a.values / (root - a.slopes)
