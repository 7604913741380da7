"""Elementary functions of intervals: monotone ones by their ends, periodic ones by where their extrema are."""

from collections.abc import Callable
from fractions import Fraction
from math import ceil, floor
from typing import Any

import sympy as sp

from .interval import Arithmetic, Interval
from .rounding import outward

Operation = Callable[[Arithmetic, Interval], Interval]

# where a sine or cosine would need as many bits as this, it may be anything
_FARTHEST = 2**64


def rising(name: str, least: Any, greatest: Any) -> Operation:
    """An increasing function of all real numbers, with its limits, which it does not reach."""

    def apply(arithmetic: Arithmetic, part: Interval) -> Interval:
        if not part.is_defined:
            return part
        ends = limits(arithmetic, least, greatest)
        low = ends.low if part.low == -arithmetic.infinity else arithmetic.numbers.function(name, part.low)[0]
        high = ends.high if part.high == arithmetic.infinity else arithmetic.numbers.function(name, part.high)[1]
        found = arithmetic.of(low, high, part.misses_low, part.misses_high)
        return arithmetic.intersection(found, ends)

    return apply


def limits(arithmetic: Arithmetic, least: Any, greatest: Any) -> Interval:
    """The open interval between two numbers: integers, infinities or multiples of pi/2."""

    def end(number: Any, at: int) -> Any:
        if number in (sp.oo, -sp.oo):
            return arithmetic.infinity if number == sp.oo else -arithmetic.infinity
        if number.is_Integer:
            return arithmetic.numbers.ratio(int(number), 1)[at]
        half = arithmetic.multiply(arithmetic.of(*arithmetic.numbers.constant("pi")),
                                   arithmetic.of(*arithmetic.numbers.ratio(int(sp.sign(number)), 2)))  # fmt: skip
        return (half.low, half.high)[at]

    return arithmetic.of(end(sp.sympify(least), 0), end(sp.sympify(greatest), 1), True, True)


exponential, hyperbolic_tangent = rising("exp", 0, sp.oo), rising("tanh", -1, 1)
hyperbolic_sine = rising("sinh", -sp.oo, sp.oo)


def logarithm(arithmetic: Arithmetic, part: Interval) -> Interval:
    """The natural logarithm of positive numbers."""
    if part.sign != 1:
        return arithmetic.undefined
    function = arithmetic.numbers.function
    low = -arithmetic.infinity if part.low == 0 else function("log", part.low)[0]
    high = part.high if part.high == arithmetic.infinity else function("log", part.high)[1]
    return arithmetic.of(low, high, part.misses_low, part.misses_high)


def square_root(arithmetic: Arithmetic, part: Interval) -> Interval:
    """The square root of numbers that are not negative."""
    if not part.is_defined or part.low < 0:
        return arithmetic.undefined
    function = arithmetic.numbers.function
    high = part.high if part.high == arithmetic.infinity else function("sqrt", part.high)[1]
    return arithmetic.of(function("sqrt", part.low)[0], high, part.misses_low, part.misses_high)


def real_power(arithmetic: Arithmetic, base: Interval, exponent: Interval) -> Interval:
    """A power of positive numbers, or of zero where the exponent is positive."""
    if not base.is_defined or not exponent.is_defined or base.low < 0:
        return arithmetic.undefined
    if base.sign == 1:
        return exponential(arithmetic, arithmetic.multiply(exponent, logarithm(arithmetic, base)))
    if exponent.sign != 1:
        return arithmetic.undefined
    if base.high == 0:
        return arithmetic.zero
    above = arithmetic.of(base.low, base.high, True, base.misses_high)
    return arithmetic.hull([arithmetic.zero, real_power(arithmetic, above, exponent)])


def hyperbolic_cosine(arithmetic: Arithmetic, part: Interval) -> Interval:
    """The hyperbolic cosine, which rises with the distance from zero."""
    size = arithmetic.absolute(part)
    if not size.is_defined:
        return size
    function = arithmetic.numbers.function
    high = size.high if size.high == arithmetic.infinity else function("cosh", size.high)[1]
    return arithmetic.of(
        max(function("cosh", size.low)[0], arithmetic.one.low), high, size.misses_low, size.misses_high
    )


def cosine(arithmetic: Arithmetic, part: Interval) -> Interval:
    """The cosine: its ends, and 1 and -1 where a multiple of pi may lie between them."""
    return _wave(arithmetic, part, "cos", Fraction(0))


def sine(arithmetic: Arithmetic, part: Interval) -> Interval:
    """The sine: its ends, and 1 and -1 where an odd multiple of pi/2 may lie between them."""
    return _wave(arithmetic, part, "sin", Fraction(1, 2))


def _wave(arithmetic: Arithmetic, part: Interval, name: str, maximum: Fraction) -> Interval:
    if not part.is_defined:
        return part
    everything = arithmetic.of(arithmetic.minus_one.low, arithmetic.one.low)
    if max(abs(part.low), abs(part.high)) > _FARTHEST:
        return everything
    extrema = _between(arithmetic, part, maximum)
    if len(extrema) > 1:
        return everything
    ends = [arithmetic.of(*arithmetic.numbers.function(name, end)) for end in (part.low, part.high)]
    peaks = [arithmetic.one if number % 2 == 0 else arithmetic.minus_one for number in extrema]
    return arithmetic.intersection(arithmetic.hull([*ends, *peaks]), everything)


def _between(arithmetic: Arithmetic, part: Interval, offset: Fraction) -> list[int]:
    """All numbers n for which (n + offset) pi may lie in an interval: none is forgotten; two stand for any more."""
    numbers = arithmetic.numbers
    turns = arithmetic.multiply(part, arithmetic.inverse(arithmetic.of(*numbers.constant("pi"))))
    ends = (outward(end, at) for at, end in enumerate((turns.low, turns.high)))
    first, last = ceil(next(ends) - offset), floor(next(ends) - offset)
    return list(range(first, min(last, first + 1) + 1))


def tangent(arithmetic: Arithmetic, part: Interval) -> Interval:
    """The tangent, between two of its poles."""
    if not part.is_defined or max(abs(part.low), abs(part.high)) > _FARTHEST:
        return arithmetic.undefined
    if _between(arithmetic, part, Fraction(1, 2)):
        return arithmetic.undefined
    function = arithmetic.numbers.function
    return arithmetic.of(function("tan", part.low)[0], function("tan", part.high)[1], part.misses_low, part.misses_high)


def cotangent(arithmetic: Arithmetic, part: Interval) -> Interval:
    """The cotangent, between two of its poles: the tangent of what is missing from a right angle."""
    half = arithmetic.multiply(
        arithmetic.of(*arithmetic.numbers.constant("pi")), arithmetic.of(*arithmetic.numbers.ratio(1, 2))
    )
    return tangent(arithmetic, arithmetic.add(half, arithmetic.negative(part)))


def sign(arithmetic: Arithmetic, part: Interval) -> Interval:
    """The sign."""
    return steps(arithmetic, part, arithmetic.minus_one, arithmetic.zero, arithmetic.one)


def steps(arithmetic: Arithmetic, part: Interval, below: Interval, at: Interval, above: Interval) -> Interval:
    """The values of a function that is constant on either side of zero."""
    if not part.is_defined:
        return part
    if part.sign is not None:
        return (at, above, below)[part.sign]
    found = [at]
    if part.low < 0:
        found.append(below)
    if part.high > 0:
        found.append(above)
    return arithmetic.hull(found)


def _over_one(operation: Operation) -> Operation:
    return lambda arithmetic, part: arithmetic.inverse(operation(arithmetic, part))


#: What is known here, of one argument.
FUNCTIONS: dict[Any, Operation] = {
    sp.exp: exponential, sp.log: logarithm, sp.sin: sine, sp.cos: cosine, sp.tan: tangent, sp.cot: cotangent,
    sp.sec: _over_one(cosine), sp.csc: _over_one(sine),
    sp.sinh: hyperbolic_sine, sp.cosh: hyperbolic_cosine, sp.tanh: hyperbolic_tangent,
    sp.sech: _over_one(hyperbolic_cosine), sp.csch: _over_one(hyperbolic_sine), sp.coth: _over_one(hyperbolic_tangent),
    sp.atan: rising("atan", -sp.pi / 2, sp.pi / 2), sp.asinh: rising("asinh", -sp.oo, sp.oo),
    sp.erf: rising("erf", -1, 1), sp.erfc: lambda arithmetic, part: arithmetic.add(
        arithmetic.one, arithmetic.negative(rising("erf", -1, 1)(arithmetic, part))
    ),
    sp.Abs: Arithmetic.absolute, sp.sign: sign,
}  # fmt: skip
