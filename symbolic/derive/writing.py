"""Equal ways to write a formula, of which some keep their digits in double precision where others do not."""

import itertools
from typing import Any

import sympy as sp


def as_atanh(ratio: Any) -> Any:
    """The logarithm of a ratio near one, without rounding the ratio."""
    return 2 * sp.atanh(sp.factor(sp.cancel((ratio - 1) / (ratio + 1))))


def without_differences(expression: Any, rank: int = 0) -> Any:
    """Write `exp(x) - 1` as a product, which keeps its digits where x is small.

    Where a sum has several such pairs of terms, `rank` says which: 0 for that with the shortest `x`.

    Example:
        >>> x = sp.Symbol("x")
        >>> without_differences(3 * sp.exp(x) - 3)
        6*exp(x/2)*sinh(x/2)
    """
    return expression.replace(
        lambda part: part.is_Add and part.has(sp.exp), lambda total: _without_difference(total, rank)
    )


def _without_difference(total: Any, rank: int) -> Any:
    pairs = {}
    for first, second in itertools.permutations(total.args, 2):
        ratio = sp.powsimp(-second / first)
        if isinstance(ratio, sp.exp):
            pairs.setdefault(frozenset((first, second)), (first, second, ratio.exp))
    if not pairs:
        return total
    ordered = sorted(pairs.values(), key=lambda pair: (pair[2].count_ops(), str(pair[2])))
    first, second, exponent = ordered[min(rank, len(ordered) - 1)]
    product = -2 * first * sp.exp(exponent / 2) * sp.sinh(exponent / 2)
    return sp.Add(*(term for term in total.args if term not in (first, second)), sp.powsimp(product))


def _factored(expression: Any) -> Any:
    return sp.factor(expression)


def expanded(expression: Any) -> Any:
    """Write a fraction, or the argument of a logarithm, as one fraction of expanded sums without common factors.

    Example:
        >>> x, z = sp.symbols("x z", real=True)
        >>> expanded(sp.log(1 / (sp.exp(x) * (1 + 1 / z) - 1)))
        log(z/(z*exp(x) - z + exp(x)))
    """
    if expression.has(sp.log):
        return expression.replace(sp.log, lambda argument: sp.log(_expanded(argument)))
    return _expanded(expression)


def _expanded(expression: Any) -> Any:
    above, below = sp.fraction(sp.cancel(sp.together(expression)))
    return sp.expand(above) / sp.expand(below)


def roots_taken_out(expression: Any) -> Any:
    """Write `(x**n a)**(1/n)` as `x a**(1/n)`, which is another branch where x is negative.

    Example:
        >>> x, z = sp.symbols("x z", real=True)
        >>> roots_taken_out(sp.cbrt(x**3 * sp.exp(3 * z) / (x + 1)))
        x*(1/(x + 1))**(1/3)*exp(z)
    """
    is_root = lambda part: part.is_Pow and part.exp.is_Rational and not part.exp.is_Integer  # noqa: E731
    return expression.replace(is_root, _root_taken_out)


def _root_taken_out(root: Any) -> Any:
    outside, inside = sp.S.One, sp.S.One
    parts: Any = sp.fraction(sp.cancel(sp.together(sp.expand(root.base))))
    above, below = map(_factored, parts)
    quotient: Any = sp.Mul(above, sp.Pow(below, -1))
    for factor in sp.Mul.make_args(quotient):
        base, exponent = (sp.E, factor.exp) if isinstance(factor, sp.exp) else factor.as_base_exp()
        if isinstance(factor, sp.exp) or (exponent.is_Integer and exponent % root.exp.q == 0 and not base.is_number):
            outside *= base ** (exponent * root.exp)
        else:
            inside *= sp.expand(base) ** exponent
    return outside * inside**root.exp


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
    forms = [expression, expanded(expression), *without_overflow(expression)]
    forms += [without_differences(form, rank) for rank in (0, 1) for form in forms]
    return list(dict.fromkeys(forms))[1:]
