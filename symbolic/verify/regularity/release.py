"""Regularity of later spike times where there is a refractory time: at the own spike, and at the release.

After the spike V is held, so that an input there acts on other states alone, whose equations are the declared ones at
a constant V. An input a time u before the spike shifts the spike, the release and all that follows like u^k; one in
the refractory time shifts nothing. So later spikes are as often differentiable there as u^k, continued by zero, and
neither a reset to -oo nor a finite one makes it better or worse: V feels nothing until the release.

At the release, an input that comes a time v too late is compared with the same input under the held flow, continued
beyond the release. To the first order, V departs by v (F(V_r, J s) - F(V_r, s)) after a finite reset, where J is the
jump of the other states: a kink unless the input acts on V through others alone, one order for each. A jump of V
itself must leave the reset value in place, or later spikes jump. After a reset to -oo it is the order with which the
effect of the input on the phase vanishes there.
"""

from typing import Any

import sympy as sp

from ...declare import InputRoute
from ..asymptotics.time_at_infinity import NEVER, Order, clock_after, with_values
from ..context import Case
from ..reason import Reason, after, before
from ..results import Regularity
from ..signs.influence import ties
from ..signs.kinds import Undecided
from .later_spikes import at_most_one, hoelder_order, is_quiet, steps_after_reset, taking_part
from .own_spike import Finding, class_of, like, shift_order

_MAX_DERIVATIVE = 6
_NO_EFFECT = "The input does not act on the neuron's spikes, at once or later."


def held_finding(case: Case, route: InputRoute, own: Order | None) -> Finding:
    """Find the class of later spikes where an input meets the own spike, given the contact exponent."""
    model, found = case.model, ties(case.model, route)
    if model.variable not in route.jump and not found.driven:
        return Finding(Regularity.ANALYTIC, True, _NO_EFFECT)
    own = own or NEVER
    if not is_quiet(model, route, found):
        order = hoelder_order(case, route, own, found)
        exponent = None if order is None else at_most_one(order, case)
        return Finding(Regularity.CONTINUOUS, False, taking_part(order, exponent), exponent)
    if own is NEVER and not found.touched:
        return Finding(Regularity.ANALYTIC, True, "Near the spike the input does not act on the spiking variable.")
    regularity, is_exact = class_of(own, case.with_weight)
    reason = Reason(
        "An input a time u before the spike shifts the spike, and the release with it, {}; one in the refractory time "
        "shifts neither.",
        like(before, own),
    )
    return Finding(regularity, is_exact and not found.touched, reason, at_most_one(own, case))


def release_finding(case: Case, route: InputRoute) -> Finding:
    """Find the class of later spikes where an input meets the end of the refractory time."""
    model, found = case.model, ties(case.model, route)
    if model.variable not in route.jump and not found.driven:
        return Finding(Regularity.ANALYTIC, True, _NO_EFFECT)
    if any(value.has(model.variable) for state, value in route.jump.items() if state != model.variable):
        reason = Reason("The effect of the input depends on {}, which starts to move at the release.", model.variable)
        return Finding(Regularity.CONTINUOUS, False, reason, sp.S.One)
    order = with_values(_order(case, route), case.with_weight)
    if order is None:
        return Finding(Regularity.ANALYTIC, True, "Near the release the input does not act on the spiking variable.")
    regularity, is_exact = class_of(order, case.with_weight)
    if found.following and regularity > Regularity.C1:
        regularity, is_exact = Regularity.C1, False  # from the second order on, these take part
    reason = Reason(
        "An input a time v after the release, compared with one before it, which {} does not feel until then, shifts "
        "later spikes {}.",
        model.variable,
        like(after, order),
    )
    return Finding(regularity, is_exact, reason, at_most_one(order, case))


def _order(case: Case, route: InputRoute) -> Order | None:
    model = case.model
    if case.returns_from_below:
        return shift_order(clock_after(case), model, route)
    if model.variable not in route.jump:
        return steps_after_reset(case, route)
    if len(route.jump) > 1:
        raise Undecided("the input moves {} and other states at the release", model.variable)
    return _order_of_step(case, route.jump[model.variable])


def _order_of_step(case: Case, jump: Any) -> Order | None:
    """The first power of the distance from a finite reset with which a jump that leaves it in place grows."""
    model, facts = case.model, case.with_weight
    place: dict[Any, Any] = {model.variable: model.reset_value}
    slope: Any = sp.diff(jump, model.variable).replace(sp.tan, lambda angle: sp.sin(angle) / sp.cos(angle))
    together: Any = sp.together(slope - 1)
    change: Any = sp.factor_terms(together)  # of sines and cosines: finite
    for number in range(1, _MAX_DERIVATIVE):
        value = change.subs(place)
        if value.has(sp.nan, sp.zoo, sp.oo, -sp.oo):
            raise Undecided("the jump to {} has no derivative at the release", jump)
        if not facts.vanishes(value):
            return Order(sp.Integer(number))
        change = sp.diff(change, model.variable)
    return None if facts.vanishes(slope - 1) else Order(sp.Integer(_MAX_DERIVATIVE), True, False)
