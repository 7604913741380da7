"""Signs at sample points and over boxes, without parameters: by enclosures, so that they are certain."""

from collections.abc import Iterator, Mapping
from itertools import islice, product
from typing import Any

import sympy as sp

from ...enclosure import sign_at, sign_on
from ...errors import ModelError
from .kinds import Expression, Kind, Range

#: How many points are tried.
MOST_POINTS = 250
_SAMPLES = tuple(sp.Rational(number) for number in ("1", "-1", "0", "1/3", "-5/2", "7", "-11", "100", "-1000"))

Point = dict[sp.Symbol, Expression]


def points(states: list[sp.Symbol], ranges: Mapping[sp.Symbol, Range]) -> Iterator[Point]:
    """Admissible points, exact rationals inside the ranges."""
    choices = [[value for value in _SAMPLES if _admits(ranges[state], value)] or _ends(*ranges[state])
               for state in states]  # fmt: skip
    for values in product(*choices):
        yield dict(zip(states, values, strict=True))


def certain_signs(
    expression: Expression, states: list[sp.Symbol], ranges: Mapping[sp.Symbol, Range]
) -> Iterator[tuple[int, Point]]:
    """Signs at admissible points by enclosures; substitution of numbers can keep SymPy busy for ever."""
    for point in islice(points(states, ranges), MOST_POINTS):
        values = {state: point[state] for state in expression.free_symbols}
        if any(value.free_symbols for value in values.values()):
            return
        try:
            sign = sign_at(expression, values)
        except ModelError:  # a function of which no bounds are known
            return
        if sign is not None:
            yield sign, point


def kind_over_box(expression: Expression, box: Mapping[Any, Any], most_boxes: int) -> Kind | None:
    """Which signs an expression takes over a box, where it does not take both."""
    try:
        strict = sign_on(expression, box, most_boxes=most_boxes)
        weak = strict if strict.sign else sign_on(expression, box, strict=False, most_boxes=most_boxes)
    except ModelError:
        return None
    if not weak.sign:
        return None
    return ((Kind.POSITIVE, Kind.NEGATIVE) if strict.sign else (Kind.NONNEGATIVE, Kind.NONPOSITIVE))[weak.sign < 0]


def _admits(limits: Range, value: Expression) -> bool:
    return (limits[0] < value) == sp.true and (value < limits[1]) == sp.true


def _ends(low: Expression, high: Expression) -> list[Expression]:
    inside = [(low + high) / 2, (3 * low + high) / 4] if low.is_finite and high.is_finite else []
    return inside + [end for end in (low, high) if end.is_finite]
