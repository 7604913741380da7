"""How smoothly later spikes pass the meeting of an input with the neuron's own spike.

Both orders of events lead to a state after the meeting, a function of the time between the two on either side of
zero. They agree at zero (order-swap continuity); the first power on which they differ, or that is not smooth, gives
the class. Before the spike the input shifts the phase like u^k; after a reset to -oo likewise, with the exponent that
belongs to the way back; after a finite reset V departs like v^n, n integrations after the input. A reset that changes
other states passes the own spike's shift on to them.
"""

from dataclasses import dataclass
from typing import Any

import sympy as sp

from ..declare import InputRoute, NeuronModel
from .boundedness import following
from .case import Case
from .certificate import Regularity
from .clock import Clock, Order, clock_after, clock_before, compare_orders, smallest
from .contact import Finding, class_of, effect_of_jump, is_fractional, like, shift_order
from .gluing import is_glued
from .signs import Undecided, affine_parts

_NEVER = Order(sp.oo)


@dataclass(frozen=True)
class Ties:
    """Which states matter, and how the input and the spike reach them.

    Attributes:
        relevant: The states that act on the spiking variable, directly, through others or through a reset.
        driven: Relevant states that the input reaches without the spiking variable.
        touched: Relevant states that the reset changes, and those that they drive.
        following: Relevant states that depend on the spiking variable.
    """

    relevant: frozenset[sp.Symbol]
    driven: frozenset[sp.Symbol]
    touched: frozenset[sp.Symbol]
    following: frozenset[sp.Symbol]


def ties(model: NeuronModel, route: InputRoute) -> Ties:
    """Sort the states by what reaches them."""
    relevant = relevant_states(model)
    changed = {s for s, value in model.reset.items() if s in relevant and sp.expand(value - s) != 0}
    driven = _downstream(model, {s for s in route.jump if s != model.variable})
    return Ties(
        frozenset(relevant),
        frozenset(driven & relevant),
        frozenset(_downstream(model, changed) & relevant),
        frozenset(following(model, model.variable) & relevant),
    )


def relevant_states(model: NeuronModel) -> set[sp.Symbol]:
    """The states that act on the spiking variable, directly, through others or through a reset."""
    others = set(model.other_states)
    found: set[Any] = set()
    new: set[Any] = (model.field.free_symbols | model.reset_value.free_symbols) & others
    while new - found:
        found |= new
        for state in list(found):
            rates = model.dynamics[state].free_symbols | model.reset.get(state, state).free_symbols
            new = new | (rates & others)
    return found


def _downstream(model: NeuronModel, start: set[sp.Symbol]) -> set[sp.Symbol]:
    found = set(start)
    while True:
        new = {s for s in model.other_states if model.dynamics[s].free_symbols & found} - found
        if not new:
            return found
        found |= new


def later_finding(case: Case, route: InputRoute, own: Order | None) -> Finding:
    """Find the class of later spikes, given the contact exponent.

    Raises:
        Undecided: if a step of the estimate cannot be taken.
    """
    model = case.model
    found = ties(model, route)
    if model.variable not in route.jump and not found.driven:
        return Finding(Regularity.ANALYTIC, True, "The input does not act on the neuron's spikes.")
    own = own or _NEVER
    if is_glued(case, route):
        finding = _through_one_chart(case, route, own, found)
        if finding is not None:
            return finding
    if not _is_quiet(model, route, found):
        return _kink_or_continuous(case, route, own, found)
    if case.returns_from_below:
        return _after_infinity(case, route, own, found)
    return _after_finite_reset(case, route, own)


def _through_one_chart(case: Case, route: InputRoute, own: Order, found: Ties) -> Finding | None:
    chart = "-1/V" if case.returns_from_below else "the angle"
    smooth = f"In terms of {chart} flow and jumps are analytic through the spike"
    if not found.touched:
        return Finding(Regularity.ANALYTIC, True, f"{smooth}, and the reset changes nothing else.")
    if found.following or not _superposes(case.model, route, found):
        return None
    regularity, is_exact = class_of(own, case.with_weight)
    reason = f"{smooth}, but the reset of other states passes the own spike's shift on to later spikes."
    return Finding(regularity, is_exact and _time_matters(case, found), reason)


def _time_matters(case: Case, found: Ties) -> bool:
    """Whether a reset of other states has another effect a moment later: it does not commute with their flow."""
    model = case.model
    reset: dict[Any, Any] = {state: model.reset.get(state, state) for state in model.other_states}
    for state in found.touched:
        pushed = sp.Add(*(sp.diff(reset[state], other) * model.dynamics[other] for other in model.other_states))
        if not case.facts.vanishes(pushed - model.dynamics[state].subs(reset, simultaneous=True)):
            return True
    return False


def _is_quiet(model: NeuronModel, route: InputRoute, found: Ties) -> bool:
    """Whether the other states are smooth functions of input times, spike times apart, and V restarts without them."""
    jumps = [value for state, value in route.jump.items() if state != model.variable]
    if found.following or any(value.has(model.variable) for value in jumps):
        return False
    if model.reset_value.free_symbols & found.driven:
        return False
    return not found.touched or _superposes(model, route, found)


def _superposes(model: NeuronModel, route: InputRoute, found: Ties) -> bool:
    """Whether the effects of input and reset on the other states add up, so that their order does not matter."""
    jumps = {state: value for state, value in route.jump.items() if state != model.variable}
    resets = {state: value for state, value in model.reset.items() if state in found.relevant}
    read_by_resets = set().union(*(value.free_symbols for value in resets.values())) if resets else set()
    read_by_jumps = set().union(*(value.free_symbols for value in jumps.values())) if jumps else set()
    if not (found.touched & found.driven or read_by_resets & found.driven or read_by_jumps & found.touched):
        return True
    states = list(model.other_states)
    changes = [value - state for state, value in (*jumps.items(), *resets.items())]
    if any(sp.expand(change).free_symbols & set(model.states) for change in changes):
        return False
    for state in found.relevant:
        parts = affine_parts(model.dynamics[state], states)
        if parts is None or any(slope.free_symbols & set(model.states) for slope in parts[0].values()):
            return False
    return True


def _after_infinity(case: Case, route: InputRoute, own: Order, found: Ties) -> Finding:
    facts = case.with_weight
    back = shift_order(clock_after(case), case.model, route) or _NEVER
    relation = compare_orders(own, back, facts)
    least = own if relation <= 0 else back
    regularity, is_exact = class_of(least, facts)
    certain = is_exact and not found.touched and (relation != 0 or is_fractional(least, facts))
    reason = (
        f"The phase after the spike is shifted {like('u', own)} by an input a time u before the spike and "
        f"{like('v', back)} by one a time v after it."
    )
    return Finding(regularity, certain, reason)


def _after_finite_reset(case: Case, route: InputRoute, own: Order) -> Finding:
    facts = case.with_weight
    steps = steps_after_reset(case, route)
    if steps is None:
        raise Undecided("the input does not act on V right after the reset")
    relation = compare_orders(steps, own, facts)
    regularity, is_exact = class_of(steps if relation <= 0 else own, facts)
    reason = (
        f"An input a time v after the finite reset, compared with one right at it, changes {case.model.variable} "
        f"{like('v', steps)}; an input a time u before the spike shifts the spike {like('u', own)}."
    )
    return Finding(regularity, is_exact and relation < 0, reason)


def steps_after_reset(case: Case, route: InputRoute) -> Order | None:
    """How many integrations lie between the input and the spiking variable right after a finite reset.

    Raises:
        Undecided: if the input moves the spiking variable itself, or a coefficient is not known.
    """
    model, facts = case.model, case.with_weight
    variable = model.variable
    place = model.reset_value.subs(variable, model.spike.threshold)
    if variable in route.jump:
        raise Undecided(f"the input moves {variable} at its reset")

    def cost(expression: sp.Expr) -> Order | None:
        if facts.vanishes(expression):
            return None
        if facts.vanishes(sp.expand(expression).subs(variable, place)):
            return Order(sp.Integer(2), True, False)
        return Order(sp.Integer(1))

    reached: dict[sp.Symbol, Order] = {}
    for state in model.other_states:
        if (first := cost(effect_of_jump(model.dynamics[state], model, route))) is not None:
            reached[state] = first
    for _ in model.other_states:
        for source, before in list(reached.items()):
            for target in model.other_states:
                step = cost(sp.diff(model.dynamics[target], source)) if target != source else None
                if step is not None and (target not in reached or (before + step).exponent < reached[target].exponent):
                    reached[target] = before + step
    orders = [cost(effect_of_jump(model.field, model, route))]
    for state, before in reached.items():
        if (step := cost(sp.diff(model.field, state))) is not None:
            orders.append(before + step)
    return smallest([order for order in orders if order is not None], facts)


def _kink_or_continuous(case: Case, route: InputRoute, own: Order, found: Ties) -> Finding:
    """States that follow V, or that input and reset change together: a kink where it can be shown, else continuity."""
    at_least = Finding(
        Regularity.CONTINUOUS, False, "Other states take part in spike or reset, so that only continuity is shown."
    )
    model = case.model
    if case.returns_from_below or model.variable in route.jump or found.driven & (found.touched | found.following):
        return at_least
    read = set().union(model.reset_value.free_symbols, *(v.free_symbols for v in model.reset.values() if v != -sp.oo))
    if read & found.driven or any(value.has(model.variable) for value in route.jump.values()):
        return at_least
    try:
        steps = steps_after_reset(case, route)
        clock = clock_before(case)
        drives = [clock.order(model.dynamics[state]) for state in found.following]
        shifts = [own, *(own + drive for drive in drives if drive is not None and own.exponent != sp.oo)]
        is_kink = steps == Order(sp.Integer(1)) and all(_is_above_one(clock, s) for s in shifts)
    except Undecided:
        return at_least
    if not is_kink:
        return at_least
    return Finding(
        Regularity.CONTINUOUS,
        True,
        f"An input a time v after the finite reset, compared with one right at it, changes {model.variable} like v, "
        "while an input as long before the spike changes less: a kink.",
    )


def _is_above_one(clock: Clock, order: Order) -> bool:
    return order.exponent == sp.oo or clock.facts.sign(order.exponent - 1) > 0
