"""Zeros that have no closed form, isolated by interval arithmetic so that none is lost."""

from collections.abc import Callable
from typing import Any

import mpmath
import sympy as sp

from .enclosure import enclosure, excludes_zero
from .errors import ModelError

#: How far from zero a field that is no polynomial is searched.
WINDOW = 2.0**20
DIGITS = 25
_PRECISE = 45
_NARROW, _MAX_BOXES = 1e-9, 20_000


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


def isolate(expression: Any, variable: sp.Symbol, low: float, high: float) -> list[Any]:
    """Halve intervals until each one has provably no zero, or exactly one; return the zeros as fractions.

    Raises:
        ModelError: if a zero cannot be told from a near miss.

    Example:
        >>> V = sp.Symbol("V", real=True)
        >>> isolate(sp.exp(V) - 1, V, -100, 100)
        [0]
    """
    value, slope = precisely(expression, variable), sp.diff(expression, variable)
    found, doubtful, waiting, boxes = [], [], [(low, high)], 0
    while waiting:
        left, right = waiting.pop()
        boxes += 1
        if excludes_zero(enclosure(expression, variable, left, right)):
            continue
        if excludes_zero(enclosure(slope, variable, left, right)):
            if value(left) * value(right) <= 0:
                found.append(_bisected(value, left, right))
        elif right - left > _NARROW * (1 + abs(left)):
            middle = left + 0.4987 * (right - left)  # not one half: a zero at a round number stays inside
            waiting += [(middle, right), (left, middle)]
        else:
            doubtful.append((left, right))
        if boxes > _MAX_BOXES:
            raise ModelError(f"the zeros of {expression} could not be told apart; write simpler equations")
    for left, right in _merged(doubtful):
        if value(left) * value(right) >= 0:
            raise ModelError(f"whether {expression} vanishes near {variable} = {left:.6g} could not be told; "
                             "change the parameters a little")  # fmt: skip
        found.append(_bisected(value, left, right))
    return sorted({_tidy(zero, expression, variable) for zero in found})


def _tidy(zero: Any, expression: Any, variable: sp.Symbol) -> Any:
    """A simple fraction where that is exactly the zero."""
    fraction: Any = rounded(zero)
    simple = fraction.limit_denominator(10_000)
    return simple if abs(simple - fraction) < 1e-18 and expression.subs(variable, simple) == 0 else fraction


def _merged(boxes: list[tuple[float, float]]) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for left, right in sorted(boxes):
        if merged and left <= merged[-1][1]:
            merged[-1] = (merged[-1][0], right)
        else:
            merged.append((left, right))
    return merged


def _bisected(value: Callable, left: float, right: float) -> Any:
    with mpmath.workdps(_PRECISE):
        low, high = mpmath.mpf(left), mpmath.mpf(right)
        rises = value(high) > value(low)
        while high - low > mpmath.mpf(10) ** (-DIGITS - 10) * (1 + abs(low)):
            middle = (low + high) / 2
            at = value(middle)
            if at == 0:
                return middle
            low, high = (low, middle) if (at > 0) == rises else (middle, high)
        return (low + high) / 2
