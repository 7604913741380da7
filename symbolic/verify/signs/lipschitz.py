"""Local Lipschitz continuity in the states, which makes solutions unique and continuous."""

from itertools import pairwise
from typing import Any

import sympy as sp

from ...algebra import tidy
from .facts import Facts
from .kinds import Expression, Kind, Undecided, affine_parts, is_true

_SMOOTH = (sp.exp, sp.sin, sp.cos, sp.cosh, sp.sinh, sp.tanh, sp.sech, sp.atan, sp.asinh, sp.erf)
_ENTIRE = (*_SMOOTH, sp.Abs, sp.Max, sp.Min)
_BRANCHING = (sp.Piecewise, sp.Abs, sp.Max, sp.Min, sp.Heaviside, sp.sign)


def require_lipschitz(expression: Any, facts: Facts) -> None:
    """Check that an expression is finite and locally Lipschitz while its states stay in their ranges."""
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
        raise Undecided("whether {} is finite and smooth is not known", expression)
    elif isinstance(expression, sp.Mul):
        parts = _without_removable_denominators(expression, facts)
        if len(parts) < len(expression.args):
            for part in parts:
                require_lipschitz(part, facts)
            return
    for part in expression.args:
        require_lipschitz(part, facts)


def _without_removable_denominators(product: Any, facts: Facts) -> list[Any]:
    """The factors of a product but for denominators whose one zero, a simple one, the numerator shares.

    Such is V/(1 - exp(-V)), a common rate of ion channels: it continues analytically through V = 0.
    """
    numerator = sp.Mul(*(factor for factor in product.args if not factor.as_base_exp()[1].is_negative))
    if numerator.atoms(*_BRANCHING) or any(not power.exp.is_Integer for power in numerator.atoms(sp.Pow)):
        return list(product.args)
    kept, used = [], False
    for factor in product.args:
        base, exponent = factor.as_base_exp()
        if exponent == -1 and not used and _shares_only_zero(base, numerator, facts):
            used = True  # the zero of the numerator is spent
        else:
            kept.append(factor)
    return kept


def _shares_only_zero(base: Any, numerator: Any, facts: Facts) -> bool:
    """Whether a denominator affine in one exponential vanishes where the numerator does."""
    exponentials = [part for part in base.atoms(sp.exp) if part.free_symbols & facts.ranges.keys()]
    if len(exponentials) != 1:
        return False
    (exponential,) = exponentials
    stand_in = sp.Dummy(positive=True)
    parts = affine_parts(base.xreplace({exponential: stand_in}), [stand_in])
    states = exponential.free_symbols & facts.ranges.keys()
    argument = affine_parts(exponential.args[0], list(states))
    if parts is None or argument is None or len(states) != 1:
        return False
    (state,) = states
    slope, rest = argument[0][state], argument[1]
    if (parts[0][stand_in].free_symbols | parts[1].free_symbols | slope.free_symbols) & facts.ranges.keys():
        return False
    level = -parts[1] / parts[0][stand_in]
    if facts.sign(slope) == 0 or facts.sign(level) <= 0:
        return False
    return facts.vanishes(numerator.subs(state, (sp.log(level) - rest) / slope))


def _require_positive(expression: Any, facts: Facts) -> None:
    if facts.spread(expression).kind is not Kind.POSITIVE:
        raise Undecided("{} is not positive for all admissible states", expression)


def _require_regular_power(expression: Any, facts: Facts) -> None:
    base, exponent = expression.as_base_exp()
    if exponent.is_integer and exponent.is_nonnegative and not exponent.free_symbols & facts.ranges.keys():
        return
    if exponent.is_Integer:
        if not facts.spread(base).kind.is_strict:
            raise Undecided("{} may vanish in a denominator", base)
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
    raise Undecided("tan({}) may have a pole", argument)


def _require_continuous_pieces(expression: Any, facts: Facts) -> None:
    """Check each branch where it is valid, and that neighbouring branches meet."""
    variables = set().union(*(condition.free_symbols for _, condition in expression.args)) & facts.ranges.keys()
    if len(variables) != 1:
        raise Undecided("the conditions of {} involve several states, or none", expression)
    (state,) = variables
    edges, pieces = pieces_of(expression, state, facts)
    ends = [facts.ranges[state][0], *edges, facts.ranges[state][1]]
    for piece, place in zip(pieces, pairwise(ends), strict=True):
        require_lipschitz(piece, facts.over({state: place}))
    for edge, (left, right) in zip(edges, pairwise(pieces), strict=True):
        if not facts.vanishes((left - right).subs(state, edge)):
            raise Undecided("{} jumps at {} = {}", expression, state, edge)
    for end, piece in ((facts.ranges[state][0], pieces[0]), (facts.ranges[state][1], pieces[-1])):
        if end.is_finite and (state, end) != facts.cut:
            at_end = piece_at(expression, state, end, facts)
            if at_end != piece and not facts.vanishes((at_end - piece).subs(state, end)):
                raise Undecided("{} jumps at {} = {}", expression, state, end)


def pieces_of(expression: Any, state: sp.Symbol, facts: Facts) -> tuple[list[Expression], list[Expression]]:
    """The places inside a state's range where a piecewise expression changes its branch, and the branches between."""
    low, high = facts.ranges[state]
    edges = [
        edge
        for edge in edges_of(expression, state, facts)
        if (low.is_infinite or facts.sign(edge - low) > 0) and (high.is_infinite or facts.sign(high - edge) > 0)
    ]
    places = [_between(left, right) for left, right in pairwise([low, *edges, high])]
    return edges, [piece_at(expression, state, at, facts) for at in places]


def settled(expression: Any, facts: Facts) -> Any:
    """Put the one branch that is valid in place of a piecewise expression, where states do not leave it."""
    new = {}
    for piecewise in expression.atoms(sp.Piecewise):
        states = set().union(*(condition.free_symbols for _, condition in piecewise.args)) & facts.ranges.keys()
        try:
            edges, pieces = pieces_of(piecewise, *states, facts=facts) if len(states) == 1 else ([None], [])
        except Undecided:
            continue
        if not edges:
            new[piecewise] = pieces[0]
    return expression.xreplace(new)


def _between(low: Expression, high: Expression) -> Expression:
    if low.is_infinite and high.is_infinite:
        return sp.S.Zero
    if low.is_infinite or high.is_infinite:
        return high - 1 if low.is_infinite else low + 1
    return (low + high) / 2


def edges_of(expression: Any, state: sp.Symbol, facts: Facts) -> list[Expression]:
    """The places where a piecewise expression changes its branch, in ascending order."""
    edges: list[Expression] = []
    for relation in set().union(*(condition.atoms(sp.Rel) for _, condition in expression.args)):
        parts = affine_parts(relation.lhs - relation.rhs, [state])
        if parts is None or not isinstance(relation, (sp.Gt, sp.Ge, sp.Lt, sp.Le)):
            raise Undecided("the condition {} of a Piecewise is not understood", relation)
        if not facts.sign(parts[0][state]):
            raise Undecided("the condition {} of a Piecewise does not involve {}", relation, state)
        edge = tidy(-parts[1] / parts[0][state])
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
    raise Undecided("{} has no branch at {} = {}", expression, state, place)
