"""The phase line of a scalar field: its pieces, zeros and signs."""

import itertools
from dataclasses import dataclass
from typing import Any

import sympy as sp

from ...algebra import coefficients, factor, holds, nodes, numbers, sign, value
from ...errors import DerivationError
from ..parameter_rows import Row
from .antiderivative import RationalField, rational_field

_MAX_CASES, _MAX_NODES = 3, 300
_GLUED = (sp.Piecewise, sp.Abs, sp.Max, sp.Min, sp.Heaviside, sp.sign)


@dataclass(frozen=True)
class Segment:
    """A part of the line on which the field is one expression and does not vanish; `sign` is 1 where it rises."""

    low: Any
    high: Any
    field: Any
    rational: RationalField
    sign: int


@dataclass(frozen=True)
class PhaseLine:
    """The phase line up to the spike: components between zeros, each cut into segments where expressions meet."""

    potential: Any
    components: tuple[tuple[Segment, ...], ...]
    zeros: tuple[Any, ...]
    spikes: bool
    rows: tuple[Row, ...]

    def is_valid(self, row: Row) -> bool:
        """Whether the line looks the same at other parameter values."""
        segments = [segment for component in self.components for segment in component]
        ends = [segment.low for segment in segments] + [segments[-1].high]
        try:
            is_ordered = all(sign(b - a, row) == 1 for a, b in itertools.pairwise(ends) if -sp.oo != a and b != sp.oo)
            signs = [sign(segment.field, {**row, self.potential: between(segment.low, segment.high, row)})
                     for segment in segments]  # fmt: skip
        except ArithmeticError:
            return False
        return is_ordered and signs == [segment.sign for segment in segments]


def phase_line(potential: Any, field: Any, end: Any, rows: list[Row]) -> PhaseLine:
    """Find the phase line below a spike."""
    segments: list[Segment] = []
    zeros: list[Any] = []
    for low, high, piece in pieces_of(potential, field, end, rows):
        if sp.sympify(piece) == 0:
            raise DerivationError(f"the field vanishes between {low} and {high}")
        rational = rational_field(piece, potential, rows)
        places = ordered([zero for zero in rational.zeros(rows) if _is_within(low, zero, high, rows)], rows)
        zeros += [place for place in places if not any(same(place, zero, rows[0]) for zero in zeros)]
        for left, right in itertools.pairwise([low, *places, high]):
            if not same(left, right, rows[0]):
                sign_there = _common_sign(piece, potential, left, right, rows)
                segments.append(Segment(left, right, piece, rational, sign_there))
    components: list[list[Segment]] = []
    for segment in segments:
        if not components or any(same(segment.low, zero, rows[0]) for zero in zeros):
            components.append([])
        components[-1].append(segment)
    spikes = segments[-1].sign > 0 and not any(same(end, zero, rows[0]) for zero in zeros)
    inner = [zero for zero in zeros if not same(end, zero, rows[0])]
    return PhaseLine(potential, tuple(map(tuple, components)), tuple(inner), spikes, tuple(rows))


def same(left: Any, right: Any, row: Row) -> bool:
    """Whether two places agree at given parameter values."""
    if left in (sp.oo, -sp.oo) or right in (sp.oo, -sp.oo):
        return left == right
    return sign(left - right, row) == 0


def between(low: Any, high: Any, row: Row, part: float = 3 / 7) -> Any:
    """Return a fraction between two places."""
    if low == -sp.oo and high == sp.oo:
        return sp.Rational(round(1000 * (4 * part - 1)), 1000)
    if low == -sp.oo or high == sp.oo:
        near = value(high if low == -sp.oo else low, row)
        step = part / (1 - part)
        found = near - step if low == -sp.oo else near + step
    else:
        left, right = value(low, row), value(high, row)
        found = left + (right - left) * part
    return sp.Rational(numbers().nstr(found, 25))


def ordered(places: list[Any], rows: list[Row]) -> list[Any]:
    """Places in ascending order, each once."""
    orders = []
    for row in rows:
        try:
            orders.append(sorted(range(len(places)), key=lambda index, row=row: value(places[index], row)))
        except ArithmeticError:
            raise DerivationError("the zeros of the field are not real for all neurons") from None
    if any(order != orders[0] for order in orders):
        raise DerivationError("neurons with different parameters differ in where the field vanishes")
    found: list[Any] = []
    for index in orders[0]:
        if not found or not same(found[-1], places[index], rows[0]):
            found.append(places[index])
    return found


def pieces_of(potential: Any, field: Any, end: Any, rows: list[Row]) -> list[tuple[Any, Any, Any]]:
    """Cut the line below `end` where expressions of a piecewise field meet: start, end and field of each piece."""
    if not field.has(*_GLUED):
        return [(-sp.oo, end, field)]
    if nodes(field, _MAX_NODES) > _MAX_NODES or len(field.atoms(*_GLUED)) > _MAX_CASES:
        raise DerivationError("the field distinguishes too many cases")
    folded: Any = sp.piecewise_fold(field.rewrite(sp.Piecewise))
    if not isinstance(folded, sp.Piecewise):
        return [(-sp.oo, end, folded)]
    branches: Any = folded.args
    places: list[Any] = []
    relations = {atom for _, condition in branches for atom in condition.atoms(sp.core.relational.Relational)}
    for relation in sorted(relations, key=str):
        places += _changes(relation, potential, rows)
    places = [place for place in ordered(places, rows) if end == sp.oo or sign(end - place, rows[0]) == 1]
    return [
        (low, high, _at(branches, potential, between(low, high, rows[0]), rows[0]))
        for low, high in itertools.pairwise([-sp.oo, *places, end])
    ]


def _changes(relation: Any, potential: Any, rows: list[Row]) -> list[Any]:
    """Where a condition changes."""
    if potential not in relation.free_symbols:
        raise DerivationError(f"which equation holds depends on the parameters ({relation})")
    gap = relation.lhs - relation.rhs
    row = coefficients(gap, potential)
    is_plain = row is not None and (len(row) <= 2 or gap.free_symbols == {potential})
    found = factor(gap, potential, rows) if is_plain else None
    if found is None:
        raise DerivationError(f"where {relation} changes cannot be read off its form")
    return [zero for part in found[1] for zero in part.zeros()]


def _at(branches: Any, potential: Any, place: Any, row: Row) -> Any:
    for piece, condition in branches:
        try:
            if holds(condition, {**row, potential: place}):
                return piece
        except ArithmeticError:
            break
    raise DerivationError(f"the field is not defined at {potential} = {place}")


def _is_within(low: Any, place: Any, high: Any, rows: list[Row]) -> bool:
    """Whether a place lies between two others, or on one of them."""
    found = {
        (low == -sp.oo or sign(place - low, row) in (0, 1)) and (high == sp.oo or sign(high - place, row) in (0, 1))
        for row in rows
    }
    if len(found) > 1:
        raise DerivationError("neurons with different parameters differ in where the field vanishes")
    return found.pop()


def _common_sign(field: Any, potential: Any, low: Any, high: Any, rows: list[Row]) -> int:
    signs = {sign(field, {**row, potential: between(low, high, row)}) for row in rows}
    if len(signs) != 1 or None in signs or 0 in signs:
        raise DerivationError("neurons with different parameters differ in where the field vanishes")
    (found,) = signs
    return found or 0
