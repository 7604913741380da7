"""Antiderivatives of the reciprocal of a field, in a form that can be inverted: `dt = dV / F(V)` on one segment.

The field is made rational where possible, with `y = V` or `y = exp(k V)`. SymPy integrates; what it returns is put in a
normal form, `sum c log(r(y)) + sum d atan(s(y)) + rest`, in which the logarithms are joined so that each `r` is
positive on the segment and tends to one at the spike.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from ..errors import DerivationError
from .writing import as_atanh, without_differences

#: What an antiderivative must not contain: it would not be a formula.
_IMPLICIT = (sp.Integral, sp.RootSum, sp.Order, sp.CRootOf, sp.ConditionSet, sp.Derivative, sp.Subs)
y: Any = sp.Dummy("y", real=True)


@dataclass(frozen=True)
class Coordinate:
    """A coordinate `y` in which a field is rational: the potential itself (`rate` is 0) or `exp(rate * V)`."""

    potential: Any
    rate: Any

    def of(self, place: Any) -> Any:
        """Where a potential lies."""
        if self.rate == 0:
            return place
        if place in (sp.oo, -sp.oo):
            return sp.oo if place == sp.oo else sp.S.Zero
        return sp.exp(self.rate * place)

    def back(self, value: Any) -> Any:
        """Which potential lies there."""
        return value if self.rate == 0 else sp.log(value) / self.rate

    def field(self, field: Any) -> Any:
        """The time derivative of `y`, in terms of `y`."""
        if self.rate == 0:
            return field.subs(self.potential, y)
        powers = _exponentials(field)
        field = powers.xreplace(
            {e: y ** (_slope(e, self.potential) / self.rate) * _factor(e, self.potential)
             for e in powers.atoms(sp.exp) if e.has(self.potential)}
        )  # fmt: skip
        return sp.cancel(self.rate * y * field)


def coordinate_of(field: Any, potential: Any) -> Coordinate:
    """Find the coordinate in which a field is rational; the potential itself where there is none.

    Example:
        >>> V = sp.Symbol("V", real=True)
        >>> coordinate_of(sp.cosh(2 * V), V).rate, coordinate_of(V**3 + V, V).rate
        (2, 0)
    """
    plain = Coordinate(potential, sp.S.Zero)
    if field.is_rational_function(potential):
        return plain
    powers = _exponentials(field)
    found = [e for e in powers.atoms(sp.exp) if e.has(potential)]
    slopes = [_slope(e, potential) for e in found]
    if not slopes or any(slope is None for slope in slopes):
        return plain
    ratios = [sp.simplify(slope / slopes[0]) for slope in slopes]
    if not all(ratio.is_Rational for ratio in ratios):
        return plain
    rate = slopes[0] / sp.ilcm(1, 1, *(ratio.q for ratio in ratios)) * sp.igcd(0, 0, *(ratio.p for ratio in ratios))
    rate = -rate if rate.is_negative else rate
    coordinate = Coordinate(potential, rate)
    rational = coordinate.field(field)
    return coordinate if rational.is_rational_function(y) and not rational.has(potential) else plain


def _exponentials(field: Any) -> Any:
    return sp.expand(field.rewrite(sp.exp), power_exp=False)


def _slope(exponential: Any, potential: Any) -> Any:
    exponent = exponential.exp
    slope = sp.diff(exponent, potential)
    return None if slope.has(potential) else sp.simplify(slope)


def _factor(exponential: Any, potential: Any) -> Any:
    return sp.exp(exponential.exp.subs(potential, 0))


@dataclass(frozen=True)
class Antiderivative:
    """`sum c log(r) + sum d atan(s) + rest`, in `y`; its derivative along the flow is 1."""

    coordinate: Coordinate
    logarithms: tuple[tuple[Any, Any], ...]
    arctangents: tuple[tuple[Any, Any], ...]
    rest: Any

    @property
    def is_simple(self) -> bool:
        """Whether it has one term only, so that it can be inverted by a formula."""
        return len(self.logarithms) + len(self.arctangents) + (self.rest != 0) == 1

    def value(self) -> Any:
        """It, as an expression in `y`."""
        terms = [c * sp.log(r) for c, r in self.logarithms] + [d * sp.atan(s) for d, s in self.arctangents]
        return sp.Add(*terms, self.rest)

    def final(self, end: Any) -> Any:
        """Its value at a place `end` (in `y`), approached from below.

        Raises:
            DerivationError: if it grows without bound.
        """
        terms = [c * sp.log(_limit(r, end)) for c, r in self.logarithms]
        terms += [d * sp.atan(_limit(s, end, infinite=True)) for d, s in self.arctangents]
        return sp.Add(*terms, _limit(self.rest, end))

    def until(self, end: Any) -> tuple[Any, ...]:
        """What it grows by from the potential to a place `end` (in `y`): equal forms, the plainest first.

        Raises:
            DerivationError: if it grows without bound.
        """
        here = self.coordinate.of(self.coordinate.potential)
        ratios = [(c, sp.factor(sp.cancel(_limit(r, end) / r))) for c, r in self.logarithms]
        forms = []
        for logarithm in (sp.log, as_atanh, self._separated):
            for use_atan2 in (False, True):
                terms = [c * logarithm(ratio) for c, ratio in ratios]
                terms += [d * _angle(s, end, use_atan2) for d, s in self.arctangents]
                form = sp.Add(*terms, _limit(self.rest, end) - self.rest).subs(y, here)
                forms += [min(form, sp.powsimp(form), key=lambda form: form.count_ops()), without_differences(form)]
        return tuple(dict.fromkeys(forms))

    def _separated(self, ratio: Any) -> Any:
        """The logarithm of a ratio, with powers of an exponential taken out: they would overflow."""
        rest, power = ratio.as_independent(y, as_Add=False)[0], sp.S.Zero
        for factor in sp.Mul.make_args(ratio.as_independent(y, as_Add=False)[1]):
            base, exponent = factor.as_base_exp()
            if base == y and self.coordinate.rate != 0:
                power += exponent
            else:
                rest *= factor
        return sp.log(rest) + power * self.coordinate.rate * self.coordinate.potential

    def inverses(self, amount: Any, solve: Callable[[Any, Any], list[Any]]) -> list[Any]:
        """Where it has a value: candidates for `y`."""
        if not self.is_simple:
            return solve(self.value() - amount, y)
        if self.logarithms:
            ((c, r),) = self.logarithms
            return _solved(r, sp.exp(sp.expand(amount / c)), solve)
        if self.arctangents:
            ((d, s),) = self.arctangents
            return _solved(s, sp.tan(sp.expand(amount / d)), solve)
        return _solved(self.rest, amount, solve)

    def advanced(self, time: Any, solve: Callable[[Any, Any], list[Any]]) -> list[Any]:
        """Where the flow is a time later: candidates for `y`, in terms of `y` now. None unless it has one term."""
        if not self.is_simple:
            return []
        if self.logarithms:
            ((c, r),) = self.logarithms
            return _solved(r, r * sp.exp(time / c), solve)
        if self.arctangents:
            ((d, s),) = self.arctangents
            cosine, sine = sp.cos(time / d), sp.sin(time / d)
            return _solved(s, (s * cosine + sine) / (cosine - s * sine), solve)
        return _solved(self.rest, self.rest + time, solve)


_level: Any = sp.Dummy("level", real=True)


def _solved(function: Any, level: Any, solve: Callable[[Any, Any], list[Any]]) -> list[Any]:
    """Solve `function(y) = level`: first for a symbol, since what the level is does not matter."""
    return [root.subs(_level, level) for root in solve(sp.fraction(sp.together(function - _level))[0], y)]


def _angle(argument: Any, end: Any, use_atan2: bool) -> Any:
    """`atan(s(end)) - atan(s)`, without cancellation where the former is a right angle."""
    final = _limit(argument, end, infinite=True)
    if not use_atan2 or final not in (sp.oo, -sp.oo):
        return sp.atan(final) - sp.atan(argument)
    return sp.atan2(1, argument) if final == sp.oo else -sp.atan2(1, -argument)


def _limit(expression: Any, end: Any, infinite: bool = False) -> Any:
    value = sp.limit(expression, y, end, "-") if end == sp.oo else expression.subs(y, end)
    if value.has(sp.nan, sp.zoo) or (value.has(sp.oo) and not infinite) or isinstance(value, sp.Limit):
        raise DerivationError("the spike is reached after an infinite time, or SymPy does not find the limit there")
    return value


def integrate(field: Any, potential: Any, is_positive: Callable[[Any, Coordinate], bool]) -> Antiderivative:
    """Integrate `1 / field` and put it into normal form.

    Args:
        field: One expression.
        potential: Its variable.
        is_positive: Whether an expression in `y` is positive on the segment (it has one sign there).

    Raises:
        DerivationError: if SymPy returns something that is not a formula; it says what.
    """
    coordinate = coordinate_of(field, potential)
    reciprocal = sp.cancel(1 / coordinate.field(field))
    raw = sp.integrate(reciprocal, y)
    if raw.has(*_IMPLICIT) and reciprocal.is_rational_function(y):
        raw = sp.Add(*(_integrated(part) for part in sp.Add.make_args(sp.apart(reciprocal, y))))
    implicit = sorted(kind.__name__ for kind in _IMPLICIT if raw.has(kind))
    if implicit:
        raise DerivationError(f"SymPy leaves the integral of 1/({field}) implicit ({', '.join(implicit)})")
    if raw.has(sp.I):
        raise DerivationError(f"SymPy's integral of 1/({field}) is complex")
    return _normal(raw, coordinate, is_positive)


def _integrated(part: Any) -> Any:
    """Integrate a partial fraction; one over a quadratic without real roots by the textbook's formula."""
    above, below = sp.fraction(sp.together(part))
    if not (below.is_polynomial(y) and sp.degree(below, y) == 2 and sp.degree(above, y) <= 1):
        return sp.integrate(part, y)
    above = sp.expand(above)
    a, b, c = sp.Poly(below, y).all_coeffs()
    slope, constant = above.coeff(y, 1), above.coeff(y, 0)
    root = sp.sqrt(4 * a * c - b**2)
    if root.is_positive is not True:
        return sp.integrate(part, y)
    return slope / (2 * a) * sp.log(below) + (2 * a * constant - b * slope) / (a * root) * sp.atan(
        (2 * a * y + b) / root
    )


def _normal(raw: Any, coordinate: Coordinate, is_positive: Callable[[Any, Coordinate], bool]) -> Antiderivative:
    logarithms: list[tuple[Any, Any]] = []
    arctangents, rest = [], []
    for term in sp.Add.make_args(sp.expand(raw, log=False, power_base=False, mul=True)):
        factor, function = term.as_independent(y)
        if isinstance(function, sp.log):
            argument: Any = sp.factor(function.args[0])
            logarithms.append((factor, argument if is_positive(argument, coordinate) else -argument))
        elif isinstance(function, sp.atan):
            arctangents.append((factor, function.args[0]))
        else:
            rest.append(term)
    kept = [term for term in rest if y in term.free_symbols]
    return Antiderivative(coordinate, tuple(_joined(logarithms)), tuple(arctangents), sp.Add(*kept))


def _joined(logarithms: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Join logarithms whose factors have rational ratios into one."""
    groups: list[list[tuple[Any, Any]]] = []
    for factor, argument in logarithms:
        for group in groups:
            if sp.simplify(factor / group[0][0]).is_Rational:
                group.append((factor, argument))
                break
        else:
            groups.append([(factor, argument)])
    joined = []
    for group in groups:
        ratios = [sp.simplify(factor / group[0][0]) for factor, _ in group]
        unit = sp.Rational(sp.igcd(0, 0, *(ratio.p for ratio in ratios)), sp.ilcm(1, 1, *(ratio.q for ratio in ratios)))
        powers = [argument ** (ratio / unit) for ratio, (_, argument) in zip(ratios, group, strict=True)]
        joined.append((group[0][0] * unit, sp.factor(sp.cancel(sp.Mul(*powers)))))
    return joined
