"""The coordinate in which a field is rational: the potential itself, or an exponential of it."""

from dataclasses import dataclass
from typing import Any

import sympy as sp

from ...algebra import tidy

y: Any = sp.Dummy("y", real=True)
_MOST_POWERS = 12


@dataclass(frozen=True)
class Coordinate:
    """A coordinate `y` in which a field is rational: the potential itself (`rate` is 0) or `exp(rate * V)`."""

    potential: Any
    rate: Any

    def of(self, place: Any) -> Any:
        """Where a potential lies."""
        if self.rate == 0:
            return place
        if place in (sp.oo, -sp.oo):
            return sp.oo if place == sp.oo else sp.S.Zero
        return sp.exp(self.rate * place)

    def back(self, here: Any) -> Any:
        """Which potential lies there."""
        return here if self.rate == 0 else sp.log(here) / self.rate

    def rewritten(self, expression: Any) -> Any:
        """An expression in the potential, in terms of `y`."""
        if self.rate == 0:
            return expression.xreplace({self.potential: y})
        powers = hyperbolic_as_exponentials(expression, self.potential)
        found = {}
        for e in powers.atoms(sp.exp):
            if e.has(self.potential):
                constant = sp.exp(e.exp.xreplace({self.potential: sp.S.Zero}))
                found[e] = constant * y ** tidy(_slope(e, self.potential) / self.rate)
        return powers.xreplace(found)


def coordinate_of(field: Any, potential: Any) -> Coordinate | None:
    """Find the coordinate in which a field is rational; None where there is none."""
    if _is_rational(field, potential):
        return Coordinate(potential, sp.S.Zero)
    powers = hyperbolic_as_exponentials(field, potential)
    found = [e for e in powers.atoms(sp.exp) if e.has(potential)]
    slopes = [_slope(e, potential) for e in found]
    if not slopes or any(slope is None for slope in slopes):
        return None
    ratios = [tidy(slope / slopes[0]) for slope in slopes]
    if not all(ratio.is_Rational for ratio in ratios):
        return None
    rate = slopes[0] / sp.ilcm(1, 1, *(ratio.q for ratio in ratios)) * sp.igcd(0, 0, *(ratio.p for ratio in ratios))
    rate = -rate if rate.is_negative else rate
    if any(abs(tidy(slope / rate)) > _MOST_POWERS for slope in slopes):
        return None
    coordinate = Coordinate(potential, rate)
    rational = coordinate.rewritten(field)
    return coordinate if _is_rational(rational, y) and not rational.has(potential) else None


def _is_rational(expression: Any, variable: Any) -> bool:
    if variable not in expression.free_symbols or expression == variable:
        return True
    if expression.is_Pow and not expression.exp.is_Integer:
        return False
    is_plain = expression.is_Add or expression.is_Mul or expression.is_Pow
    return is_plain and all(_is_rational(part, variable) for part in expression.args)


def hyperbolic_as_exponentials(expression: Any, potential: Any) -> Any:
    """Write hyperbolic functions of the potential as exponentials."""
    hyperbolic = [f for f in expression.atoms(sp.sinh, sp.cosh, sp.tanh, sp.coth) if f.has(potential)]
    return expression.xreplace({function: function.rewrite(sp.exp) for function in hyperbolic})


def _slope(exponential: Any, potential: Any) -> Any:
    slope = tidy(sp.diff(exponential.exp, potential))
    return None if slope.has(potential) or slope == 0 else slope
