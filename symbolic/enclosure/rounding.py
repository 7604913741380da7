"""Numbers whose rounding is known: balls of Arb (python-flint), of which both ends are kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import lru_cache
from math import inf
from typing import Any

import flint as _flint

flint: Any = _flint  # its stubs lack the constructors used here
#: A pair of bounds, the same number twice where it is exact.
Pair = tuple[Any, Any]

_MOST_EXPONENT = 2**15  # of a fraction
_CONSTANTS = {"pi": flint.arb.pi, "e": flint.arb.const_e, "euler": flint.arb.const_euler}


class Numbers:
    """Arithmetic with a number of bits: each operation takes finite numbers and returns bounds of its value."""

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
        return _ends(_CONSTANTS[name]())

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
        """Bounds of the function that Arb calls by this name."""
        return _ends(getattr(at, name)())


def _ends(ball: Any) -> Pair:
    if ball.is_nan():
        return flint.arb.neg_inf(), flint.arb.pos_inf()
    return ball.lower(), ball.upper()


def outward(end: Any, at: int) -> Fraction | float:
    """A fraction at or below a number (0), or at or above it (1): the number itself unless it is huge or tiny."""
    if not end.is_finite():
        return inf if end > 0 else -inf
    mantissa, exponent = map(int, end.man_exp())
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
def numbers(bits: int) -> Numbers:
    """Numbers with so many bits."""
    return Numbers(bits)
