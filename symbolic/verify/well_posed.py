"""Whether an expression is locally Lipschitz in the states: what makes the solution unique and continuous."""

from itertools import pairwise
from typing import Any

import sympy as sp

from ..algebra import tidied
from .facts import Facts
from .signs import Expression, Kind, Undecided, affine_parts, is_true

_SMOOTH = (sp.exp, sp.sin, sp.cos, sp.cosh, sp.sinh, sp.tanh, sp.sech, sp.atan, sp.asinh, sp.erf)
_ENTIRE = (*_SMOOTH, sp.Abs, sp.Max, sp.Min)


def require_lipschitz(expression: Any, facts: Facts) -> None:
    """Check that an expression is finite and locally Lipschitz while its states stay in their ranges.

    Raises:
        Undecided: at the first part for which that cannot be shown.
    """
    if not expression.free_symbols & facts.ranges.keys() and expression.is_real:
        return
    if isinstance(expression, sp.Piecewise):
        _require_continuous_pieces(expression, facts)
        return
    if isinstance(expression, sp.Pow):
        _require_regular_power(expression, facts)
    elif isinstance(expression, sp.log):
        _require_positive(expression.args[0], facts)
    elif isinstance(expression, sp.tan):
        _require_between_poles(expression.args[0], facts)
    elif not isinstance(expression, (sp.Symbol, sp.Add, sp.Mul, *_ENTIRE)):
        raise Undecided(f"whether {expression} is finite and smooth is not known")
    for part in expression.args:
        require_lipschitz(part, facts)


def _require_positive(expression: Any, facts: Facts) -> None:
    if facts.spread(expression).kind is not Kind.POSITIVE:
        raise Undecided(f"{expression} is not positive for all admissible states")


def _require_regular_power(expression: Any, facts: Facts) -> None:
    base, exponent = expression.as_base_exp()
    if exponent.is_integer and exponent.is_nonnegative and not exponent.free_symbols & facts.ranges.keys():
        return
    if exponent.is_Integer:
        if not facts.spread(base).kind.is_strict:
            raise Undecided(f"{base} may vanish in a denominator")
        return
    fixed = not exponent.free_symbols & facts.ranges.keys()
    if fixed and facts.is_nonnegative(base) and facts.at_least_zero(exponent - 1):
        return
    _require_positive(base, facts)


def _require_between_poles(argument: Any, facts: Facts) -> None:
    """The argument of a tangent must stay between two poles; the ends of the range are limits, never reached."""
    states: list[Any] = sorted(argument.free_symbols & facts.ranges.keys(), key=str)
    if affine_parts(argument, states) is not None and len(states) == 1:
        ends = [argument.subs(states[0], end) for end in facts.ranges[states[0]] if end.is_finite]
        gaps = [sp.pi / 2 + sign * end for end in ends for sign in (1, -1)]
        if len(ends) == 2 and all(facts.at_least_zero(gap) for gap in gaps):
            return
    raise Undecided(f"tan({argument}) may have a pole")


def _require_continuous_pieces(expression: Any, facts: Facts) -> None:
    """Check each branch where it is valid, and that neighbouring branches meet."""
    variables = set().union(*(condition.free_symbols for _, condition in expression.args)) & facts.ranges.keys()
    if len(variables) != 1:
        raise Undecided(f"the conditions of {expression} involve several states, or none")
    (state,) = variables
    edges = edges_of(expression, state, facts)
    inside = [(low + high) / 2 for low, high in pairwise(edges)]
    pieces = [piece_at(expression, state, at, facts) for at in (edges[0] - 1, *inside, edges[-1] + 1)]
    ends = [facts.ranges[state][0], *edges, facts.ranges[state][1]]
    for piece, place in zip(pieces, pairwise(ends), strict=True):
        require_lipschitz(piece, facts.over({state: place}))
    for edge, (left, right) in zip(edges, pairwise(pieces), strict=True):
        if not facts.vanishes((left - right).subs(state, edge)):
            raise Undecided(f"{expression} jumps at {state} = {edge}")


def edges_of(expression: Any, state: sp.Symbol, facts: Facts) -> list[Expression]:
    """The places where a piecewise expression changes its branch, in ascending order."""
    edges: list[Expression] = []
    for relation in set().union(*(condition.atoms(sp.Rel) for _, condition in expression.args)):
        parts = affine_parts(relation.lhs - relation.rhs, [state])
        if parts is None or not isinstance(relation, (sp.Gt, sp.Ge, sp.Lt, sp.Le)):
            raise Undecided(f"the condition {relation} of a Piecewise is not understood")
        if not facts.sign(parts[0][state]):
            raise Undecided(f"the condition {relation} of a Piecewise does not involve {state}")
        edge = tidied(-parts[1] / parts[0][state])
        position = 0
        for other in edges:
            order = facts.sign(edge - other)
            if order == 0:
                break
            position += order > 0
        else:
            edges.insert(position, edge)
    return edges


def piece_at(expression: Any, state: sp.Symbol, place: Expression, facts: Facts) -> Expression:
    """The branch of a piecewise expression that is valid at a place."""
    for piece, condition in expression.args:
        if is_true(condition.subs(state, place), facts.sign):
            return piece
    raise Undecided(f"{expression} has no branch at {state} = {place}")
