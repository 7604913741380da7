"""Evaluation of expressions with many digits, with bounded work.

SymPy computes exact powers such as `(101/200)**10000000` where numbers are put in; here every number is rounded first,
and what would need more memory than there is, such as `exp(exp(exp(9)))`, is refused.
"""

import threading
from collections.abc import Callable, Mapping
from functools import reduce
from operator import mul
from typing import Any

import mpmath
import sympy as sp
from mpmath.libmp import NoConvergence

#: Binary orders of magnitude: of an exponent, of the argument of a periodic function, of a number that is a power.
_EXPONENT, _ANGLE, _POWER = 34, 300, 1 << 40
_DEFAULT_DIGITS = 60
_LOCAL = threading.local()
_PERIODIC = (sp.sin, sp.cos, sp.tan, sp.cot, sp.sec, sp.csc)
_STEEP = (sp.sinh, sp.cosh, sp.tanh, sp.coth, sp.sech, sp.csch)
_NAMES: dict[Any, str] = {
    **{function: function.__name__ for function in (*_PERIODIC, *_STEEP)},
    sp.log: "ln", sp.Abs: "fabs", sp.atan: "atan", sp.asin: "asin", sp.acos: "acos", sp.acot: "acot",
    sp.asinh: "asinh", sp.acosh: "acosh", sp.atanh: "atanh", sp.acoth: "acoth", sp.LambertW: "lambertw",
    sp.erf: "erf", sp.erfc: "erfc", sp.re: "re", sp.im: "im", sp.sign: "sign", sp.floor: "floor", sp.ceiling: "ceil",
}  # fmt: skip
_COMPARED: dict[Any, Callable[[Any], bool]] = {
    sp.Gt: lambda gap: gap > 0, sp.Ge: lambda gap: gap >= 0, sp.Lt: lambda gap: gap < 0, sp.Le: lambda gap: gap <= 0,
}  # fmt: skip


def numbers() -> Any:
    """Return this thread's mpmath context of 60 digits; `numbers().workdps(40)` changes that."""
    if not hasattr(_LOCAL, "context"):
        _LOCAL.context = mpmath.MPContext()
        _LOCAL.context.dps = _DEFAULT_DIGITS
    return _LOCAL.context


def value(expression: Any, point: Mapping[Any, Any] | None = None, digits: int = 40) -> Any:
    """Evaluate an expression whose value is a real number.

    Example:
        >>> x = sp.Symbol("x", real=True)
        >>> value(sp.sqrt(x) ** 10_000_000, {x: sp.Rational(1, 4)}) < 1e-300
        True
        >>> value(sp.exp(sp.exp(sp.exp(x))), {x: 9})
        Traceback (most recent call last):
        ...
        ArithmeticError: exp(exp(exp(x))) is too large
    """
    found, precision = complex_value(expression, point, digits), numbers()
    if isinstance(found, precision.mpc):
        with precision.workdps(digits):
            if abs(found.imag) > precision.mpf(10) ** (10 - digits) * (1 + abs(found.real)):
                raise ArithmeticError(f"{expression} is not real")
        found = found.real
    return found


def complex_value(expression: Any, point: Mapping[Any, Any] | None = None, digits: int = 40) -> Any:
    """Evaluate an expression whose value may be complex."""
    precision = numbers()
    with precision.workdps(digits):
        known = {symbol: _number(precision, number) for symbol, number in (point or {}).items()}
        try:
            found = precision.convert(_Evaluation(precision, known, digits).of(sp.sympify(expression)))
        except (ValueError, TypeError, NotImplementedError, NoConvergence, RecursionError) as error:
            raise ArithmeticError(f"{expression} has no value: {error}") from error
        if not precision.isfinite(found):
            raise ArithmeticError(f"{expression} is not finite")
        return found


def holds(condition: Any, point: Mapping[Any, Any], digits: int = 40) -> bool:
    """Whether a condition is true at a place.

    Example:
        >>> x = sp.Symbol("x", real=True)
        >>> holds((x > 0) & (x**2 < 2), {x: 1})
        True
    """
    precision = numbers()
    with precision.workdps(digits):
        known = {symbol: _number(precision, number) for symbol, number in point.items()}
        return _Evaluation(precision, known, digits).holds(condition)


def extended_value(expression: Any, point: Mapping[Any, Any], digits: int = 40) -> Any:
    """The value of an expression, infinite where a case says `oo`; None where it has none."""
    try:
        while isinstance(expression, sp.Piecewise):
            cases: Any = expression.args
            expression = next(branch for branch, condition in cases if holds(condition, point, digits))
        if expression in (sp.oo, -sp.oo):
            return numbers().inf if expression == sp.oo else -numbers().inf
        return value(expression, point, digits)
    except (ArithmeticError, StopIteration):
        return None


def _number(precision: Any, number: Any) -> Any:
    if isinstance(number, sp.Basic):
        return _Evaluation(precision, {}, precision.dps).of(number)
    return precision.convert(number)


class _Evaluation:
    """One walk through an expression; equal parts are evaluated once."""

    def __init__(self, precision: Any, known: dict[Any, Any], digits: int) -> None:
        self._precision, self._seen, self._digits = precision, known, digits

    def of(self, expression: Any) -> Any:
        if expression not in self._seen:
            self._seen[expression] = self._worked_out(expression)
        return self._seen[expression]

    def _worked_out(self, expression: Any) -> Any:
        precision = self._precision
        if expression.is_Rational:
            return precision.mpf(int(expression.p)) / int(expression.q)
        if isinstance(expression, sp.Piecewise):
            return self._case(expression)
        if expression is sp.I:
            return precision.mpc(0, 1)
        if expression.is_Symbol or expression in (sp.zoo, sp.nan, sp.oo, -sp.oo):
            raise ArithmeticError(f"{expression} has no value")
        if not expression.args or isinstance(expression, sp.CRootOf):
            return precision.convert(expression._to_mpmath(precision.prec))
        parts = [self.of(part) for part in expression.args]
        if isinstance(expression, sp.Add):
            return sum(parts[1:], parts[0])
        if isinstance(expression, sp.Mul):
            return reduce(mul, parts)
        if isinstance(expression, sp.exp):
            self._require(parts[0], _EXPONENT, expression)
            return precision.exp(parts[0])
        if isinstance(expression, sp.Pow):
            return self._power(expression, *parts)
        return self._function(expression, parts)

    def _function(self, expression: Any, parts: list[Any]) -> Any:
        kind, precision = expression.func, self._precision
        if kind in _PERIODIC or kind in _STEEP:
            self._require(parts[0], _ANGLE if kind in _PERIODIC else _EXPONENT, expression)
        if kind in _NAMES:
            return getattr(precision, _NAMES[kind])(*parts)
        if kind in (sp.Max, sp.Min):
            return (max if kind is sp.Max else min)(parts)
        if kind is sp.Heaviside:
            return precision.mpf(1) if parts[0] > 0 else precision.mpf(0) if parts[0] < 0 else parts[-1]
        if kind is sp.atan2:
            return precision.atan2(*parts)
        raise ArithmeticError(f"{expression} has an unknown function")

    def _power(self, expression: Any, base: Any, exponent: Any) -> Any:
        precision = self._precision
        if expression.exp.is_Integer:
            power = int(expression.exp)
            if base != 0 and abs(power) * (1 + abs(int(precision.mag(base)))) > _POWER:
                raise ArithmeticError(f"{expression} is too large")
            return base**power
        if base != 0:
            self._require(exponent * precision.ln(base), _EXPONENT, expression)
        return precision.power(base, exponent)

    def _require(self, argument: Any, magnitude: int, expression: Any) -> None:
        if argument != 0 and self._precision.mag(argument) > magnitude:
            raise ArithmeticError(f"{expression} is too large")

    def _case(self, cases: Any) -> Any:
        for branch, condition in cases.args:
            if self.holds(condition):
                return self.of(branch)
        raise ArithmeticError(f"{cases} has no case here")

    def holds(self, condition: Any) -> bool:
        """Whether a condition is true."""
        if condition in (sp.true, sp.false):
            return condition == sp.true
        if isinstance(condition, (sp.And, sp.Or)):
            return self._joint(condition.args, decisive=isinstance(condition, sp.Or))
        if isinstance(condition, sp.ITE):
            first, second, third = condition.args
            return self.holds(second if self.holds(first) else third)
        if isinstance(condition, sp.Not):
            return not self.holds(condition.args[0])
        left, right = (self.of(side) for side in condition.args)
        gap = left - right
        if isinstance(condition, (sp.Eq, sp.Ne)):
            is_equal = abs(gap) <= self._precision.mpf(10) ** (10 - self._digits) * (1 + abs(left))
            return is_equal == isinstance(condition, sp.Eq)
        if isinstance(gap, self._precision.mpc):
            if gap.imag != 0:
                raise ArithmeticError(f"{condition} compares numbers that are not real")
            gap = gap.real
        return _COMPARED[condition.func](gap)

    def _joint(self, conditions: Any, decisive: bool) -> bool:
        """Whether one of several conditions decides, even if others have no value here."""
        unknown = None
        for condition in conditions:
            try:
                if self.holds(condition) == decisive:
                    return decisive
            except ArithmeticError as error:
                unknown = error
        if unknown is not None:
            raise unknown
        return not decisive
