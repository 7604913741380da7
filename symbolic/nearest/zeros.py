"""All real zeros of an expression in one variable: closed forms up to degree 2, else isolated so that none is lost."""

from collections.abc import Callable
from typing import Any

import mpmath
import sympy as sp

from ..errors import ModelError
from ..verify.signs import numeric, sign_of_value
from .enclosure import enclosure, excludes_zero

#: How far from zero a field that is no polynomial is searched.
WINDOW = 2.0**20
DIGITS = 25
_PRECISE = 45
_NARROW, _MAX_BOXES = 1e-9, 20_000


def sign_of(expression: Any) -> int:
    """Return the sign of a number, or of an expression in open parameters where their assumptions tell.

    Raises:
        ModelError: if they do not tell.

    Example:
        >>> sign_of(sp.sqrt(2) - 1), sign_of(-sp.Symbol("x", positive=True))
        (1, -1)
    """
    expression = sp.sympify(expression)
    found = numeric(expression) if expression.is_number else sign_of_value(sp.factor(expression), {})
    if found is None:
        names = ", ".join(sorted(map(str, expression.free_symbols)))
        instead = f"give {names} a value, or declare a sign such as sp.Symbol(..., positive=True)" if names else ""
        raise ModelError(f"the sign of {expression} has to be known and is not; {instead or 'write simpler numbers'}")
    return found


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


def zeros(expression: Any, variable: sp.Symbol, low: float = -WINDOW, high: float = WINDOW) -> list[Any]:
    """Return the real zeros in ascending order, each once; where there is no closed form, as fractions of 25 digits.

    Polynomials are searched everywhere, other expressions from `low` to `high`.

    Raises:
        ModelError: if a zero cannot be told from a near miss, or open parameters leave too much open.

    Example:
        >>> V = sp.Symbol("V", real=True)
        >>> zeros(V**2 - V - 1, V)
        [1/2 - sqrt(5)/2, 1/2 + sqrt(5)/2]
        >>> [round(float(zero), 6) for zero in zeros(sp.exp(V) - 2 * V - 2, V)]
        [-0.768039, 1.678347]
    """
    expression = sp.sympify(expression)
    polynomial: Any = sp.Poly(expression, variable) if expression.is_polynomial(variable) else None
    if polynomial is not None and polynomial.degree() <= 2:
        return _closed(*polynomial.all_coeffs()[::-1])
    if expression.free_symbols - {variable}:
        names = ", ".join(sorted(map(str, expression.free_symbols - {variable})))
        raise ModelError(f"the zeros of {expression} have no simple closed form; give {names} a value")
    if polynomial is not None and (polynomial.domain.is_QQ or polynomial.domain.is_ZZ):
        return [root if root.is_Rational else rounded(root) for root in sorted(set(polynomial.real_roots()))]
    return _isolated(expression.rewrite(sp.Piecewise), variable, low, high)


def _closed(constant: Any, slope: Any = sp.S.Zero, curvature: Any = sp.S.Zero) -> list[Any]:
    if sign_of(curvature) == 0:
        return [sp.simplify(-constant / slope)] if sign_of(slope) else []
    discriminant = sp.factor(slope**2 - 4 * curvature * constant)
    sign = sign_of(discriminant)
    if sign <= 0:
        return [] if sign < 0 else [sp.simplify(-slope / (2 * curvature))]
    half = sp.sqrt(discriminant) / (2 * curvature) * sign_of(curvature)
    return [sp.simplify(-slope / (2 * curvature) - half), sp.simplify(-slope / (2 * curvature) + half)]


def _isolated(expression: Any, variable: sp.Symbol, low: float, high: float) -> list[Any]:
    """Halve intervals until each one has provably no zero, or exactly one."""
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
