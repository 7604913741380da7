"""The phase line of a scalar field: where pieces are glued, where it vanishes, which way it points in between."""

import itertools
from dataclasses import dataclass
from typing import Any

import sympy as sp

from ..declare import NeuronModel
from ..errors import DerivationError, ModelError
from ..isolation import WINDOW, isolate
from ..limits import Budget, TimeLimit

_MAX_ROWS, _MAX_OPERATIONS, _DIGITS = 8, 40, 40


@dataclass(frozen=True)
class Segment:
    """A part of the line on which the field is one expression and does not vanish.

    Attributes:
        low: Where it begins.
        high: Where it ends.
        field: The field there.
        sign: 1 where the potential rises, -1 where it falls.
    """

    low: Any
    high: Any
    field: Any
    sign: int


@dataclass(frozen=True)
class Arrangement:
    """The phase line up to the spike.

    Attributes:
        components: The parts between zeros of the field, in ascending order, each cut into segments where two
            expressions meet.
        zeros: The zeros of the field between them, in ascending order.
        spikes: Whether the potential rises to the spike from just below it.
    """

    components: tuple[tuple[Segment, ...], ...]
    zeros: tuple[Any, ...]
    spikes: bool

    def is_valid(self, row: dict[Any, Any], potential: Any) -> bool:
        """Whether the line is arranged in the same way at other parameter values."""
        segments = [segment for component in self.components for segment in component]
        ends = [number(segment.low, row) for segment in segments] + [number(segments[-1].high, row)]
        if not all(end.is_extended_real for end in ends) or any(a >= b for a, b in itertools.pairwise(ends)):
            return False
        try:
            signs = [_sign(segment.field, potential, segment.low, segment.high, row) for segment in segments]
        except DerivationError:
            return False
        return signs == [segment.sign for segment in segments]


def arrange(potential: Any, field: Any, end: Any, rows: list[dict[Any, Any]], budget: Budget) -> Arrangement:
    """Arrange the line below a spike.

    Args:
        potential: The symbol of the potential.
        field: Its time derivative, in the potential and parameters.
        end: The spike: a threshold or `oo`.
        rows: Parameter values, which tell signs.
        budget: What the search may take.

    Raises:
        DerivationError: if zeros cannot be found, or not as functions of the parameters, or neurons differ in them.
    """
    segments: list[Segment] = []
    zeros: list[Any] = []
    for low, high, piece in pieces_of(potential, field, end, rows):
        places = _zeros(potential, piece, low, high, rows, budget)
        zeros += [place for place in places if not any(same(place, zero, rows[0]) for zero in zeros)]
        ends = [low, *places, high]
        for left, right in itertools.pairwise(ends):
            if not same(left, right, rows[0]):
                segments.append(Segment(left, right, piece, _common_sign(piece, potential, left, right, rows)))
    components: list[list[Segment]] = []
    for segment in segments:
        if not components or any(same(segment.low, zero, rows[0]) for zero in zeros):
            components.append([])
        components[-1].append(segment)
    at_end = any(same(end, zero, rows[0]) for zero in zeros)
    spikes = segments[-1].sign > 0 and not at_end
    return Arrangement(tuple(map(tuple, components)), tuple(zeros), spikes)


def value_rows(model: NeuronModel) -> list[dict[Any, Any]]:
    """Parameter values at which signs are told: those of the first neurons and of the extreme ones; 1 where open."""
    values = dict(model.parameters)
    single = {symbol: sp.Integer(1) if value is None else value for symbol, value in values.items()}
    several: dict[Any, tuple[Any, ...]] = {
        symbol: tuple(value) for symbol, value in values.items() if isinstance(value, sp.Tuple)
    }
    if not several:
        return [single]
    count = len(next(iter(several.values())))
    chosen = {0, 1 % count, *(column.index(pick(column)) for column in several.values() for pick in (min, max))}
    return [single | {s: column[row] for s, column in several.items()} for row in sorted(chosen)[:_MAX_ROWS]]


def number(expression: Any, row: dict[Any, Any]) -> Any:
    """The value of an expression in parameters with 40 digits; infinite where it is."""
    return sp.sympify(expression).subs(row).evalf(_DIGITS)


def same(left: Any, right: Any, row: dict[Any, Any]) -> bool:
    """Whether two places agree at given parameter values."""
    left, right = number(left, row), number(right, row)
    if left.is_infinite or right.is_infinite:
        return left == right
    return bool(abs(left - right) <= sp.Float("1e-20") * (1 + abs(left)))


def _is_real_and_same(left: Any, right: Any, row: dict[Any, Any]) -> bool:
    return number(left, row).is_real is True and same(left, right, row)


def between(low: Any, high: Any, row: dict[Any, Any]) -> Any:
    """Return a fraction between two places."""
    low, high = number(low, row), number(high, row)
    if low.is_infinite and high.is_infinite:
        return sp.Rational(3, 7)
    if low.is_infinite or high.is_infinite:
        return sp.nsimplify(high - sp.Rational(5, 7) if low.is_infinite else low + sp.Rational(5, 7), rational=True)
    return sp.Rational(str(sp.N((low * 4 + high * 3) / 7, 25)))


def pieces_of(potential: Any, field: Any, end: Any, rows: list[dict[Any, Any]]) -> list[tuple[Any, Any, Any]]:
    """Cut the line below `end` where two expressions of a piecewise field meet: beginning, end and field of each piece.

    Raises:
        DerivationError: if that depends on parameters in a way that is not understood.
    """
    folded: Any = sp.piecewise_fold(field.rewrite(sp.Piecewise)) if field.has(*_GLUED) else field
    if not isinstance(folded, sp.Piecewise):
        return [(-sp.oo, end, folded)]
    places = []
    branches: Any = folded.args
    for relation in {atom for _, condition in branches for atom in condition.atoms(sp.core.relational.Relational)}:
        if potential not in relation.free_symbols:
            raise DerivationError(f"which equation holds depends on the parameters ({relation})")
        gap: Any = relation.lhs - relation.rhs
        found = [place for place in sp.solve(gap, potential) if place.is_real is not False]
        if gap.is_polynomial(potential) and sp.Poly(gap, potential).degree() > 1 and gap.free_symbols - {potential}:
            raise DerivationError(f"where {relation} changes is not told by its form")
        places += found
    places = [place for place in places if number(place, rows[0]).is_real and number(end - place, rows[0]) > 0]
    distinct: list[Any] = []
    for place in sorted(places, key=lambda place: number(place, rows[0])):
        if not distinct or not same(distinct[-1], place, rows[0]):
            distinct.append(place)
    for row in rows:
        numbers = [number(place, row) for place in distinct]
        if numbers != sorted(numbers):
            raise DerivationError("neurons with different parameters differ in the order of the pieces of the field")
    ends = [-sp.oo, *distinct, end]
    return [
        (low, high, _at(folded, potential, between(low, high, rows[0]), rows[0]))
        for low, high in itertools.pairwise(ends)
    ]


_GLUED = (sp.Piecewise, sp.Abs, sp.Max, sp.Min, sp.Heaviside, sp.sign)


def _at(field: Any, potential: Any, place: Any, row: dict[Any, Any]) -> Any:
    for piece, condition in field.args:
        if condition.subs(row).subs(potential, place) == sp.true:
            return piece
    raise DerivationError(f"the field is not defined at {potential} = {place}")


def _zeros(potential: Any, field: Any, low: Any, high: Any, rows: list[dict[Any, Any]], budget: Budget) -> list[Any]:
    """The zeros of one expression in a closed interval, as functions of the parameters."""
    per_row = [_numeric_zeros(potential, field.subs(row), number(low, row), number(high, row), budget) for row in rows]
    if len({len(found) for found in per_row}) != 1:
        raise DerivationError("neurons with different parameters differ in where the field vanishes")
    if not per_row[0]:
        return []
    candidates = _closed_zeros(potential, field, budget)
    if not field.free_symbols - {potential}:
        candidates = [*candidates, *per_row[0]]  # at worst the first 25 digits
    found = []
    for index in range(len(per_row[0])):
        for candidate in candidates:
            if all(_is_real_and_same(candidate, per_row[i][index], row) for i, row in enumerate(rows)):
                found.append(candidate)
                break
        else:
            raise DerivationError(f"the zeros of {field} have no closed form in the parameters")
    return found


def _numeric_zeros(potential: Any, field: Any, low: Any, high: Any, budget: Budget) -> list[Any]:
    try:
        found = budget.spend(1.0, lambda: real_zeros(potential, field))
    except TimeLimit:
        raise DerivationError(f"the zeros of {field} took too long to find") from None
    except ModelError as error:
        raise DerivationError(str(error)) from error
    return [zero for zero in found if _up_to(low, zero) and _up_to(zero, high)]


def _up_to(left: Any, right: Any) -> bool:
    left, right = number(left, {}), number(right, {})
    return bool(left <= right) or same(left, right, {})


def real_zeros(potential: Any, field: Any) -> list[Any]:
    """The real zeros of an expression in one symbol, in ascending order."""
    numerator: Any = sp.fraction(sp.together(field))[0]
    if numerator.is_polynomial(potential):
        polynomial: Any = sp.Poly(numerator, potential)
        if polynomial.is_ground:
            return []
        if polynomial.domain.is_QQ or polynomial.domain.is_ZZ:
            return sorted(set(polynomial.real_roots()))
    return isolate(field, potential, -WINDOW, WINDOW)


def _closed_zeros(potential: Any, field: Any, budget: Budget) -> list[Any]:
    try:
        found = budget.spend(0.7, lambda: sp.solve(field, potential))
    except (TimeLimit, NotImplementedError, ValueError, TypeError):
        return []
    return [zero for zero in found if not zero.has(sp.Piecewise, sp.I) and zero.count_ops() <= _MAX_OPERATIONS]


def _common_sign(field: Any, potential: Any, low: Any, high: Any, rows: list[dict[Any, Any]]) -> int:
    signs = {_sign(field, potential, low, high, row) for row in rows}
    if len(signs) != 1:
        raise DerivationError("neurons with different parameters differ in where the field vanishes")
    return signs.pop()


def _sign(field: Any, potential: Any, low: Any, high: Any, row: dict[Any, Any]) -> int:
    place = between(low, high, row)
    value = number(field.subs(row), {potential: place})
    if not value.is_real or value == 0:
        raise DerivationError(f"the field has no sign at {potential} = {place}")
    return 1 if value > 0 else -1
