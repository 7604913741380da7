"""Factors of expressions, as far as they are found with little work."""

from typing import Any

import sympy as sp

_MOST_GENERATORS, _MOST_TERMS, _HIGHEST_DEGREE = 3, 60, 30


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
