"""Whether the spike is only a place where one chart ends and another begins, for an analytic flow.

Where the field is a rational function of V of degree two at infinity, y = -1/V is a regular variable there: dy/dt =
y^2 F(-1/y) is analytic and positive at y = 0. If the reset puts V from oo to -oo and leaves the other states, it does
nothing to y, and the flow is analytic through the spike. So it is for an angle. Jumps that are analytic in this
variable keep it so.
"""

from typing import Any

import sympy as sp

from ...algebra import coefficients, expanded, fraction
from ...declare import InputRoute
from ...structure import is_periodic, recognise
from ..context import Case
from ..signs.facts import Facts
from ..signs.kinds import Expression, Kind, Undecided


def is_glued(case: Case, route: InputRoute) -> bool:
    """Whether flow and jumps are analytic through the spike, resets of other states apart."""
    try:
        if case.returns_from_below:
            return _is_glued_at_infinity(case, route)
        return is_periodic(case.model) and _is_glued_on_circle(case, route)
    except Undecided:
        return False


def _is_glued_at_infinity(case: Case, route: InputRoute) -> bool:
    model, facts = case.model, case.with_weight
    variable = model.variable
    if rational_degree(model.field, variable, facts) != 2:
        return False
    others = [model.dynamics[state] for state in model.other_states]
    others += [value for state, value in route.jump.items() if state != variable]
    degrees = [rational_degree(value, variable, facts) for value in others]
    jump = route.jump.get(variable, variable)
    return all(degree is not None and degree <= 0 for degree in degrees) and _is_mobius_like(jump, variable, facts)


def _is_mobius_like(jump: Expression, variable: sp.Symbol, facts: Facts) -> bool:
    """Whether -1/V -> -1/jump is analytic at infinity and increasing there."""
    if rational_degree(jump, variable, facts) != 1:
        return False
    above, below = _rows(jump, variable) or ([sp.S.Zero], [sp.S.One])
    return facts.spread(above[-1] / below[-1]).kind is Kind.POSITIVE


def _is_glued_on_circle(case: Case, route: InputRoute) -> bool:
    model, facts = case.model, case.with_weight
    variable, period = model.variable, model.spike.threshold - model.reset_value
    if any(value.has(variable) for state, value in route.jump.items() if state != variable):
        return False
    jump: Any = route.jump.get(variable, variable)
    if not jump.has(sp.tan):
        moved = jump.subs(variable, variable + period) - jump - period
        return expanded(sp.expand_trig(moved)) == 0
    structure = recognise(model)
    if not structure.is_circle:
        return False
    line = structure.potential
    return _is_mobius_like(line + structure.jumps[route.name][line], line, facts.over({line: (-sp.oo, sp.oo)}))


def rational_degree(expression: Expression, variable: sp.Symbol, facts: Facts) -> int | None:
    """The degree at infinity of a rational function of the variable; None if it is none, or its degree not fixed.

    Example:
        >>> V, I = sp.symbols("V I", real=True)
        >>> rational_degree(V**2 + I / (1 + V**2), V, Facts(({},), {I: (-sp.oo, sp.oo)}))
        2
    """
    rows = _rows(expression, variable)
    if rows is None or not facts.spread(rows[1][-1]).kind.is_strict:
        return None
    above, below = rows
    return len(above) - len(below) if above != [0] else -1


def _rows(expression: Expression, variable: sp.Symbol) -> tuple[list[Expression], list[Expression]] | None:
    """The coefficients of numerator and denominator as polynomials in the variable, constant term first."""
    quotient = fraction(expression)
    if quotient is None:
        return None
    above, below = (coefficients(part, variable) for part in quotient)
    return None if above is None or below is None else (above, below)
