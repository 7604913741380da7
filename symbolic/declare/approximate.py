"""Numbers that SymPy would be slow or wrong to judge: a bounded floating-point value of an expression."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import sympy as sp

#: The functions that declarations in text may use, with their floating-point twins.
FUNCTIONS: dict[str, tuple[Any, Callable[[float], float]]] = {
    "exp": (sp.exp, math.exp), "log": (sp.log, math.log), "sqrt": (sp.sqrt, math.sqrt),
    "sin": (sp.sin, math.sin), "cos": (sp.cos, math.cos), "tan": (sp.tan, math.tan), "atan": (sp.atan, math.atan),
    "sinh": (sp.sinh, math.sinh), "cosh": (sp.cosh, math.cosh), "tanh": (sp.tanh, math.tanh),
    "abs": (sp.Abs, abs), "Abs": (sp.Abs, abs),
}  # fmt: skip
_DIGITS = 20
#: Far below every number of ordinary size, above what evalf leaves of a sum that vanishes.
_ZERO = sp.Rational(1, 10**110)
_TWINS: dict[Any, Callable[[float], float]] = dict(FUNCTIONS.values()) | {sp.cot: lambda angle: 1 / math.tan(angle)}


def approximate(expression: sp.Expr, values: Mapping[sp.Symbol, sp.Basic] | None = None) -> float:
    """Evaluate an expression in double precision; `nan` where it has other symbols or functions than known here.

    Unlike `evalf`, this takes no time on `exp(exp(exp(9)))`: it refuses.

    Example:
        >>> x = sp.Symbol("x", real=True)
        >>> approximate(sp.sqrt(x), {x: sp.Integer(4)})
        2.0
        >>> approximate(1 / x, {x: sp.Integer(0)})
        Traceback (most recent call last):
        ...
        ArithmeticError: not a finite real number
    """
    try:
        value = _evaluate(expression, values or {})
    except (ArithmeticError, ValueError):
        value = math.inf
    if math.isinf(value):
        raise ArithmeticError("not a finite real number")
    return value


def sign_at(expression: sp.Expr, values: Mapping[sp.Symbol, sp.Basic] | None = None) -> int | None:
    """Return -1, 0 or 1, the sign of an expression at the given values; None if it has other symbols or is not real.

    Example:
        >>> x, y, z = sp.symbols("x y z", real=True)
        >>> sign_at(x - 3 * y, {x: sp.Rational(3, 10), y: sp.Rational(1, 10)}), sign_at(x - z, {x: sp.Integer(1)})
        (0, None)
    """
    known: Any = dict(values or {})
    if expression.free_symbols - known.keys():
        return None
    approximate(expression, known)
    # evalf adds digits until it can tell the value from 0; exact arithmetic could take forever on nested powers
    value = expression.evalf(_DIGITS, subs=known)
    if not value.is_real:
        return None
    return 0 if abs(value) < _ZERO else 1 if value > 0 else -1


def _evaluate(expression: sp.Basic, values: Mapping[sp.Symbol, sp.Basic]) -> float:
    if isinstance(expression, sp.Rational):
        return expression.p / expression.q
    if isinstance(expression, sp.Symbol):
        return _evaluate(values[expression], {}) if expression in values else math.nan
    if isinstance(expression, (sp.NumberSymbol, sp.Float)):
        return float(expression)
    if isinstance(expression, sp.Piecewise):
        return _evaluate_cases(expression, values)
    parts = [_evaluate(part, values) for part in expression.args]
    if isinstance(expression, sp.Add):
        return sum(parts)
    if isinstance(expression, sp.Mul):
        value = math.prod(parts)
    elif isinstance(expression, sp.exp):  # SymPy counts exp among the powers
        value = math.exp(parts[0])
    elif isinstance(expression, sp.Pow):
        value = math.pow(*parts)
    elif expression.func in _TWINS:
        return _TWINS[expression.func](*parts)
    else:
        return math.nan
    if value == 0 and 0 not in parts:
        raise ArithmeticError("underflow")
    return value


def _evaluate_cases(cases: Any, values: Mapping[sp.Symbol, sp.Basic]) -> float:
    for value, condition in cases.args:
        is_met = _is_met(condition, values)
        if is_met is None:
            return math.nan
        if is_met:
            return _evaluate(value, values)
    return math.nan


def _is_met(condition: Any, values: Mapping[sp.Symbol, sp.Basic]) -> bool | None:
    """Whether a condition is met; None if that is not known."""
    if condition in (sp.true, sp.false):
        return condition == sp.true
    if isinstance(condition, (sp.And, sp.Or)):
        parts = [_is_met(part, values) for part in condition.args]
        decisive = isinstance(condition, sp.Or)
        return decisive if decisive in parts else None if None in parts else not decisive
    if condition.func not in (sp.Lt, sp.Le, sp.Gt, sp.Ge):
        return None
    difference = _evaluate(condition.gts - condition.lts, values)
    if math.isnan(difference):
        return None
    return difference > 0 if condition.func in (sp.Lt, sp.Gt) else difference >= 0
