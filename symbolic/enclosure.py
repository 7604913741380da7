"""Interval arithmetic: bounds of an expression on an interval, which prove that it has no zero there."""

from collections.abc import Callable
from functools import reduce
from operator import mul
from typing import Any

import mpmath
import sympy as sp

from .errors import ModelError

_INTERVALS: Any = mpmath.iv
_EVERYTHING = _INTERVALS.mpf(["-inf", "inf"])
#: By how much values that were rounded to nearest are widened, relative to their size.
_SLACK = 1e-14
_INCREASING: dict[Any, Callable] = {
    sp.tanh: mpmath.tanh, sp.sinh: mpmath.sinh, sp.atan: mpmath.atan, sp.asinh: mpmath.asinh, sp.erf: mpmath.erf,
}  # fmt: skip


def enclosure(expression: Any, variable: sp.Symbol, low: float, high: float) -> Any:
    """Return an interval that contains every value that an expression takes between two places.

    Raises:
        ModelError: if the expression has a function that is not known here.

    Example:
        >>> V = sp.Symbol("V", real=True)
        >>> excludes_zero(enclosure(V**2 + 1, V, -2, 2)), excludes_zero(enclosure(V**2 - 1, V, -2, 2))
        (True, False)
    """
    return _enclosure(expression, variable, _INTERVALS.mpf([low, high]))


def excludes_zero(box: Any) -> bool:
    """Whether all numbers in an interval have the same sign, none of them zero."""
    return bool(box.a > 0) or bool(box.b < 0)


def _enclosure(expression: Any, variable: sp.Symbol, box: Any) -> Any:
    if expression == variable:
        return box
    if expression.is_Rational:
        return _INTERVALS.mpf(int(expression.p)) / _INTERVALS.mpf(int(expression.q))
    if expression.is_number:
        return _around(float(expression), float(expression))
    if isinstance(expression, sp.Piecewise):
        return _hull([_enclosure(piece, variable, box) for piece in _possible(expression, variable, box)])
    parts = [_enclosure(part, variable, box) for part in expression.args]
    if isinstance(expression, sp.Add):
        return sum(parts[1:], parts[0])
    if isinstance(expression, sp.Mul):
        return reduce(mul, parts)
    if isinstance(expression, sp.exp):
        return _INTERVALS.exp(parts[0])
    if isinstance(expression, sp.Pow):
        return _power(parts[0], expression.exp, parts[1])
    if isinstance(expression, sp.log):
        return _INTERVALS.log(parts[0]) if parts[0].a > 0 else _EVERYTHING
    if isinstance(expression, (sp.sin, sp.cos)):
        return (_INTERVALS.sin if isinstance(expression, sp.sin) else _INTERVALS.cos)(parts[0])
    if isinstance(expression, sp.cosh):
        return (_INTERVALS.exp(parts[0]) + _INTERVALS.exp(-parts[0])) / 2
    if expression.func in _INCREASING:
        function = _INCREASING[expression.func]
        return _around(function(parts[0].a.mid), function(parts[0].b.mid))
    raise ModelError(f"the zeros of expressions with {expression.func} cannot be found yet; write it differently")


def _power(base: Any, exponent: Any, exponents: Any) -> Any:
    if exponent.is_Integer:
        power = base ** abs(int(exponent))
        return power if exponent > 0 else _EVERYTHING if not excludes_zero(power) else 1 / power
    return _INTERVALS.exp(exponents * _INTERVALS.log(base)) if base.a > 0 else _EVERYTHING


def _around(low: Any, high: Any) -> Any:
    return _INTERVALS.mpf([low - _SLACK * abs(low) - _SLACK**20, high + _SLACK * abs(high) + _SLACK**20])


def _hull(boxes: list[Any]) -> Any:
    return _INTERVALS.mpf([min(box.a.mid for box in boxes), max(box.b.mid for box in boxes)])


def _possible(expression: Any, variable: sp.Symbol, box: Any) -> list[Any]:
    """The branches of a piecewise expression that may be valid somewhere in an interval."""
    found = []
    for piece, condition in expression.args:
        holds = _truth(condition, variable, box)
        if holds is not False:
            found.append(piece)
        if holds:
            break
    return found


def _truth(condition: Any, variable: sp.Symbol, box: Any) -> bool | None:
    if condition in (sp.true, sp.false):
        return condition == sp.true
    if not isinstance(condition, (sp.Gt, sp.Ge, sp.Lt, sp.Le)):
        return None
    left: Any = condition.lhs
    difference = _enclosure(left - condition.rhs, variable, box)
    if not excludes_zero(difference):
        return None
    return bool(difference.a > 0) == isinstance(condition, (sp.Gt, sp.Ge))
