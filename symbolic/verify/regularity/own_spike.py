"""Regularity of the own spike time where an input meets the spike.

An input at a time u before the spike shifts it by an amount of order u^k; an input after it shifts it by nothing.
k is the contact exponent. A jump of V shifts the spike by jump/F. A jump of another state changes F by dF from then
on, and the spike by the integral of dF/F over the time left (V serves as the clock, so that its own changes are
counted already); a state that acts on V only through others costs one integration for each. The spike time is then
differentiable as often as u^k, continued by zero, is.
"""

from dataclasses import dataclass
from typing import Any

import sympy as sp

from ...algebra import expanded
from ...declare import InputRoute, NeuronModel
from ..asymptotics.time_at_infinity import Clock, Order, clock_before, smallest, with_values
from ..context import Case
from ..reason import Reason, before
from ..results import Regularity
from ..signs.facts import Facts
from ..signs.kinds import Expression, Undecided
from .smoothness import smoothness

_OSCILLATING = (sp.sin, sp.cos, sp.tan, sp.cot)
_HIGHEST = 9


@dataclass(frozen=True)
class Finding:
    """A class of regularity, whether it is exact or only a lower bound, why, and a Hoelder exponent if one is known.

    The exponent grades what is merely continuous: 1 for Lipschitz continuity, less for worse.
    """

    regularity: Regularity
    is_exact: bool
    reason: str
    exponent: sp.Expr | None = None

    @property
    def hoelder_exponent(self) -> sp.Expr | None:
        """The exponent, which is 1 for everything that can be differentiated."""
        return sp.S.One if self.regularity >= Regularity.C1 else self.exponent

    def capped(self, cap: Regularity) -> "Finding":
        """The same where flow, jumps and resets are themselves only of a given class."""
        if self.regularity <= cap:
            return self
        reason = Reason(
            "{} Away from spikes the equations are of class {} at least, which limits it.", self.reason, cap.name
        )
        return Finding(cap, False, reason, self.hoelder_exponent)


def own_order(case: Case, route: InputRoute) -> Order | None:
    """Return the contact exponent of an input route; None if the input does not act on the spiking variable."""
    require_regular_growth(case.model, route)
    return shift_order(clock_before(case), case.model, route)


def shift_order(clock: Clock, model: NeuronModel, route: InputRoute) -> Order | None:
    """The order of the shift in time that an input causes near one end of the clock; None for no shift."""
    jump = route.jump.get(model.variable)
    found = [] if jump is None else [clock.order_of_shift(jump)]
    direct = clock.order(effect_of_jump(model.field, model, route), over_speed=True)
    found += [] if direct is None else [direct.after_integration()]
    for state, deviation in _deviations(clock, model, route).items():
        strength = clock.order(sp.diff(model.field, state), over_speed=True)
        if strength is not None:
            found.append((deviation + strength).after_integration())
    orders = [order for order in found if order is not None]
    for order in orders:
        require_positive(order, clock.facts)
    return with_values(smallest(orders, clock.facts), clock.facts)


def _deviations(clock: Clock, model: NeuronModel, route: InputRoute) -> dict[sp.Symbol, Order]:
    """How fast other states depart, beyond the jump itself, from where they would be without the input."""
    start = {}
    for state in model.other_states:
        change = clock.order(effect_of_jump(model.dynamics[state], model, route))
        if change is not None:
            start[state] = change.after_integration()
            require_positive(start[state], clock.facts)
    edges = {
        (source, target): order.after_integration()
        for target in model.other_states
        for source in model.other_states
        if source != target and (order := clock.order(sp.diff(model.dynamics[target], source))) is not None
    }
    for edge in edges.values():
        require_positive(edge, clock.facts)
    found = start
    for _ in model.other_states:
        arriving = {
            target: [found[source] + edge for (source, to), edge in edges.items() if to == target and source in found]
            for target in model.other_states
        }
        sums = {
            state: smallest(([start[state]] if state in start else []) + arriving[state], clock.facts)
            for state in model.other_states
        }
        found = {state: order for state, order in sums.items() if order is not None}
    return found


def effect_of_jump(rate: Expression, model: NeuronModel, route: InputRoute) -> Expression:
    """The change of a rate that the jump of the other states causes at once."""
    jumps: dict[Any, Any] = {state: value for state, value in route.jump.items() if state != model.variable}
    return expanded(rate.subs(jumps, simultaneous=True) - rate)


def require_positive(order: Order, facts: Facts) -> None:
    """Check that something vanishes at the spike."""
    if order.exponent != sp.oo and facts.sign(order.exponent) <= 0:
        raise Undecided("an effect of the input does not vanish with the time left")


def require_regular_growth(model: NeuronModel, route: InputRoute) -> None:
    """Derivatives follow the leading behaviour unless something oscillates ever faster."""
    if not model.spike.is_at_infinity:
        return
    for expression in (*model.dynamics.values(), *route.jump.values()):
        for function in expression.atoms(*_OSCILLATING):
            if function.has(model.variable):
                raise Undecided(
                    "{} oscillates as {} grows, so that derivatives are not known", function, model.variable
                )


def class_of(order: Order, facts: Facts) -> tuple[Regularity, bool]:
    """The class of u^k for u > 0 and 0 for u < 0, and whether it is exact."""
    if order.exponent == sp.oo:
        return Regularity.SMOOTH, order.is_exact
    for number in range(_HIGHEST):
        try:
            beyond = facts.sign(order.exponent - number - 1)
        except Undecided:
            return Regularity(number), False
        if beyond <= 0:
            return Regularity(number), order.is_exact and (beyond < 0 or order.is_pure)
    return Regularity.C9, False


def is_fractional(order: Order, facts: Facts) -> bool:
    """Whether the exponent is certainly no integer: then the class is exact whatever happens on the other side."""
    if order.exponent == sp.oo or not order.is_exact:
        return False
    regularity, _ = class_of(order, facts)
    return regularity < Regularity.C9 and facts.sign(order.exponent - int(regularity) - 1) < 0


def own_finding(order: Order | None, facts: Facts) -> Finding:
    """The class of the own spike, from the contact exponent."""
    if order is None:
        return Finding(Regularity.ANALYTIC, True, "Near the spike the input does not act on the spiking variable.")
    regularity, is_exact = class_of(order, facts)
    if order.exponent == sp.oo:
        shift = "faster than every power of the time u"
    else:
        pace = "like" if order.is_exact else "at least as fast as"
        factor = "" if order.is_pure else ", up to a slowly varying factor"
        shift = Reason("{} {}{} with the time u", pace, before**order.exponent, factor)
    reason = Reason("The shift of the spike that an input causes vanishes {} left to the spike.", shift)
    return Finding(regularity, is_exact, reason)


def like(time: sp.Symbol, order: Order) -> Reason:
    """Words for an order, to go after a verb."""
    if order.exponent == sp.oo:
        return Reason("less than every power of {}", time)
    return Reason("like {}", time**order.exponent)


def smoothness_of_equations(case: Case) -> Regularity:
    """The class of flow, jumps and resets away from spikes."""
    model, facts = case.model, case.with_weight
    values: list[Any] = [*model.dynamics.values(), *(v for route in model.routes for v in route.jump.values())]
    values += [value for value in model.reset.values() if value != -sp.oo]
    return min(smoothness(value, facts) for value in values)
