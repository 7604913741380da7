"""Invariant ranges of states, from equations, initial values, resets and inputs.

A bound c of a state x is kept if the equation does not point across it (dx/dt >= 0 at x = c for a lower bound), if x
starts on the right side, and if resets and inputs lead from the right side to the right side. Candidates are the
initial value, constant resets, zero, and the places where the extreme values of dx/dt vanish. Each bound is proven with
the ranges that are known already, one state after the other.
"""

from dataclasses import replace
from itertools import islice, product
from typing import Any

import sympy as sp

from ...algebra import coefficients, expanded, tidy
from ...declare import NeuronModel, weight
from .facts import Facts
from .kinds import ENCLOSED, Expression, Kind, Range, Undecided, affine_parts

_NOT_NEGATIVE = (Kind.POSITIVE, Kind.NONNEGATIVE, Kind.ZERO)
_MAX_CORNERS, _MAX_CANDIDATES, _FEW_BOXES = 16, 8, 30
_EVERYTHING: Range = (-sp.oo, sp.oo)


def derived_ranges(model: NeuronModel, facts: Facts) -> dict[sp.Symbol, Range]:
    """The ranges of all states, declared or derived; the spiking variable ends at its threshold."""
    facts = replace(facts, most_boxes=_FEW_BOXES)
    fixed = constant_states(model, facts)
    ranges = dict(facts.ranges) | {s: (model.initial[s], model.initial[s]) for s in fixed}
    for _ in model.states:
        before = dict(ranges)
        for state in model.states:
            ranges[state] = _range_of(state, model, facts.over(ranges))
        if ranges == before:
            break
    return ranges


def constant_states(model: NeuronModel, facts: Facts) -> set[sp.Symbol]:
    """The states that keep their initial value: at it, neither equations nor resets nor inputs change them."""
    found = {state for state in model.other_states if state not in model.bounds}
    while True:
        at: dict[Any, Any] = {state: model.initial[state] for state in found}
        leaving = {state for state in found if not _stays(state, at, model, facts)}
        if not leaving:
            return found
        found -= leaving


def _stays(state: sp.Symbol, at: dict[Any, Any], model: NeuronModel, facts: Facts) -> bool:
    changes = [model.dynamics[state], model.reset.get(state, state) - state]
    changes += [route.jump[state] - state for route in model.routes if state in route.jump]
    for change in changes:
        value = expanded(change.subs(at, simultaneous=True))
        if value.free_symbols & {*model.states, weight}:
            return False  # simplified no further: some state or weight changes it
        try:
            if facts.sign(value) != 0:
                return False
        except Undecided:
            return False
    return True


def _range_of(state: sp.Symbol, model: NeuronModel, facts: Facts) -> Range:
    low, high = facts.ranges[state]
    if low == high or state in model.bounds or _is_free(state, model):
        return low, high
    if state == model.variable:
        can_fall = not model.reset_value.is_finite or low.is_finite
        return (low if can_fall else _best(state, model, facts, 1), high)
    low = low if low.is_finite else _best(state, model, facts, 1)
    within = facts.over({state: (low, high)})
    high = high if high.is_finite else _best(state, model, within, -1)
    return (low, high) if low.is_finite or high.is_finite else _both_ends(state, model, facts)


def _both_ends(state: sp.Symbol, model: NeuronModel, facts: Facts) -> Range:
    """Two ends that are kept together, such as those of a state whose sign a reset changes."""
    found = _candidates(state, model, facts)
    found = list(dict.fromkeys([*found, *(-candidate for candidate in found)]))[:_MAX_CANDIDATES]
    for low, high in product(found, repeat=2):
        within = facts.over({state: (low, high)})
        try:
            is_interval = facts.sign(high - low) > 0
            if is_interval and all(_is_kept(state, e, model, within, i) for e, i in ((low, 1), (high, -1))):
                return low, high
        except Undecided:
            continue
    return _EVERYTHING


def _is_free(state: sp.Symbol, model: NeuronModel) -> bool:
    """Whether an input adds its weight to a state, and so carries it anywhere."""
    jumps = [route.jump[state] for route in model.routes if state in route.jump]
    return any(jump.has(weight) and affine_parts(jump, [weight]) is not None for jump in jumps)


def _best(state: sp.Symbol, model: NeuronModel, facts: Facts, inward: int) -> Expression:
    """The narrowest bound that is kept: from below (inward 1) or from above (inward -1)."""
    kept: list[Expression] = []
    for candidate in _candidates(state, model, facts):
        try:
            if _is_kept(state, candidate, model, facts, inward):
                kept.append(candidate)
        except Undecided:
            continue
    best = None
    for candidate in kept:
        try:
            if best is None or facts.sign(inward * (candidate - best)) > 0:
                best = candidate
        except Undecided:
            continue
    return -inward * sp.oo if best is None else best


def _is_kept(state: sp.Symbol, bound: Expression, model: NeuronModel, facts: Facts, inward: int) -> bool:
    """Whether a state cannot cross a bound."""
    if not facts.at_least_zero(inward * (model.initial[state] - bound)):
        return False
    low, high = facts.ranges[state]
    beyond = facts.over({state: (bound, high) if inward > 0 else (low, bound)})
    changes = [model.reset.get(state, state), *(route.jump.get(state, state) for route in model.routes)]
    anywhere = beyond.over({weight: _EVERYTHING})
    if any(change != state and _kind(inward * (change - bound), anywhere) not in _NOT_NEGATIVE for change in changes):
        return False
    at_bound: Any = model.dynamics[state].subs(state, bound)
    rate = inward * at_bound
    return not rate.has(sp.nan, sp.zoo, sp.oo, -sp.oo) and _kind(rate, facts) in _NOT_NEGATIVE


def _kind(expression: Expression, facts: Facts) -> Kind:
    return facts.spread(expression).kind


def _candidates(state: sp.Symbol, model: NeuronModel, facts: Facts) -> list[Expression]:
    given = [model.initial[state], sp.S.Zero]
    reset = model.reset.get(state)
    if reset is not None and reset.is_finite and not reset.free_symbols & set(model.states):
        given.append(reset)
    found: dict[Expression, None] = dict.fromkeys(given)
    for rate in _extremes(model.dynamics[state], state, facts):
        found |= dict.fromkeys(_roots(rate, state))
    return list(found)


def _extremes(rate: Expression, state: sp.Symbol, facts: Facts) -> list[Expression]:
    """The rate with everything but the state itself at an end of its range; nothing where that is infinite."""
    ends: dict[Any, Range] = {
        function: ENCLOSED[function.func]
        for function in sorted(rate.atoms(*ENCLOSED), key=sp.default_sort_key)
        if not function.has(state) and function.free_symbols & facts.ranges.keys()
    }
    masked = rate.xreplace({function: sp.Dummy() for function in ends})
    for other in sorted(masked.free_symbols & facts.ranges.keys() - {state}, key=str):
        ends[other] = facts.ranges[other]
    found = []
    for corner in islice(product(*ends.values()), _MAX_CORNERS):
        if all(end.is_finite for end in corner):
            found.append(rate.xreplace(dict(zip(ends, corner, strict=True))))
    return found


def _roots(rate: Expression, state: sp.Symbol) -> list[Expression]:
    """The real zeros of a polynomial of degree one or two in a state."""
    row = coefficients(rate, state, 2)
    if row is None or len(row) == 1:
        return []
    if len(row) == 2:
        return [tidy(-row[0] / row[1])]
    discriminant = tidy(row[1] ** 2 - 4 * row[0] * row[2])
    if not discriminant.is_nonnegative:
        return []
    root = sp.sqrt(discriminant)
    return [tidy((-row[1] + sign * root) / (2 * row[2])) for sign in (1, -1)]
