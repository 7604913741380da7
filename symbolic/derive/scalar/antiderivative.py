"""Antiderivatives of the reciprocal of a field, in a form that can be inverted: `dt = dV / F(V)` on one segment.

The field must be rational in `y = V` or `y = exp(k V)`, and its numerator a product of factors of degree 1 and 2. Then
partial fractions give `sum c log(r(y)) + sum d atan(s(y)) + rest`, in which logarithms are joined so that each `r` is
positive on the segment.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from ...algebra import Factor, coefficients, factor, factored, fraction, multiplied_out, nodes, sign, tidy, vanishes
from ...declare import time as t
from ...errors import DerivationError
from .coordinate import Coordinate, coordinate_of, y
from .partial_fractions import divided, joined, partial_fractions, product

_level: Any = sp.Dummy("level", positive=True)
_MOST_POWERS, _MOST_NODES, _MOST_ROOTS = 12, 150, 2
Row = dict[Any, Any]


@dataclass(frozen=True)
class RationalField:
    """The rational `dt/dy = above / (constant * factors)` of a field; `above` constant term first, factors monic."""

    coordinate: Coordinate
    above: tuple[Any, ...]
    constant: Any
    factors: tuple[Factor, ...]

    def zeros(self, rows: Sequence[Row]) -> list[Any]:
        """The potentials at which the field vanishes."""
        found = [zero for part in self.factors for zero in part.zeros()]
        if self.coordinate.rate == 0:
            return found
        return [tidy(self.coordinate.back(zero)) for zero in found if sign(zero, rows[0]) == 1]


def rational_field(field: Any, potential: Any, rows: Sequence[Row]) -> RationalField:
    """Write a field as a quotient with factors."""
    coordinate = coordinate_of(field, potential)
    if coordinate is None:
        raise DerivationError(f"1/({field}) is not rational in {potential} or an exponential of it")
    stretch = 1 if coordinate.rate == 0 else coordinate.rate * y
    found = fraction(stretch * coordinate.rewritten(field))
    if found is None:
        raise DerivationError(f"1/({field}) is too long to integrate")
    above, below = coefficients(found[1], y), factor(found[0], y, rows)
    poles = factor(found[1], y, rows)
    if below is None or above is None or poles is None:
        raise DerivationError(f"the zeros of {field} have no closed form of roots, so that 1/({field}) has no integral")
    for place in (zero for part in poles[1] for zero in part.zeros()):
        if coordinate.rate == 0 or sign(place, rows[0]) != -1:
            raise DerivationError(f"{field} is infinite at {potential} = {coordinate.back(place)}")
    return RationalField(coordinate, tuple(above), below[0], tuple(below[1]))


@dataclass(frozen=True)
class Antiderivative:
    """`sum c log(r) + sum d atan(s) + rest`, in `y`; its derivative along the flow is 1."""

    coordinate: Coordinate
    logarithms: tuple[tuple[Any, Any], ...]
    arctangents: tuple[tuple[Any, Any], ...]
    rest: Any

    def at(self, potential: Any) -> Any:
        """Its value at a potential."""
        here = self.coordinate.of(potential)
        shorter = (lambda part: part) if potential == self.coordinate.potential else tidy
        terms = [c * sp.log(shorter(r.subs(y, here))) for c, r in self.logarithms]
        terms += [d * sp.atan(shorter(s.subs(y, here))) for d, s in self.arctangents]
        return sp.Add(*terms, self.rest.subs(y, here))

    def until(self, end: Any) -> tuple[Any, Any]:
        """Its increase from the potential to `end`, and its value there, in the same constants."""
        final = self.final(end)
        if final in (sp.oo, -sp.oo):
            raise DerivationError("the spike is reached after an infinite time only")
        here: Any = self.coordinate.of(self.coordinate.potential)
        ends = [_leading(r, self.coordinate.of(end)) for _, r in self.logarithms]
        if any(degree for _, degree in ends):
            return final - self.at(self.coordinate.potential), final
        logarithm = as_atanh if end == sp.oo else lambda ratio: sp.log(tidy(ratio))
        terms = [c * logarithm(level / r) for (c, r), (level, _) in zip(self.logarithms, ends, strict=True)]
        terms += [d * (_angle(s, self.coordinate.of(end)) - sp.atan(s)) for d, s in self.arctangents]
        terms += [_rational_limit(self.rest, self.coordinate.of(end)) - self.rest]
        return sp.Add(*terms).subs(y, here), final

    def final(self, end: Any) -> Any:
        """Its limit at a potential, which may be infinite; `oo` or `-oo` where it diverges."""
        place = self.coordinate.of(end)
        leads = [(c, *_leading(r, place)) for c, r in self.logarithms]
        growth = tidy(sp.Add(*(c * degree for c, _, degree in leads)))
        rest = _rational_limit(self.rest, place)
        if not vanishes(growth) or rest in (sp.oo, -sp.oo):
            return sp.oo
        angles = [d * _angle(s, place) for d, s in self.arctangents]
        return sp.Add(*(c * sp.log(level) for c, level, _ in leads), *angles, rest)

    def inverses(self, amount: Any) -> Iterator[Any]:
        """Potentials at which it has a value: candidates."""
        for candidate in self._inverses(amount):
            yield self.coordinate.back(candidate)

    def _inverses(self, amount: Any) -> Iterator[Any]:
        if self.logarithms and not self.arctangents and self.rest == 0 and len(self.logarithms) == 1:
            ((c, r),) = self.logarithms
            for root in _solved(r, _level):
                yield root.subs(_level, sp.exp(multiplied_out(amount / c)))
        elif self.arctangents and not self.logarithms and self.rest == 0 and len(self.arctangents) == 1:
            ((d, s),) = self.arctangents
            for root in _solved(s, _level):
                yield root.subs(_level, sp.tan(multiplied_out(amount / d)))
        elif self.rest != 0 and not self.arctangents and not self.logarithms:
            for root in _solved(self.rest, _level):
                yield root.subs(_level, amount)

    def flows(self) -> Iterator[Any]:
        """The potential a time `t` later: candidates; none unless it has one term only."""
        here = self.coordinate.of(self.coordinate.potential)
        for candidate in self._flows():
            yield self.coordinate.back(candidate.subs(y, here))

    def _flows(self) -> Iterator[Any]:
        later: Any = sp.Dummy("y_t", real=True)
        count = len(self.logarithms) + len(self.arctangents) + (self.rest != 0)
        if count != 1:
            return
        if self.logarithms:
            ((c, r),) = self.logarithms
            factor_of_time = sp.exp(t / c)
            for root in _solved(r.xreplace({y: later}), r * _level, later, y):
                yield root.subs(_level, factor_of_time)
        elif self.arctangents:
            ((d, s),) = self.arctangents
            cosine, sine = sp.cos(t / d), sp.sin(t / d)
            (root,) = _solved(s, _level)
            yield root.subs(_level, (s * cosine + sine) / (cosine - s * sine))
        else:
            yield from _solved(self.rest.xreplace({y: later}), self.rest + t, later, y)


def as_atanh(ratio: Any) -> Any:
    """The logarithm of a ratio, which is near one at a spike, without rounding the ratio."""
    found = fraction(ratio)
    nearer = None if found is None else fraction((found[0] - found[1]) / (found[0] + found[1]))
    if nearer is None:
        return sp.log(ratio)
    above, below = nearer
    return 2 * sp.atanh(factored(above) / factored(below))


def _leading(r: Any, place: Any) -> tuple[Any, int]:
    """The factor and the exponent with which a rational function of `y` goes as a power of `y`, or its value."""
    if place not in (sp.oo, -sp.oo, 0):
        return tidy(r.subs(y, place)), 0
    found = fraction(r)
    rows = None if found is None else [coefficients(part, y, 2 * _MOST_POWERS) for part in found]
    if rows is None or None in rows:
        raise DerivationError(f"{r} is too long")
    (above, top), (below, bottom) = (_end(row, at_zero=place == 0) for row in rows)
    degree = top - bottom
    return tidy(above / below * (-1 if place == -sp.oo and degree % 2 else 1)), degree


def _end(row: Any, at_zero: bool) -> tuple[Any, int]:
    degrees = [degree for degree, c in enumerate(row) if not vanishes(c)]
    degree = min(degrees) if at_zero else max(degrees)
    return row[degree], degree


def _rational_limit(rest: Any, place: Any) -> Any:
    if not rest.has(y):
        return rest
    level, degree = _leading(rest, place)
    is_infinite = degree < 0 if place == 0 else degree > 0
    return sp.oo if is_infinite else sp.S.Zero if degree else level


def _angle(s: Any, place: Any) -> Any:
    """The arc tangent of an increasing linear function of `y` at a place."""
    return sp.pi / 2 * (1 if place == sp.oo else -1) if place in (sp.oo, -sp.oo) else sp.atan(tidy(s.subs(y, place)))


def _solved(function: Any, level: Any, unknown: Any = y, start: Any = None) -> list[Any]:
    """Where a rational function has a value: candidates; of several real roots those that go on from `start`."""
    found = fraction(function - level)
    row = None if found is None else coefficients(found[0], unknown)
    if row is None or len(row) < 2:
        return []
    degree, ratio = len(row) - 1, row[0] / row[-1]
    if degree == 1:
        return [tidy(-ratio)]
    if degree == 2 and row[1] != 0:
        root = sp.sqrt(tidy(row[1] ** 2 - 4 * row[0] * row[2]))
        return [(-row[1] + turn * root) / (2 * row[2]) for turn in (1, -1)]
    if any(c != 0 for c in row[1:-1]):
        return []
    if start is not None:
        return [start * sp.root(tidy(-ratio / start**degree), degree)]
    roots = [sp.root(tidy(-ratio), degree)]
    return [*roots, -sp.root(tidy(ratio if degree % 2 else -ratio), degree)]


def integrate(field: RationalField, is_positive: Callable[[Any], bool]) -> Antiderivative:
    """Integrate `dt/dy` by partial fractions."""
    factors = [Factor((-zero, sp.S.One), part.power) for part in field.factors if part.discriminant != -1
               for zero in part.zeros()]  # fmt: skip
    factors += [part for part in field.factors if part.discriminant == -1]
    if sum(_has_roots_of_parameters(part) for part in factors) > _MOST_ROOTS:
        raise DerivationError("the integral has too many roots of parameters to be read")
    logarithms: list[tuple[Any, Any]] = []
    arctangents: list[tuple[Any, Any]] = []
    whole, rest_of_division = divided(list(field.above), product(factors))
    rest = [c * y ** (k + 1) / (k + 1) / field.constant for k, c in enumerate(whole)]
    for part in factors:
        others = product([other for other in factors if other is not part])
        for power, above in partial_fractions(rest_of_division, part, others):
            _integrate_fraction([c / field.constant for c in above], list(part.coefficients), power,
                                logarithms, arctangents, rest)  # fmt: skip
    logarithms = [(tidy(c), r if is_positive(r) else -r) for c, r in logarithms if not vanishes(c)]
    arctangents = [(tidy(d), s) for d, s in arctangents if not vanishes(d)]
    parts = [*logarithms, *arctangents, (sp.Add(*rest), sp.S.One)]
    if any(nodes(part, _MOST_NODES) > _MOST_NODES for pair in parts for part in pair):
        raise DerivationError("the integral is too long to be read")
    return Antiderivative(field.coordinate, tuple(joined(logarithms)), tuple(arctangents), tidy(sp.Add(*rest)))


def _has_roots_of_parameters(part: Factor) -> bool:
    roots = {power for c in part.coefficients for power in c.atoms(sp.Pow) if not power.exp.is_Integer}
    return any(power.free_symbols for power in roots)


def _integrate_fraction(
    above: list[Any], below: list[Any], power: int, logarithms: list[Any], arctangents: list[Any], rest: list[Any]
) -> None:
    base = sp.Add(*(c * y**k for k, c in enumerate(below)))
    if len(below) == 2:
        if power == 1:
            logarithms.append((above[0], base))
        else:
            rest.append(above[0] * base ** (1 - power) / (1 - power))
        return
    low, high = (*above, sp.S.Zero)[:2]
    c, b, _ = below
    gap, inner = tidy(4 * c - b**2), tidy(low - high * b / 2)
    if power == 1:
        logarithms.append((high / 2, base))
    else:
        rest.append(high * base ** (1 - power) / (2 * (1 - power)))
    for step in range(power, 1, -1):
        rest.append(inner * (2 * y + b) / ((step - 1) * gap) * base ** (1 - step))
        inner = tidy(inner * 2 * (2 * step - 3) / ((step - 1) * gap))
    root = tidy(sp.sqrt(gap))
    arctangents.append((2 * inner / root, tidy((2 * y + b) / root)))
