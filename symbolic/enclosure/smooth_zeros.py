"""Zeros of one smooth expression, by halving intervals until each has provably none, or exactly one."""

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import sympy as sp

from ..errors import ModelError
from .bounds import arithmetic_of, as_interval, sign_at
from .field import Field, field_of, inside
from .interval import Interval
from .rounding import outward

#: Digits in which two zeros must differ.
DIGITS = 25
#: Bits with which a sign at a place is looked for.
MOST_BITS = 1024
_REFINED = 240
_MAX_BOXES = 20_000
_NARROW, _NARROWEST = Fraction(1, 10**5), Fraction(1, 10**45)  # of a box, relative to its place
_HIGHEST_ORDER, _DEPTH = 8, 2


class Isolation:
    """The zeros of one expression without kinks, in one variable, with its derivatives as far as they are needed."""

    def __init__(self, expression: Any, variable: sp.Symbol, multiples: Iterable[Any] = ()) -> None:
        self._expression, self._variable = expression, variable
        self._fields = [field_of(expression)]
        self._multiples = [field_of(multiple) for multiple in multiples]

    def zeros(self, low: Fraction, high: Fraction) -> list[Any]:
        """All zeros between two places, as fractions with some more than 25 digits."""
        found: list[Any] = []
        waiting, boxes = [(low, high)], 0
        while waiting:
            left, right = waiting.pop()
            boxes += 1
            if boxes > _MAX_BOXES:
                raise ModelError(f"the zeros of {self._expression} could not be separated; write simpler equations")
            zeros = self._known(left, right)
            if zeros is None:
                at = inside(left, right)
                waiting += [(at, right), (left, at)]
                continue
            found += [zero for zero in zeros if zero not in found]
        if len({_digits(zero) for zero in found}) != len(found):
            raise ModelError(
                f"two zeros of {self._expression} agree in {DIGITS} digits; change the parameters a little"
            )
        return found

    def _known(self, left: Fraction, right: Fraction) -> list[Any] | None:
        """The zeros in a closed interval, or None where it must be halved."""
        width = (right - left) / (1 + abs(left))
        bits = 80 + 4 * max(0, width.denominator.bit_length() - width.numerator.bit_length())
        value = self._bounds(0, left, right, bits)
        if value.excludes_zero or any(self._within(form, left, right, bits).excludes_zero for form in self._multiples):
            return []
        if value.is_defined and self._is_monotone(left, right, bits):
            signs = self._sign(left), self._sign(right)
            if 0 in signs:
                return [rational(left if signs[0] == 0 else right)]
            if None not in signs:
                return [self._bisected(left, right, signs[0] or 0)] if signs[0] != signs[1] else []
        elif value.is_defined and width < _NARROW and (zero := self._multiple(left, right, bits)) is not None:
            return [zero]
        if width < _NARROWEST:
            place = f"near {self._variable} = {float(left):.6g}"
            if not value.is_defined:
                raise ModelError(f"{self._expression} is not defined {place}; restrict or change the equations")
            raise ModelError(
                f"whether {self._expression} vanishes {place} could not be decided; change the parameters a little"
            )
        return None

    def _field(self, order: int) -> Field:
        while len(self._fields) <= order:
            self._fields.append(field_of(sp.diff(self._fields[-1].expression, self._variable)))
        return self._fields[order]

    def _is_monotone(self, left: Fraction, right: Fraction, bits: int) -> bool:
        """Whether the expression, or what vanishes with it, rises or falls all over an interval: one zero at most."""
        slopes = [self._field(1), *filter(None, (form.derivative(self._variable) for form in self._multiples))]
        return any(self._within(slope, left, right, bits).excludes_zero for slope in slopes)

    def _bounds(self, order: int, left: Fraction, right: Fraction, bits: int) -> Interval:
        return self._within(self._field(order), left, right, bits)

    def _within(self, field: Field, left: Fraction, right: Fraction, bits: int) -> Interval:
        arithmetic = arithmetic_of(bits)
        with arithmetic.numbers.active():
            return field.tight(arithmetic, {self._variable: as_interval(arithmetic, left, right)}, _DEPTH)

    def _sign(self, place: Fraction, order: int = 0) -> int | None:
        """The sign of a derivative at a place; also zero where SymPy proves it."""
        expression, at = self._field(order).expression, rational(place)
        found = sign_at(expression, {self._variable: at}, MOST_BITS)
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
                return rational(place)
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
                return rational(middle)
            left, right = (middle, right) if sign == sign_left else (left, middle)
        return rational((left + right) / 2)

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
            low, high = (outward(end, at) for at, end in enumerate((zero.low, zero.high)))
        return Fraction(max(left, low)), Fraction(min(right, high))


def _digits(zero: Any) -> str:
    return str(sp.N(zero, DIGITS))


def rational(place: Fraction) -> Any:
    """A fraction as SymPy writes it."""
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
