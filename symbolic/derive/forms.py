"""Equal ways to write a formula, of which some keep their digits in double precision where others do not."""

from typing import Any

import sympy as sp


def as_atanh(ratio: Any) -> Any:
    """The logarithm of a ratio near one, without rounding the ratio."""
    return 2 * sp.atanh(sp.factor(sp.cancel((ratio - 1) / (ratio + 1))))


def without_differences(expression: Any) -> Any:
    """Write `exp(x) - 1` as a product, which keeps its digits where x is small.

    Example:
        >>> x = sp.Symbol("x")
        >>> without_differences(3 * sp.exp(x) - 3)
        6*exp(x/2)*sinh(x/2)
    """

    def product(total: Any) -> Any:
        if len(total.args) != 2:
            return total
        constant, other = total.as_independent(*[e for e in total.atoms(sp.exp) if not e.is_number], as_Add=True)
        factor, power = other.as_independent(sp.exp, as_Add=False)
        if not isinstance(power, sp.exp) or constant + factor != 0:
            return total
        return 2 * factor * sp.exp(power.exp / 2) * sp.sinh(power.exp / 2)

    return expression.replace(lambda part: part.is_Add and part.has(sp.exp), product)


def without_overflow(expression: Any) -> list[Any]:
    """Take the largest, or the smallest, power of an exponential out of logarithms.

    Example:
        >>> x = sp.Symbol("x", real=True)
        >>> without_overflow(sp.log(sp.exp(x) + 1))
        [log(exp(x) + 1), x + log(1 + exp(-x))]
    """

    def taken_out(argument: Any, upwards: bool) -> Any:
        powers = {e for e in argument.atoms(sp.exp) if not e.is_number}
        if not powers:
            return sp.log(argument)
        first = min(powers, key=sp.default_sort_key).exp
        ratios = [sp.simplify(e.exp / first) for e in powers]
        if not all(ratio.is_Rational for ratio in ratios):
            return sp.log(argument)
        unit = first / sp.ilcm(1, 1, *(ratio.q for ratio in ratios)) * (1 if upwards else -1)
        small = sp.Dummy("small", positive=True)
        inside: Any = sp.together(argument.subs({e: small ** sp.simplify(-e.exp / unit) for e in powers}))
        above, below = (sp.Poly(part, small) for part in sp.fraction(sp.cancel(inside)))
        order = min(above.monoms())[0] - min(below.monoms())[0]
        rest = sp.factor(sp.cancel(inside / small**order))
        return sp.log(rest.subs(small, sp.exp(-unit))) - order * unit

    forms = []
    for upwards in (False, True):
        try:
            forms.append(expression.replace(sp.log, lambda argument, up=upwards: taken_out(argument, up)))
        except (sp.PolynomialError, ValueError):
            continue
    return forms


def equal_forms(expression: Any) -> list[Any]:
    """Other ways to write an expression, which round differently."""
    forms = [expression, *without_overflow(expression)]
    forms += [without_differences(form) for form in forms]
    return list(dict.fromkeys(forms))[1:]
