"""Quotients that are 0/0 at one place and smooth there, such as the rates V/(1 - exp(-V)) of ion channels."""

from typing import Any

import sympy as sp

from .algebra import affine_split, expanded, is_zero


class mean_decay(sp.Function):
    """The entire function `(1 - exp(-y))/y`, which is positive everywhere and 1 at zero.

    Example:
        >>> mean_decay(0), mean_decay(sp.Integer(2)).evalf(5)
        (1, 0.43233)
    """

    @classmethod
    def eval(cls, y: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return its value at zero."""
        return sp.S.One if y.is_zero else None

    def _eval_evalf(self, prec: int) -> Any:
        argument: Any = self.args[0]
        y = argument._eval_evalf(prec)
        return (1 - sp.exp(-y)) / y if y is not None and y.is_number else self


def without_removable(expression: Any) -> Any:
    """Write quotients whose denominator and numerator share a simple zero without it.

    The denominator is affine in one exponential; one factor of the numerator vanishes at the same place.

    Example:
        >>> V = sp.Symbol("V", real=True)
        >>> without_removable(V / (1 - sp.exp(-V)))
        1/mean_decay(V)
        >>> without_removable((V + 40) / (10 - 10 * sp.exp(-(V + 40) / 10)))
        1/mean_decay(V/10 + 4)
        >>> without_removable((V + 1) / (1 - sp.exp(-V)))
        (V + 1)/(1 - exp(-V))
    """
    if not expression.has(sp.exp):
        return expression
    return expression.replace(lambda part: isinstance(part, sp.Mul), _without_shared_zeros)


def _without_shared_zeros(product: Any) -> Any:
    factors = list(product.args)
    for divisor in product.args:
        base, exponent = divisor.as_base_exp()
        if exponent != -1 or not isinstance(base, sp.Add):
            continue
        for factor in factors:
            smooth = _smooth_quotient(factor, base)
            if smooth is not None:
                factors.remove(factor)
                factors.remove(divisor)
                factors.append(smooth)
                break
    return sp.Mul(*factors)


def _smooth_quotient(factor: Any, base: Any) -> Any:
    """`k (V - V0) / (p + q exp(s V + r))` where both vanish at V0; None if they do not."""
    exponentials = list(base.atoms(sp.exp))
    if len(exponentials) != 1:
        return None
    symbols = sorted(factor.free_symbols & exponentials[0].free_symbols, key=str)
    stand_in = sp.Dummy(positive=True)
    parts = affine_split(base.xreplace({exponentials[0]: stand_in}), (stand_in,))
    for symbol in symbols:
        slope, above = (affine_split(part, (symbol,)) for part in (exponentials[0].args[0], factor))
        if parts is None or slope is None or above is None or not (parts[0] and slope[0] and above[0]):
            continue
        if (parts[1].free_symbols | parts[0][stand_in].free_symbols) & {symbol}:
            continue
        level = -parts[1] / parts[0][stand_in]
        distance = expanded(exponentials[0].args[0] - sp.log(level))
        if level.is_positive and is_zero(distance.subs(symbol, -above[1] / above[0][symbol])) is True:
            return -above[0][symbol] / (parts[1] * slope[0][symbol] * mean_decay(-distance))
    return None
