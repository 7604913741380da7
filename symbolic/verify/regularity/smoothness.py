"""Regularity of expressions in the states: analytic unless a part has a kink."""

from itertools import pairwise
from typing import Any

import sympy as sp

from ..results import Regularity
from ..signs.facts import Facts
from ..signs.kinds import Kind, Split, Undecided
from ..signs.lipschitz import pieces_of

_ANALYTIC: tuple[Any, ...] = (
    sp.Add, sp.Mul, sp.exp, sp.log, sp.sin, sp.cos, sp.tan, sp.cosh, sp.sinh, sp.tanh, sp.sech, sp.atan, sp.asinh,
    sp.erf,
)  # fmt: skip
_HIGHEST = 9


def smoothness(expression: Any, facts: Facts) -> Regularity:
    """Return a class that an expression has at least, where it is known to be locally Lipschitz."""
    try:
        return _smoothness(expression, facts)
    except Undecided:
        return Regularity.CONTINUOUS


def _smoothness(expression: Any, facts: Facts) -> Regularity:
    if not expression.free_symbols & facts.ranges.keys() or expression.is_Symbol:
        return Regularity.ANALYTIC
    if isinstance(expression, sp.Pow) and not isinstance(expression, sp.exp):
        return _of_power(expression, facts)
    if isinstance(expression, sp.Abs):
        is_strict = facts.spread(expression.args[0]).kind.is_strict
        return _smoothness(expression.args[0], facts) if is_strict else Regularity.CONTINUOUS
    if isinstance(expression, sp.Piecewise):
        return _of_pieces(expression, facts)
    if isinstance(expression, _ANALYTIC):
        return min(_smoothness(part, facts) for part in expression.args)
    return Regularity.CONTINUOUS


def _of_power(expression: Any, facts: Facts) -> Regularity:
    base, exponent = expression.as_base_exp()
    if exponent.free_symbols & facts.ranges.keys():
        return min(_smoothness(base, facts), _smoothness(exponent, facts))  # exp(exponent log(base)), base positive
    if exponent.is_integer and isinstance(base, sp.Abs) and exponent.is_even:
        return _smoothness(base.args[0], facts)
    if exponent.is_integer and not isinstance(base, sp.Abs):
        return _smoothness(base, facts)  # a denominator does not vanish
    inner = base.args[0] if isinstance(base, sp.Abs) else base
    try:
        if facts.spread(base).kind is Kind.POSITIVE:
            return _smoothness(base, facts)
    except Undecided:
        pass
    return min(_smoothness(inner, facts), class_below(exponent, facts))


def class_below(exponent: Any, facts: Facts) -> Regularity:
    """The class of x^exponent for x > 0 and 0 for x < 0, as far as it is known."""
    found = 0
    while found < _HIGHEST:
        try:
            if facts.sign(exponent - found - 1) <= 0:
                break
        except (Undecided, Split):
            break
        found += 1
    return Regularity(found)


def _of_pieces(expression: Any, facts: Facts) -> Regularity:
    (state,) = set().union(*(condition.free_symbols for _, condition in expression.args)) & facts.ranges.keys()
    edges, pieces = pieces_of(expression, state, facts)
    ends = [facts.ranges[state][0], *edges, facts.ranges[state][1]]
    found = min(
        _smoothness(piece, facts.over({state: place})) for piece, place in zip(pieces, pairwise(ends), strict=True)
    )
    for edge, (left, right) in zip(edges, pairwise(pieces), strict=True):
        found = min(found, _across(left - right, state, edge, facts))
    return found


def _across(gap: Any, state: sp.Symbol, edge: Any, facts: Facts) -> Regularity:
    """How many derivatives two neighbouring pieces share."""
    for number in range(1, _HIGHEST + 1):
        gap = sp.diff(gap, state)
        value = gap.subs(state, edge)
        if value.has(sp.nan, sp.zoo, sp.oo, -sp.oo) or not facts.vanishes(value):
            return Regularity(number - 1)
    return Regularity.C9
