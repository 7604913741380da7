"""Intervals that contain all values of something, and arithmetic with them that rounds outwards."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import sympy as sp

from .rounding import Numbers, Pair, outward


@dataclass(frozen=True, slots=True)
class Interval:
    """Bounds of a set of real numbers, and whether the bounds themselves are certainly missed.

    Example:
        >>> V = sp.Symbol("V", real=True)
        >>> from symbolic.enclosure import enclosure
        >>> enclosure(1 - sp.tanh(V), {V: (-sp.oo, sp.oo)})
        (0, 2)
    """

    low: Any
    high: Any
    misses_low: bool
    misses_high: bool
    is_defined: bool

    @property
    def sign(self) -> int | None:
        """The sign of all the numbers; None where it is not the same, or not known."""
        if not self.is_defined:
            return None
        if self.low > 0 or (self.low == 0 and self.misses_low):
            return 1
        if self.high < 0 or (self.high == 0 and self.misses_high):
            return -1
        return 0 if self.low == 0 and self.high == 0 else None

    @property
    def excludes_zero(self) -> bool:
        """Whether all the numbers have the same sign, none of them zero."""
        return self.sign in (1, -1)

    @property
    def lower(self) -> sp.Expr:
        """The lower end, exactly; or below it, where its digits would be too many."""
        return _expression(outward(self.low, 0))

    @property
    def upper(self) -> sp.Expr:
        """The upper end, exactly; or above it, where its digits would be too many."""
        return _expression(outward(self.high, 1))

    def contains(self, number: Any) -> bool:
        """Whether a number lies between the ends; where something has no value, every number does."""
        return not self.is_defined or bool((self.lower <= number) & (number <= self.upper))

    def __repr__(self) -> str:
        if not self.is_defined:
            return "undefined somewhere"
        ends = [str(end if len(str(end)) < 20 else sp.N(end, 15)) for end in (self.lower, self.upper)]
        return f"{'(' if self.misses_low else '['}{ends[0]}, {ends[1]}{')' if self.misses_high else ']'}"


def _expression(end: Fraction | float) -> sp.Expr:
    if isinstance(end, Fraction):
        return sp.Rational(end.numerator, end.denominator)
    return sp.oo if end > 0 else -sp.oo


class Arithmetic:
    """Operations on intervals with numbers of one precision."""

    def __init__(self, numbers: Numbers) -> None:
        self.numbers, self.infinity = numbers, numbers.infinity
        self.everything = Interval(-self.infinity, self.infinity, True, True, True)
        self.undefined = replace(self.everything, is_defined=False)
        self._zero = numbers.ratio(0, 1)[0]
        self.zero = self.of(self._zero, self._zero)
        self.one = self.of(*numbers.ratio(1, 1))
        self.minus_one = self.of(*numbers.ratio(-1, 1))

    def of(self, low: Any, high: Any, misses_low: bool = False, misses_high: bool = False) -> Interval:
        """An interval; it never contains infinity."""
        return Interval(low, high, misses_low or low == -self.infinity, misses_high or high == self.infinity, True)

    def hull(self, parts: Iterable[Interval]) -> Interval:
        """The smallest interval around several."""
        parts = list(parts)
        if not all(part.is_defined for part in parts):
            return self.undefined
        low, misses_low = min((part.low, part.misses_low) for part in parts)
        high = max(part.high for part in parts)
        return self.of(low, high, misses_low, all(part.misses_high for part in parts if part.high == high))

    def add(self, left: Interval, right: Interval) -> Interval:
        """The sums."""
        if not (left.is_defined and right.is_defined):
            return self.undefined
        low, high = -self.infinity, self.infinity
        if left.low != low and right.low != low:
            low = self.numbers.add(left.low, right.low)[0]
        if left.high != high and right.high != high:
            high = self.numbers.add(left.high, right.high)[1]
        return self.of(low, high, left.misses_low or right.misses_low, left.misses_high or right.misses_high)

    def negative(self, part: Interval) -> Interval:
        """The numbers with the other sign."""
        return self.of(-part.high, -part.low, part.misses_high, part.misses_low) if part.is_defined else part

    def multiply(self, left: Interval, right: Interval) -> Interval:
        """The products."""
        if not (left.is_defined and right.is_defined):
            return self.undefined
        corners = [
            (*self._product(a, b), self._misses(a, misses_a, b, misses_b))
            for a, misses_a in ((left.low, left.misses_low), (left.high, left.misses_high))
            for b, misses_b in ((right.low, right.misses_low), (right.high, right.misses_high))
        ]
        low, high = min(corner[0] for corner in corners), max(corner[1] for corner in corners)
        return self.of(
            low,
            high,
            all(misses for at, _, misses in corners if at == low),
            all(misses for _, at, misses in corners if at == high),
        )

    def _product(self, a: Any, b: Any) -> Pair:
        if a == 0 or b == 0:  # also of infinity, which is never reached
            return self._zero, self._zero
        if abs(a) == self.infinity or abs(b) == self.infinity:
            end = self.infinity if (a > 0) == (b > 0) else -self.infinity
            return end, end
        return self.numbers.multiply(a, b)

    @staticmethod
    def _misses(a: Any, misses_a: bool, b: Any, misses_b: bool) -> bool:
        """Whether a product of ends is not reached: zero is, where one factor reaches zero."""
        zeros = [misses for end, misses in ((a, misses_a), (b, misses_b)) if end == 0]
        return all(zeros) if zeros else misses_a or misses_b

    def inverse(self, part: Interval) -> Interval:
        """One over the numbers."""
        if part.sign not in (1, -1):
            return self.undefined
        if part.sign == -1:
            return self.negative(self.inverse(self.negative(part)))
        low = self._zero if part.high == self.infinity else self.numbers.divide(self.one.low, part.high)[0]
        high = self.infinity if part.low == 0 else self.numbers.divide(self.one.low, part.low)[1]
        return self.of(low, high, part.misses_high, part.misses_low)

    def absolute(self, part: Interval) -> Interval:
        """The numbers without their signs."""
        if not part.is_defined or part.low >= 0:
            return part
        if part.high <= 0:
            return self.negative(part)
        high = max(-part.low, part.high)
        reaches = (-part.low == high and not part.misses_low) or (part.high == high and not part.misses_high)
        return self.of(self._zero, high, False, not reaches)

    def maximum(self, left: Interval, right: Interval) -> Interval:
        """The larger numbers."""
        if not (left.is_defined and right.is_defined):
            return self.undefined
        low, high = max(left.low, right.low), max(left.high, right.high)
        return self.of(
            low,
            high,
            any(part.misses_low for part in (left, right) if part.low == low),
            all(part.misses_high for part in (left, right) if part.high == high),
        )

    def minimum(self, left: Interval, right: Interval) -> Interval:
        """The smaller numbers."""
        return self.negative(self.maximum(self.negative(left), self.negative(right)))

    def intersection(self, left: Interval, right: Interval) -> Interval:
        """What lies in both of two enclosures of the same numbers."""
        if not (left.is_defined and right.is_defined):
            return left if left.is_defined else right
        low, high = max(left.low, right.low), min(left.high, right.high)
        return self.of(
            low,
            high,
            any(part.misses_low for part in (left, right) if part.low == low),
            any(part.misses_high for part in (left, right) if part.high == high),
        )

    def power(self, base: Interval, exponent: int) -> Interval:
        """An integer power."""
        if exponent < 0:
            return self.inverse(self.power(base, -exponent))
        if exponent % 2 == 0:
            base = self.absolute(base)
        if not base.is_defined:
            return base
        low, high = (
            end if abs(end) == self.infinity else self.numbers.power(end, exponent)[at]
            for at, end in enumerate((base.low, base.high))
        )
        return self.of(low, high, base.misses_low, base.misses_high)

    def centre(self, part: Interval) -> Interval:
        """A point of a bounded interval, near its middle."""
        half = self.numbers.multiply(self.numbers.add(part.low, part.high)[0], self.numbers.ratio(1, 2)[0])[0]
        at = min(max(half, part.low), part.high)
        return self.of(at, at)
