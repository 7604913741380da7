"""Bounds of expressions over boxes, rounded outwards."""

from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

import sympy as sp

from ..errors import ModelError
from . import rounding
from .compiled import compiled
from .interval import Arithmetic, Interval

#: Bits of the numbers that bounds are computed with.
PRECISION = 80

#: An end of a range: a fraction, or infinite.
End = Fraction | float


def enclosure(
    expression: Any, box: Mapping[Any, tuple[Any, Any]], precision: int = PRECISION, *, interior: bool = False
) -> Interval:
    """Return an interval that contains every value that an expression takes in a box.

    Example:
        >>> x, y = sp.symbols("x y", real=True)
        >>> enclosure(x * sp.exp(-y), {x: (-1, 2), y: (0, sp.oo)})
        [-1, 2]
        >>> enclosure(1 / (1 + x**2), {x: (-sp.oo, sp.oo)})
        (0, 1]
        >>> enclosure(sp.log(x), {x: (-1, 2)})
        undefined somewhere
    """
    expression = sp.sympify(expression)
    check_symbols(expression, box)
    work, arithmetic = compiled(expression), arithmetic_of(precision)
    with arithmetic.numbers.active():
        return work(arithmetic, {symbol: as_interval(arithmetic, *ends, interior) for symbol, ends in box.items()})


def enclosure_on(expression: Any, variable: Any, low: Any, high: Any, precision: int = PRECISION) -> Interval:
    """Return an interval that contains every value that an expression of one variable takes between two places."""
    return enclosure(expression, {variable: (low, high)}, precision)


def check_symbols(expression: Any, box: Mapping[Any, Any]) -> None:
    """Refuse an expression with a symbol that has no range."""
    missing = sorted(map(str, expression.free_symbols - box.keys()))
    if missing:
        raise ModelError(f"the range of {', '.join(missing)} in {expression} is not given; name it in the box")


def arithmetic_of(precision: int) -> Arithmetic:
    """Interval arithmetic with a number of bits."""
    return _arithmetic(rounding.numbers(precision))


@lru_cache(maxsize=64)
def _arithmetic(numbers: rounding.Numbers) -> Arithmetic:
    return Arithmetic(numbers)


def as_interval(arithmetic: Arithmetic, low: Any, high: Any, interior: bool = False) -> Interval:
    """An interval around a range; to be called while the arithmetic's numbers are active."""
    first, last = _bounds(arithmetic, low)[0], _bounds(arithmetic, high)[1]
    if first > last or (interior and first == last):
        raise ModelError(f"a range goes from its lower to its upper end, not from {low} to {high}")
    return arithmetic.of(first, last, interior, interior)


def _bounds(arithmetic: Arithmetic, end: Any) -> tuple[Any, Any]:
    if isinstance(end, Fraction):
        return arithmetic.numbers.ratio(end.numerator, end.denominator)
    number: Any = sp.sympify(end)
    if number in (sp.oo, -sp.oo):
        return (arithmetic.infinity, arithmetic.infinity) if number == sp.oo else (-arithmetic.infinity,) * 2
    if number.free_symbols:
        raise ModelError(f"the end {number} of a range is not a number; give its parameters a value")
    found = compiled(number)(arithmetic, {})
    if not found.is_defined:
        raise ModelError(f"the end {number} of a range is not a real number")
    return found.low, found.high


def as_end(end: Any, at: int) -> End:
    """The end of a range as a fraction: at or below a lower one (0), at or above an upper one (1); or infinite."""
    number: Any = sp.sympify(end)
    if number in (sp.oo, -sp.oo):
        return float(number)
    if number.is_Rational or number.is_Float:
        exact: Any = sp.Rational(number)
        return Fraction(int(exact.p), int(exact.q))
    arithmetic = arithmetic_of(4 * PRECISION)
    with arithmetic.numbers.active():
        return rounding.outward(_bounds(arithmetic, number)[at], at)


def sign_at(expression: Any, point: Mapping[Any, Any], most_bits: int = 2048) -> int | None:
    """Return the sign of an expression at a point, with as many bits as it takes; None where undecided.

    Zero is said only where the arithmetic is exact.

    Example:
        >>> V = sp.Symbol("V", real=True)
        >>> sign_at(sp.exp(V) - 1, {V: sp.Rational(1, 10**30)}), sign_at(V**2 - 2, {V: sp.sqrt(2)})
        (1, None)
    """
    expression = sp.sympify(expression)
    check_symbols(expression, point)
    work, bits = compiled(expression), PRECISION
    while bits <= most_bits:
        arithmetic = arithmetic_of(bits)
        with arithmetic.numbers.active():
            found = work(arithmetic, {symbol: as_interval(arithmetic, at, at) for symbol, at in point.items()})
        if found.sign is not None:
            return found.sign
        if not found.is_defined and bits > 4 * PRECISION:
            return None
        bits *= 2
    return None
