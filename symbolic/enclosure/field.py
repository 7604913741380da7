"""Bounds of an expression that use its derivatives: much narrower on small boxes, and finite on unbounded ones."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache
from math import inf
from typing import Any

import sympy as sp

from ..errors import ModelError
from .bounds import End
from .compiled import compiled, truth
from .interval import Arithmetic, Interval

_STEPS = (sp.Piecewise, sp.sign, sp.Heaviside)


class Field:
    """An expression together with its derivatives, which are found when they are needed."""

    def __init__(self, expression: Any) -> None:
        self.expression = expression
        self.symbols = sorted(expression.free_symbols, key=str)
        self.has_steps = expression.has(*_STEPS)
        self._work = compiled(expression)
        self._derivatives: dict[Any, Field | None] = {}

    def derivative(self, symbol: Any) -> "Field | None":
        """The derivative, which may jump where the expression has a kink; None if it is not known here."""
        if symbol not in self._derivatives:
            try:
                found = field_of(sp.diff(self.expression, symbol))
            except ModelError:
                found = None
            self._derivatives[symbol] = found
        return self._derivatives[symbol]

    def plain(self, arithmetic: Arithmetic, box: Mapping[Any, Interval]) -> Interval:
        """Bounds by interval arithmetic alone."""
        return self._work(arithmetic, box)

    def tight(self, arithmetic: Arithmetic, box: Mapping[Any, Interval], depth: int) -> Interval:
        """Bounds by interval arithmetic, by monotonicity and by the mean value theorem."""
        found = self.plain(arithmetic, box)
        if found.sign is not None or not found.is_defined or not depth:
            return found
        if self.has_steps:
            chosen = self._chosen(arithmetic, box)
            return found if chosen is self else arithmetic.intersection(found, chosen.tight(arithmetic, box, depth))
        lowest, highest = dict(box), dict(box)
        spread, misses_low, misses_high = arithmetic.zero, False, False
        for symbol in self.symbols:
            part, derivative = box[symbol], self.derivative(symbol)
            if part.low == part.high or derivative is None:
                continue
            slope = derivative.tight(arithmetic, box, depth - 1)
            if not slope.is_defined:
                continue
            if slope.low >= 0 or slope.high <= 0:
                first, last = (lowest, highest) if slope.low >= 0 else (highest, lowest)
                is_strict = slope.sign in (1, -1)
                if part.low != -arithmetic.infinity:
                    first[symbol] = arithmetic.of(part.low, part.low)
                    misses_low |= is_strict and part.misses_low and first is lowest
                    misses_high |= is_strict and part.misses_low and first is highest
                if part.high != arithmetic.infinity:
                    last[symbol] = arithmetic.of(part.high, part.high)
                    misses_low |= is_strict and part.misses_high and last is lowest
                    misses_high |= is_strict and part.misses_high and last is highest
            elif arithmetic.infinity not in (part.high, -part.low, slope.high, -slope.low):
                centre = arithmetic.centre(part)
                lowest[symbol] = highest[symbol] = centre
                from_centre = arithmetic.add(part, arithmetic.negative(centre))
                spread = arithmetic.add(spread, arithmetic.multiply(slope, from_centre))
        at_lowest = self.plain(arithmetic, lowest)
        at_highest = at_lowest if lowest == highest else self.plain(arithmetic, highest)
        if not (at_lowest.is_defined and at_highest.is_defined):
            return found
        low, high = arithmetic.add(at_lowest, spread), arithmetic.add(at_highest, spread)
        narrower = arithmetic.of(low.low, high.high, low.misses_low or misses_low, high.misses_high or misses_high)
        return arithmetic.intersection(found, narrower)

    def _chosen(self, arithmetic: Arithmetic, box: Mapping[Any, Interval]) -> "Field":
        """The same with the branches that hold all over a box; itself where more than one may hold."""
        new = {}
        for part in self.expression.atoms(*_STEPS):
            if isinstance(part, sp.Piecewise):
                branch = _branch(part, lambda condition: truth(condition)(arithmetic, box))
            else:
                sign = field_of(part.args[0]).plain(arithmetic, box).sign
                value: Any = None if sign is None else part.func(sp.Integer(sign), *part.args[1:])
                branch = value
            if branch is not None:
                new[part] = branch
        if not new:
            return self
        chosen = self.expression.xreplace(new)
        return self if chosen.has(*_STEPS) else field_of(chosen)


def _branch(expression: Any, holds: Callable[[Any], bool | None]) -> Any:
    for piece, condition in expression.args:
        answer = holds(condition)
        if answer:
            return piece
        if answer is None:
            return None
    return None


@lru_cache(maxsize=1024)
def field_of(expression: Any) -> Field:
    """The field of an expression, kept for the next time."""
    return Field(expression)


def exactly(expression: Any) -> Any:
    """The same with fractions in place of decimal numbers.

    Example:
        >>> exactly(sp.Float(0.5) * sp.Symbol("V"))
        V/2
    """
    expression = sp.sympify(expression)
    return expression.xreplace({number: sp.Rational(number) for number in expression.atoms(sp.Float)})


def inside(low: End, high: End) -> Fraction:
    """A place well inside a range, however wide it is: near its middle after x -> x/(1 + |x|)."""
    if high - low < 1:
        first, width, bits = Fraction(low), Fraction(high) - Fraction(low), 12
        bits += max(0, width.denominator.bit_length() - width.numerator.bit_length())
        middle = first + width * Fraction(511, 1024)
    else:
        first, last = compact(low), compact(high)
        at, bits = first + 0.4987 * (last - first), 12
        if abs(at) < 1:
            middle = Fraction(at / (1 - abs(at)))
        elif inf in (high, -low):
            middle = Fraction(2 * low if high == inf else 2 * high)
        else:
            middle = Fraction(low) + (Fraction(high) - Fraction(low)) / 2
    rounded = Fraction(round(middle * 2**bits), 2**bits)
    if low < rounded < high:
        return rounded
    if inf in (high, -low):
        return 2 * Fraction(low) + 1 if high == inf else 2 * Fraction(high) - 1
    return (Fraction(low) + Fraction(high)) / 2


def compact(end: End) -> float:
    """Where an end is after x -> x/(1 + |x|)."""
    if abs(end) == inf:
        return 1.0 if end > 0 else -1.0
    return float(end / (1 + abs(end)))
