"""The branches of piecewise functions that are valid on one side of a point."""

from dataclasses import dataclass
from typing import Any

import sympy as sp

from ..signs.facts import Facts
from ..signs.kinds import Expression, Undecided, is_true
from .growth import Expander, far


def from_below(expression: Expression, variable: sp.Symbol, point: Expression, facts: Facts) -> Expression:
    """The expression that is valid just below a finite point, with its branches resolved there."""
    return beside(expression, variable, point, -1, facts)


def beside(expression: Expression, variable: sp.Symbol, point: Expression, side: int, facts: Facts) -> Expression:
    """The same on either side of a point: just above it (side 1) or just below it (side -1)."""
    if not any(function.has(variable) for function in expression.atoms(*_BRANCHING)):
        return expression
    return _Resolver(facts, {variable: point + side / far}).resolve(expression)


_BRANCHING = (sp.Piecewise, sp.Abs, sp.Max, sp.Min, sp.Heaviside, sp.sign)


@dataclass(frozen=True)
class _Resolver:
    """Takes the branch of every function that has some which is valid at a place close to a point."""

    facts: Facts
    place: dict[Any, Any]

    def resolve(self, expression: Any) -> Any:
        if not isinstance(expression, sp.Basic) or not expression.has(*_BRANCHING):
            return expression
        if not expression.free_symbols & self.place.keys():
            return expression
        if isinstance(expression, sp.Piecewise):
            for value, condition in expression.args:  # pyright: ignore[reportGeneralTypeIssues]
                if is_true(condition, self._sign):
                    return self.resolve(value)
            raise Undecided("no branch of a Piecewise is valid there")
        parts = [self.resolve(part) for part in expression.args]
        if isinstance(expression, sp.Abs):
            return parts[0] * (self._sign(parts[0]) or 1)
        if isinstance(expression, (sp.Max, sp.Min)):
            wanted = 1 if isinstance(expression, sp.Max) else -1
            best = parts[0]
            for other in parts[1:]:
                best = other if self._sign(other - best) == wanted else best
            return best
        if isinstance(expression, (sp.Heaviside, sp.sign)):
            return expression.func(sp.Integer(self._sign(parts[0])))
        return expression.func(*parts)

    def _sign(self, expression: Any) -> int:
        return Expander(self.facts).sign_far_out(sp.sympify(expression).subs(self.place))
