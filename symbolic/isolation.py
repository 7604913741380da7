"""Zeros that have no closed form, isolated by interval arithmetic so that none is lost."""

import itertools
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath
import sympy as sp

from .enclosure import (
    Field,
    Interval,
    arithmetic_of,
    as_interval,
    enclosure,
    exactly,
    factors_of,
    field_of,
    inside,
    outward,
    sign_at,
)
from .errors import ModelError

#: How far from zero a field that is no polynomial is searched.
WINDOW = 2.0**20
DIGITS = 25
_PRECISE = 45
_MAX_BOXES = 20_000
_NARROW, _NARROWEST = Fraction(1, 10**5), Fraction(1, 10**45)  # of a box, relative to its place
_HIGHEST_ORDER, _DEPTH = 8, 2
_MOST_BITS, _REFINED = 1024, 240
_PIECES = (sp.Piecewise, sp.Abs, sp.Max, sp.Min, sp.sign, sp.Heaviside)


def rounded(number: Any) -> sp.Expr:
    """Return a fraction that agrees with a number in the first 25 digits."""
    return sp.Rational(str(sp.N(number, DIGITS)))


def precisely(expression: Any, variable: sp.Symbol) -> Callable[[Any], Any]:
    """Turn an expression into a function that is evaluated with 45 digits."""
    function: Any = sp.lambdify(variable, expression, "mpmath")

    def evaluate(value: Any) -> Any:
        with mpmath.workdps(_PRECISE):
            return mpmath.mpmathify(function(mpmath.mpf(value)))

    return evaluate


def isolate(expression: Any, variable: sp.Symbol, low: float | Fraction, high: float | Fraction) -> list[Any]:
    """Halve intervals until each one has provably no zero, or exactly one; return the zeros as fractions.

    Each factor of the expression is searched apart, and each piece of a piecewise one. Polynomials with rational
    coefficients are solved exactly. A multiple zero is found where it is a simple fraction. Where a piecewise
    expression jumps from one sign to the other, that counts as a zero.

    Raises:
        ModelError: if a zero cannot be told from a near miss, or two zeros agree in 25 digits.

    Example:
        >>> V = sp.Symbol("V", real=True)
        >>> isolate(sp.exp(V) - 1, V, -100, 100), isolate(sp.exp(V) - V - 1, V, -100, 100)
        ([0], [0])
    """
    expression, ends = exactly(expression), (Fraction(low), Fraction(high))
    if expression.has(*_PIECES):
        pieces = _pieces(expression, variable, *ends)
        found = [zero for piece, *part in pieces for zero in _zeros(piece, variable, *part)]
        found += _jumps(expression, variable, pieces)
    else:
        found = _zeros(expression, variable, *ends)
    return sorted({_tidy(zero, expression, variable) for zero in found})


def _tidy(zero: Any, expression: Any, variable: sp.Symbol) -> Any:
    """A simple fraction where that is exactly the zero."""
    fraction: Any = rounded(zero)
    simple = fraction.limit_denominator(10_000)
    return simple if abs(simple - fraction) < 1e-18 and expression.subs(variable, simple) == 0 else fraction


def _pieces(
    expression: Any, variable: sp.Symbol, low: Fraction, high: Fraction
) -> list[tuple[Any, Fraction, Fraction]]:
    """Where an expression is made of several, each of them with the part of the line on which it holds."""
    folded: Any = sp.piecewise_fold(expression.rewrite(sp.Piecewise))
    if not isinstance(folded, sp.Piecewise):
        return [(folded, low, high)]
    branches: Any = folded.args
    relations: set[Any] = {atom for _, condition in branches for atom in condition.atoms(sp.core.relational.Relational)}
    edges = {zero for relation in relations for zero in isolate(relation.lhs - relation.rhs, variable, low, high)}
    slack = {Fraction(int(edge.p), int(edge.q)): _slack(edge, relations, variable) for edge in edges}
    slack |= {low: Fraction(0), high: Fraction(0)}
    places = sorted(slack)
    found = []
    for left, right in itertools.pairwise(places):
        at = inside(left, right)
        middle = sp.Rational(at.numerator, at.denominator)
        piece = next((piece for piece, condition in branches if condition.subs(variable, middle) == sp.true), None)
        if piece is None:
            raise ModelError(f"{expression} is not defined at {variable} = {float(at):.6g}; declare all its pieces")
        found.append((piece, left - slack[left], right + slack[right]))
        if piece == 0:
            raise ModelError(
                f"{expression} vanishes all over from {variable} = {float(left):.6g} to {float(right):.6g}"
            )
    return found


def _slack(edge: Any, relations: set[Any], variable: sp.Symbol) -> Fraction:
    """By how much an edge may lie elsewhere: by nothing where it is exact, else by its last digits."""
    if any((relation.lhs - relation.rhs).subs(variable, edge) == 0 for relation in relations):
        return Fraction(0)
    return Fraction(10, 10**DIGITS) * (1 + abs(Fraction(int(edge.p), int(edge.q))))


def _jumps(expression: Any, variable: sp.Symbol, pieces: list[tuple[Any, Fraction, Fraction]]) -> list[Any]:
    """The places between pieces at which an expression vanishes, or has different signs on either side."""
    found = []
    for (before, _, end), (after, start, _) in itertools.pairwise(pieces):
        at = _rational((end + start) / 2)
        signs = [sign_at(piece, {variable: at}, _MOST_BITS) for piece in (before, after)]
        if set(signs) == {-1, 1} or expression.subs(variable, at) == 0:
            found.append(at)
    return found


def _zeros(expression: Any, variable: sp.Symbol, low: Fraction, high: Fraction) -> list[Any]:
    """The zeros of an expression without kinks."""
    numerator, denominator = sp.fraction(sp.together(expression))
    found: list[Any] = []
    for factor in _factors(numerator):
        if variable in factor.free_symbols:
            found += [zero for zero in _zeros_of_factor(factor, variable, low, high) if zero not in found]
    if variable in denominator.free_symbols:
        for zero in found:
            near = rounded(zero) * (1 + sp.Rational(1, 10**DIGITS)), rounded(zero) * (1 - sp.Rational(1, 10**DIGITS))
            if not enclosure(denominator, {variable: (min(near), max(near))}, 4 * _PRECISE).excludes_zero:
                raise ModelError(f"{expression} divides zero by zero at {variable} = {float(zero):.6g}; cancel it")
    return found


def _factors(expression: Any) -> list[Any]:
    bases = [factor.as_base_exp()[0] if factor.is_Pow and factor.exp.is_positive else factor
             for factor in factors_of(expression)]  # fmt: skip
    return [factor for factor in bases if not isinstance(factor, sp.exp)]


def _zeros_of_factor(expression: Any, variable: sp.Symbol, low: Fraction, high: Fraction) -> list[Any]:
    if expression.is_polynomial(variable):
        polynomial: Any = sp.Poly(expression, variable)
        if polynomial.domain.is_QQ or polynomial.domain.is_ZZ:
            first, last = (sp.Rational(end.numerator, end.denominator) for end in (low, high))
            return [root for root in sorted(set(polynomial.real_roots())) if first <= root <= last]
    return _Isolation(expression, variable).zeros(low, high)


class _Isolation:
    """The zeros of one expression without kinks, that is no polynomial."""

    def __init__(self, expression: Any, variable: sp.Symbol) -> None:
        self._expression, self._variable = expression, variable
        self._fields = [field_of(expression)]

    def zeros(self, low: Fraction, high: Fraction) -> list[Any]:
        """All zeros between two places."""
        found: list[Any] = []
        waiting, boxes = [(low, high)], 0
        while waiting:
            left, right = waiting.pop()
            boxes += 1
            if boxes > _MAX_BOXES:
                raise ModelError(f"the zeros of {self._expression} could not be told apart; write simpler equations")
            zeros = self._known(left, right)
            if zeros is None:
                at = inside(left, right)
                waiting += [(at, right), (left, at)]
                continue
            found += [zero for zero in zeros if zero not in found]
        if len({rounded(zero) for zero in found}) != len(found):
            raise ModelError(
                f"two zeros of {self._expression} agree in {DIGITS} digits; change the parameters a little"
            )
        return found

    def _known(self, left: Fraction, right: Fraction) -> list[Any] | None:
        """The zeros in a closed interval, or None where it must be halved."""
        width = (right - left) / (1 + abs(left))
        bits = 80 + 4 * max(0, width.denominator.bit_length() - width.numerator.bit_length())
        value = self._bounds(0, left, right, bits)
        if value.sign in (1, -1):
            return []
        if value.is_defined and self._bounds(1, left, right, bits).excludes_zero:
            signs = self._sign(left), self._sign(right)
            if 0 in signs:
                return [_rational(left if signs[0] == 0 else right)]
            if None not in signs:
                return [self._bisected(left, right, signs[0] or 0)] if signs[0] != signs[1] else []
        elif value.is_defined and width < _NARROW and (zero := self._multiple(left, right, bits)) is not None:
            return [zero]
        if width < _NARROWEST:
            place = f"near {self._variable} = {float(left):.6g}"
            if not value.is_defined:
                raise ModelError(f"{self._expression} is not defined {place}; restrict or change the equations")
            raise ModelError(
                f"whether {self._expression} vanishes {place} could not be told; change the parameters a little"
            )
        return None

    def _field(self, order: int) -> Field:
        while len(self._fields) <= order:
            self._fields.append(field_of(sp.diff(self._fields[-1].expression, self._variable)))
        return self._fields[order]

    def _bounds(self, order: int, left: Fraction, right: Fraction, bits: int) -> Interval:
        field, arithmetic = self._field(order), arithmetic_of(bits)
        with arithmetic.numbers.active():
            return field.tight(arithmetic, {self._variable: as_interval(arithmetic, left, right)}, _DEPTH)

    def _sign(self, place: Fraction, order: int = 0) -> int | None:
        """The sign of a derivative at a place; zero also where SymPy tells."""
        expression, at = self._field(order).expression, _rational(place)
        found = sign_at(expression, {self._variable: at}, _MOST_BITS)
        if found is None and sp.simplify(expression.subs(self._variable, at)) == 0:
            return 0
        return found

    def _multiple(self, left: Fraction, right: Fraction, bits: int) -> Any:
        """A simple fraction at which some derivatives vanish, and the next one nowhere near: there is no other zero."""
        place = _simplest(left, right)
        if place.denominator > 10_000:
            return None
        for order in range(_HIGHEST_ORDER):
            if order and self._bounds(order, left, right, bits).excludes_zero:
                return _rational(place)
            if self._sign(place, order) != 0:
                return None
        return None

    def _bisected(self, left: Fraction, right: Fraction, sign_left: int) -> Any:
        if left < 0 < right:
            sign = self._sign(Fraction(0))
            if sign == 0:
                return sp.S.Zero
            left, right = (Fraction(0), right) if sign == sign_left else (left, Fraction(0))
        while (wide := right - left) > Fraction(1, 10 ** (DIGITS + 10)) * max(abs(left), abs(right)):
            left, right = self._by_newton(left, right)
            if right - left <= wide / 2:
                continue
            middle = inside(left, right)
            sign = self._sign(middle)
            if sign is None:
                raise ModelError(f"the zero of {self._expression} near {self._variable} = {float(left):.6g} could not "
                                 "be told exactly; change the parameters a little")  # fmt: skip
            if sign == 0:
                return _rational(middle)
            left, right = (middle, right) if sign == sign_left else (left, middle)
        return _rational((left + right) / 2)

    def _by_newton(self, left: Fraction, right: Fraction) -> tuple[Fraction, Fraction]:
        """Where the zero between two places is by the slope between them."""
        arithmetic, middle = arithmetic_of(_REFINED), inside(left, right)
        with arithmetic.numbers.active():
            slope = self._field(1).plain(arithmetic, {self._variable: as_interval(arithmetic, left, right)})
            at = as_interval(arithmetic, middle, middle)
            value = self._field(0).plain(arithmetic, {self._variable: at})
            step = arithmetic.multiply(value, arithmetic.inverse(slope))
            zero = arithmetic.add(at, arithmetic.negative(step))
            if not zero.is_defined:
                return left, right
            low, high = (outward(arithmetic.numbers, end, at) for at, end in enumerate((zero.low, zero.high)))
        return Fraction(max(left, low)), Fraction(min(right, high))


def _rational(place: Fraction) -> Any:
    return sp.Rational(place.numerator, place.denominator)


def _simplest(low: Fraction, high: Fraction) -> Fraction:
    """The fraction of smallest denominator in a closed interval."""
    if low <= 0 <= high:
        return Fraction(0)
    if low < 0:
        return -_simplest(-high, -low)
    whole = -(-low.numerator // low.denominator)
    if whole <= high:
        return Fraction(whole)
    return whole - 1 + 1 / _simplest(1 / (high - (whole - 1)), 1 / (low - (whole - 1)))
