"""Regularity of later spikes where an input meets the neuron's own spike.

Both orders of events lead to a state after the meeting, a function of the time between the two on either side of
zero. They agree at zero (order-swap continuity); the first power on which they differ, or that is not smooth, gives
the class. Before the spike the input shifts the phase like u^k; after a reset to -oo likewise, with the exponent that
belongs to the way back; after a finite reset V departs like v^n, n integrations after the input. A reset that changes
other states passes the own spike's shift on to them.
"""

from typing import Any

import sympy as sp

from ...algebra import expanded
from ...declare import InputRoute, NeuronModel
from ..asymptotics.branches import beside
from ..asymptotics.time_at_infinity import (
    NEVER,
    Clock,
    Order,
    clock_after,
    clock_before,
    compare_orders,
    smallest,
    with_values,
)
from ..context import Case
from ..reason import Reason, after, before, listed
from ..results import Regularity
from ..signs.influence import Ties, free_symbols, read_by_jump, superposes, ties
from ..signs.kinds import Undecided
from .chart_analyticity import is_glued
from .own_spike import Finding, class_of, effect_of_jump, is_fractional, like, shift_order

_UNFELT = "Near the spike the input does not act on the spiking variable, and the reset leaves what it changes."


def later_finding(case: Case, route: InputRoute, own: Order | None) -> Finding:
    """Find the class of later spikes, given the contact exponent."""
    model = case.model
    found = ties(model, route)
    if model.variable not in route.jump and not found.driven:
        return Finding(Regularity.ANALYTIC, True, "The input does not act on the neuron's spikes, at once or later.")
    own = own or NEVER
    if is_glued(case, route):
        finding = _through_one_chart(case, route, own, found)
        if finding is not None:
            return finding
    if not is_quiet(model, route, found):
        return _kink_or_continuous(case, route, own, found)
    if case.returns_from_below:
        return _after_infinity(case, route, own, found)
    return _after_finite_reset(case, route, own)


def _through_one_chart(case: Case, route: InputRoute, own: Order, found: Ties) -> Finding | None:
    chart = Reason("In the coordinate {}", -1 / case.model.variable) if case.returns_from_below else "In the angle"
    smooth = Reason("{}, flow and jumps are analytic through the spike", chart)
    if not found.touched:
        return Finding(Regularity.ANALYTIC, True, Reason("{}, and the reset changes nothing else.", smooth))
    if found.following or not superposes(case.model, route, found):
        return None
    regularity, is_exact = class_of(own, case.with_weight)
    reason = Reason("{}, but the reset of other states passes the own spike's shift on to later spikes.", smooth)
    if read := read_by_jump(case.model, route) & found.touched:
        # what is shifted differs on both sides as well; that both effects do not cancel is not shown
        reason = Reason("{}, but the reset changes {}, on which the effect of the input depends.", smooth, listed(read))
        is_exact = False
    return Finding(regularity, is_exact and _time_matters(case, found), reason, at_most_one(own, case))


def _time_matters(case: Case, found: Ties) -> bool:
    """Whether a reset of other states has another effect a moment later: it does not commute with their flow."""
    model = case.model
    reset: dict[Any, Any] = {state: model.reset.get(state, state) for state in model.other_states}
    for state in found.touched:
        pushed = sp.Add(*(sp.diff(reset[state], other) * model.dynamics[other] for other in model.other_states))
        if not case.facts.vanishes(pushed - model.dynamics[state].subs(reset, simultaneous=True)):
            return True
    return False


def is_quiet(model: NeuronModel, route: InputRoute, found: Ties) -> bool:
    """Whether other states are smooth functions of input times, spike times apart, and V restarts without them."""
    jumps = [value for state, value in route.jump.items() if state != model.variable]
    if found.following or any(value.has(model.variable) for value in jumps):
        return False
    if model.reset_value.free_symbols & found.driven:
        return False
    return not found.touched or superposes(model, route, found)


def _after_infinity(case: Case, route: InputRoute, own: Order, found: Ties) -> Finding:
    facts = case.with_weight
    back = shift_order(clock_after(case), case.model, route) or NEVER
    if own is NEVER and back is NEVER and not found.touched:
        return Finding(Regularity.ANALYTIC, True, _UNFELT)
    relation = compare_orders(own, back, facts)
    least = own if relation <= 0 else back
    regularity, is_exact = class_of(least, facts)
    certain = is_exact and not found.touched and (relation != 0 or is_fractional(least, facts))
    reason = Reason(
        "The phase after the spike is shifted {} by an input a time u before the spike and "
        "{} by one a time v after it.",
        like(before, own),
        like(after, back),
    )
    return Finding(regularity, certain, reason, at_most_one(least, case))


def _after_finite_reset(case: Case, route: InputRoute, own: Order) -> Finding:
    facts = case.with_weight
    steps = steps_after_reset(case, route)
    if steps is None and own is NEVER:
        return Finding(Regularity.ANALYTIC, True, _UNFELT)
    if steps is None:
        raise Undecided("the input does not act on V right after the reset")
    relation = compare_orders(steps, own, facts)
    least = steps if relation <= 0 else own
    regularity, is_exact = class_of(least, facts)
    reason = Reason(
        "An input a time v after the finite reset, compared with one right at it, changes {} "
        "{}; an input a time u before the spike shifts the spike {}.",
        case.model.variable,
        like(after, steps),
        like(before, own),
    )
    return Finding(regularity, is_exact and relation < 0, reason, at_most_one(least, case))


def steps_after_reset(case: Case, route: InputRoute) -> Order | None:
    """How many integrations lie between the input and the spiking variable right after a finite reset."""
    model, facts = case.model, case.with_weight
    variable = model.variable
    place = model.reset_value.subs(variable, model.spike.threshold)
    if variable in route.jump:
        raise Undecided("the input moves {} at its reset", variable)

    def cost(expression: sp.Expr) -> Order | None:
        if facts.vanishes(expression):
            return None
        sides = [beside(expression, variable, place, side, facts).subs(variable, place) for side in (1, -1)]
        if all(facts.vanishes(expanded(side)) for side in sides):
            return Order(sp.Integer(2), True, False)
        return Order(sp.Integer(1))

    reached: dict[sp.Symbol, Order] = {}
    for state in model.other_states:
        if (first := cost(effect_of_jump(model.dynamics[state], model, route))) is not None:
            reached[state] = first
    for _ in model.other_states:
        for source, order in list(reached.items()):
            for target in model.other_states:
                step = cost(sp.diff(model.dynamics[target], source)) if target != source else None
                if step is not None and (target not in reached or (order + step).exponent < reached[target].exponent):
                    reached[target] = order + step
    orders = [cost(effect_of_jump(model.field, model, route))]
    for state, order in reached.items():
        if (step := cost(sp.diff(model.field, state))) is not None:
            orders.append(order + step)
    return smallest([order for order in orders if order is not None], facts)


def _kink_or_continuous(case: Case, route: InputRoute, own: Order, found: Ties) -> Finding:
    """States that follow V, or that input and reset change together: a kink where it can be shown, else continuity."""
    order = hoelder_order(case, route, own, found)
    exponent = None if order is None else at_most_one(order, case)
    at_least = Finding(Regularity.CONTINUOUS, False, taking_part(order, exponent), exponent)
    model = case.model
    if case.returns_from_below or model.variable in route.jump or found.driven & (found.touched | found.following):
        return at_least
    read = free_symbols((model.reset_value, *(v for v in model.reset.values() if v != -sp.oo)))
    if read & found.driven or any(value.has(model.variable) for value in route.jump.values()):
        return at_least
    if read_by_jump(model, route) & (found.touched | found.following):
        return at_least  # the effect of the input has a kink of its own, which might cancel this one
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
    reason = Reason(
        "An input a time v after the finite reset, compared with one right at it, changes {} like v, "
        "while an input as long before the spike changes less: a kink.",
        model.variable,
    )
    return Finding(Regularity.CONTINUOUS, True, reason, sp.S.One)


def hoelder_order(case: Case, route: InputRoute, own: Order, found: Ties) -> Order | None:
    """An order with which later spikes are Hoelder continuous where states follow the spiking variable.

    With a rate of order u^r next to the spike such a state moves like u^(1 + r) in the time u, which the effect of the
    input may read, and changes at the spike like u^(k + r) if the spike is shifted like u^k. None if not known.
    """
    facts = case.with_weight
    try:
        orders = [own]
        sides = [(clock_before(case), own)]
        if case.returns_from_below:
            after = clock_after(case)
            sides.append((after, shift_order(after, case.model, route) or NEVER))
            orders.append(sides[-1][1])
        for clock, shift in sides:
            rates = [clock.order(case.model.dynamics[state]) for state in sorted(found.following, key=str)]
            for rate in rates:
                orders += [] if rate is None else [rate.after_integration(), shift + rate]
        least = smallest([order for order in orders if order.exponent != sp.oo] or [NEVER], facts)
        if least is None or (least.exponent != sp.oo and facts.sign(least.exponent) <= 0):
            return None
        return with_values(least, facts)
    except Undecided:
        return None


def at_most_one(order: Order, case: Case) -> sp.Expr | None:
    """Return a Hoelder exponent from the order of a change; None where a slowly varying factor may make it worse."""
    facts = case.with_weight
    if order.exponent == sp.oo:
        return sp.S.One
    order = with_values(order, facts) or order
    try:
        beyond = facts.sign(order.exponent - 1)
    except Undecided:
        return None
    return sp.S.One if beyond > 0 else order.exponent if order.is_pure else None


def taking_part(order: Order | None, exponent: sp.Expr | None) -> Reason:
    """Say that no more than continuity is shown, and with which exponent."""
    if exponent is None:
        with_what = Reason(", with every Hölder exponent below {}", order.exponent) if order is not None else ""
    elif exponent == 1:
        with_what = ", with a Lipschitz constant"
    else:
        with_what = Reason(", with the Hölder exponent {}", exponent)
    return Reason("Other states take part in spike or reset, so that only continuity is shown{}.", with_what)


def _is_above_one(clock: Clock, order: Order) -> bool:
    return order.exponent == sp.oo or clock.facts.sign(order.exponent - 1) > 0
