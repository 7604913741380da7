"""Factors of expressions, as far as they are found with little work."""

from typing import Any

import sympy as sp

_MOST_GENERATORS, _MOST_TERMS, _HIGHEST_DEGREE = 3, 60, 30
_MOST_OPERATIONS = 200


def factors_of(expression: Any) -> list[Any]:
    """Return factors, whose product is the expression.

    Sums of many terms, of many different functions and constants, or of high powers are left as they are: factoring
    them may take for ever.

    Example:
        >>> V = sp.Symbol("V", real=True)
        >>> sorted(map(str, factors_of(V * (sp.exp(2 * V) - 1))))
        ['V', 'exp(V) + 1', 'exp(V) - 1']
    """
    found: list[Any] = []
    for factor in sp.Mul.make_args(sp.sympify(expression)):
        base, exponent = factor.as_base_exp()
        if isinstance(base, sp.Add) and exponent.is_Integer:
            found += [part**exponent for part in sp.Mul.make_args(_factored(base))]
        else:
            found.append(factor)
    return found


def _factored(expression: Any) -> Any:
    try:
        found: Any = sp.sring(expression)  # sparse, unlike Poly: a power may be as high as 10**14
        ring, polynomial = found
    except (sp.PolynomialError, NotImplementedError):
        return expression
    is_small = len(ring.gens) <= _MOST_GENERATORS and len(polynomial) <= _MOST_TERMS
    if is_small and max(polynomial.degrees(), default=0) <= _HIGHEST_DEGREE:
        return sp.factor(expression)
    return sp.factor_terms(expression)


def scaled(expression: Any, variable: sp.Symbol) -> list[Any]:
    """Return an expression divided by the fastest and by the slowest of its exponentials."""
    if expression.count_ops() > _MOST_OPERATIONS:
        return []
    expanded: Any = sp.expand(expression)
    rates = {_rate(term, variable) for term in sp.Add.make_args(expanded)}
    return [sp.expand(expanded * sp.exp(-rate * variable)) for rate in sorted({min(rates), max(rates)} - {0})]


def _rate(term: Any, variable: sp.Symbol) -> Any:
    """The factor of the variable in the exponentials of a product; 0 where it is none."""
    slopes = [sp.diff(part.args[0], variable) for part in sp.Mul.make_args(term) if isinstance(part, sp.exp)]
    rate: Any = sp.Add(*slopes)
    return rate if rate.is_Rational else sp.S.Zero
