"""Numbers whose rounding is known: every result is a lower and an upper bound, by Arb (python-flint) or by mpmath."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import lru_cache
from math import inf
from typing import Any, Protocol

from mpmath import libmp, mp

flint: Any
try:
    import flint
except ImportError:  # no wheel for this platform
    flint = None

#: A pair of bounds, the same number twice where it is exact.
Pair = tuple[Any, Any]

# mpmath computes elementary functions to within some units in the last place: digits beyond those that are kept
_GUARD, _WIDENED = 40, 20
_HUGE = 2**40  # bits of an exponent that are not worth computing with
_MOST_EXPONENT = 2**15  # of a fraction


class Numbers(Protocol):
    """Arithmetic of numbers with a number of bits; functions take finite numbers and return bounds of the value."""

    infinity: Any

    def ratio(self, numerator: int, denominator: int) -> Pair:
        """Bounds of a fraction."""
        ...

    def constant(self, name: str) -> Pair:
        """Bounds of pi, e or euler."""
        ...

    def add(self, left: Any, right: Any) -> Pair:
        """Bounds of a sum."""
        ...

    def multiply(self, left: Any, right: Any) -> Pair:
        """Bounds of a product."""
        ...

    def divide(self, left: Any, right: Any) -> Pair:
        """Bounds of a quotient."""
        ...

    def power(self, base: Any, exponent: int) -> Pair:
        """Bounds of a power."""
        ...

    def function(self, name: str, at: Any) -> Pair:
        """Bounds of a function that both libraries call by this name."""
        ...

    def parts(self, number: Any) -> tuple[int, int]:
        """A mantissa and an exponent of two that make up the number exactly."""
        ...

    def active(self) -> Any:
        """A context manager in which the numbers are used."""
        ...


class ArbNumbers:
    """Balls of Arb, of which both ends are kept."""

    def __init__(self, bits: int) -> None:
        self.bits, self.infinity = bits, flint.arb.pos_inf()

    @contextmanager
    def active(self) -> Iterator[None]:
        """Set the precision, which is one of the whole process."""
        before = flint.ctx.prec
        flint.ctx.prec = self.bits
        try:
            yield
        finally:
            flint.ctx.prec = before

    def ratio(self, numerator: int, denominator: int) -> Pair:
        """Bounds of a fraction."""
        return _ends(flint.arb(numerator) if denominator == 1 else flint.arb(flint.fmpq(numerator, denominator)))

    def constant(self, name: str) -> Pair:
        """Bounds of pi, e or euler."""
        arb = flint.arb
        return _ends({"pi": arb.pi, "e": arb.const_e, "euler": arb.const_euler}[name]())

    def add(self, left: Any, right: Any) -> Pair:
        """Bounds of a sum."""
        return _ends(left + right)

    def multiply(self, left: Any, right: Any) -> Pair:
        """Bounds of a product."""
        return _ends(left * right)

    def divide(self, left: Any, right: Any) -> Pair:
        """Bounds of a quotient."""
        return _ends(left / right)

    def power(self, base: Any, exponent: int) -> Pair:
        """Bounds of a power."""
        return _ends(base**exponent)

    def function(self, name: str, at: Any) -> Pair:
        """Bounds of the function of this name."""
        return _ends(getattr(at, name)())

    def parts(self, number: Any) -> tuple[int, int]:
        """A mantissa and an exponent of two that make up the number exactly."""
        mantissa, exponent = number.man_exp()
        return int(mantissa), int(exponent)


def _ends(ball: Any) -> Pair:
    low, high = ball.lower(), ball.upper()
    if ball.is_nan():
        return flint.arb.neg_inf(), flint.arb.pos_inf()
    return low, high


class MpmathNumbers:
    """Numbers of mpmath: sums and the like are rounded downwards and upwards, functions by far more than they err."""

    def __init__(self, bits: int) -> None:
        self._context: Any = mp.clone()  # of its own, so that nobody's precision is changed
        self._context.prec = bits
        self.infinity = self._context.inf

    @contextmanager
    def active(self) -> Iterator[None]:
        """Do nothing, since the precision belongs to the numbers."""
        yield

    def ratio(self, numerator: int, denominator: int) -> Pair:
        """Bounds of a fraction."""
        context = self._context
        low, high = (libmp.from_rational(numerator, denominator, context.prec, way) for way in "fc")
        return context.make_mpf(low), context.make_mpf(high)

    def constant(self, name: str) -> Pair:
        """Bounds of pi, e or euler."""
        context = self._context
        with context.extraprec(_GUARD):
            value = +{"pi": context.pi, "e": context.e, "euler": context.euler}[name]
        return self._widened(value)

    def add(self, left: Any, right: Any) -> Pair:
        """Bounds of a sum."""
        add = self._context.fadd
        return add(left, right, rounding="f"), add(left, right, rounding="c")

    def multiply(self, left: Any, right: Any) -> Pair:
        """Bounds of a product."""
        multiply = self._context.fmul
        return multiply(left, right, rounding="f"), multiply(left, right, rounding="c")

    def divide(self, left: Any, right: Any) -> Pair:
        """Bounds of a quotient."""
        divide = self._context.fdiv
        return divide(left, right, rounding="f"), divide(left, right, rounding="c")

    def power(self, base: Any, exponent: int) -> Pair:
        """Bounds of a power."""
        if exponent == 1 or base == 0:
            return base, base
        with self._context.extraprec(_GUARD):
            value = base**exponent
        return self._widened(value)

    def function(self, name: str, at: Any) -> Pair:
        """Bounds of the function of this name."""
        context = self._context
        if name == "sqrt":
            low, high = (libmp.mpf_sqrt(at._mpf_, context.prec, way) for way in "fc")
            return context.make_mpf(low), context.make_mpf(high)
        if at == 0 and name in ("exp", "cos", "cosh"):
            return context.one, context.one
        if context.mag(at) > _HUGE.bit_length() and name in ("exp", "sinh", "cosh"):
            return -self.infinity, self.infinity
        with context.extraprec(_GUARD):
            value = getattr(context, name)(at)
        if value == 0:  # exact: none of these functions vanishes anywhere else
            return value, value
        return self._widened(value)

    def parts(self, number: Any) -> tuple[int, int]:
        """A mantissa and an exponent of two that make up the number exactly."""
        sign, mantissa, exponent, _ = number._mpf_
        return (-1) ** sign * int(mantissa), int(exponent)

    def _widened(self, value: Any) -> Pair:
        context = self._context
        slack = context.ldexp(abs(value), -context.prec - _WIDENED)
        return context.fsub(value, slack, rounding="f"), context.fadd(value, slack, rounding="c")


def outward(numbers: Numbers, end: Any, at: int) -> Fraction | float:
    """A fraction at or below a number (0), or at or above it (1): the number itself unless it is huge or tiny.

    Example:
        >>> third = numbers(64)
        >>> outward(third, third.ratio(3, 4)[0], 0)
        Fraction(3, 4)
    """
    if abs(end) == numbers.infinity:
        return inf if end > 0 else -inf
    mantissa, exponent = numbers.parts(end)
    size = abs(mantissa).bit_length() + exponent
    if mantissa == 0 or abs(size) <= _MOST_EXPONENT:
        return Fraction(mantissa) * Fraction(2) ** exponent
    towards_zero = (mantissa > 0) == (at == 0)
    if size > 0:
        found = Fraction(2) ** _MOST_EXPONENT if towards_zero else inf
    else:
        found = Fraction(0) if towards_zero else Fraction(1, 2**_MOST_EXPONENT)
    return found if mantissa > 0 else -found


@lru_cache(maxsize=64)
def _numbers(bits: int, has_flint: bool) -> Numbers:
    return ArbNumbers(bits) if has_flint else MpmathNumbers(bits)


def numbers(bits: int) -> Numbers:
    """Numbers with so many bits, of Arb where python-flint is installed.

    Example:
        >>> third = numbers(64).ratio(1, 3)
        >>> bool(third[0] < third[1])
        True
    """
    return _numbers(bits, flint is not None)
