"""All real zeros of an expression in one variable: closed forms up to degree 2, else isolated so that none is lost."""

from typing import Any

import sympy as sp

from ..algebra import factored, tidy
from ..enclosure.isolation import WINDOW, isolate, rounded
from ..errors import ModelError
from ..verify.signs.kinds import numeric, sign_of_value


def sign_of(expression: Any) -> int:
    """Return the sign of a number, or of an expression in open parameters where their assumptions decide."""
    expression = sp.sympify(expression)
    found = numeric(expression) if expression.is_number else sign_of_value(factored(expression), {})
    if found is None:
        names = ", ".join(sorted(map(str, expression.free_symbols)))
        instead = f"give {names} a value, or declare a sign such as sp.Symbol(..., positive=True)" if names else ""
        raise ModelError(f"the sign of {expression} must be known but is not; {instead or 'write simpler numbers'}")
    return found


def zeros(expression: Any, variable: sp.Symbol, low: float = -WINDOW, high: float = WINDOW) -> list[Any]:
    """Return the real zeros in ascending order, each once; where there is no closed form, as fractions of 25 digits.

    Polynomials are searched everywhere, other expressions from `low` to `high`.
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
    return isolate(expression.rewrite(sp.Piecewise), variable, low, high)


def _closed(constant: Any, slope: Any = sp.S.Zero, curvature: Any = sp.S.Zero) -> list[Any]:
    if sign_of(curvature) == 0:
        return [tidy(-constant / slope)] if sign_of(slope) else []
    discriminant = factored(slope**2 - 4 * curvature * constant)
    sign = sign_of(discriminant)
    if sign <= 0:
        return [] if sign < 0 else [tidy(-slope / (2 * curvature))]
    half = sp.sqrt(discriminant) / (2 * curvature) * sign_of(curvature)
    return [tidy(-slope / (2 * curvature) - half), tidy(-slope / (2 * curvature) + half)]
