"""Order-swap continuity: an input counts the same just before and just after the neuron's own spike."""

from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from ...declare import InputRoute, NeuronModel
from ..asymptotics.growth import approach, growth, limit
from ..asymptotics.scales import ONE, compare, leading
from ..context import Answer, Case
from ..reason import Reason
from ..results import Condition
from ..signs.facts import Facts
from ..signs.kinds import Expression, Kind, Undecided
from ..signs.lipschitz import require_lipschitz
from .felt_difference import State, equal, whether_felt

CANNOT_TRIGGER = "inputs cannot trigger or suppress a spike"
_SAME_BOTH_SIDES = "the reset continues what the input did"
RELEASE = "an input counts the same just before and just after the release"


def route_conditions(case: Case, route: InputRoute) -> tuple[Condition, ...]:
    """Decide the conditions on one input route."""
    model = case.model
    variable, spike = model.variable, model.spike.threshold
    limit_at_spike = sp.Limit(route.jump.get(variable, variable), variable, spike, "-")
    fixed = sp.Eq(limit_at_spike, spike, evaluate=False)
    orders: list[sp.Tuple] = []
    same = case.condition(_SAME_BOTH_SIDES, sp.true, lambda: _same_on_both_sides(case, route, orders), route.name)
    if len(orders) == 2:
        same = replace(same, statement=sp.Eq(*orders, evaluate=False))
    found = (case.condition(CANNOT_TRIGGER, fixed, lambda: _spike_set_is_fixed(case, route), route.name), same)
    if model.refractory is None:
        return found
    place = model.reset_value
    kept = sp.Eq(sp.Limit(route.jump.get(variable, variable), variable, place, "+"), place, evaluate=False)
    return (*found, case.condition(RELEASE, kept, lambda: _same_around_release(case, route), route.name))


def _spike_set_is_fixed(case: Case, route: InputRoute) -> Answer:
    model, facts = case.model, case.with_weight
    variable = model.variable
    for value in route.jump.values():
        require_lipschitz(value, facts)
    jump = route.jump.get(variable)
    if jump is None:
        return True, Reason("The input leaves {} as it is.", variable)
    if model.spike.is_at_infinity:
        return _infinity_is_fixed(case, jump)
    threshold = model.spike.threshold
    at_spike, _ = limit(approach(jump, variable, threshold, -1, facts), facts)
    if at_spike.is_infinite or not facts.vanishes(at_spike - threshold):
        return False, Reason(
            "Just below {} = {} the input moves {} to {}: depending on its weight, it triggers or prevents a spike.",
            variable,
            threshold,
            variable,
            at_spike,
        )
    slope = _slope(jump, variable)
    if facts.over(slope[1]).spread(slope[0]).kind not in (Kind.POSITIVE, Kind.NONNEGATIVE, Kind.ZERO):
        raise Undecided("whether the jump to {} stays below {} is not known", jump, threshold)
    return True, Reason(
        "The jump is monotone in {}, and its limit at {} = {} is {} for every weight.",
        variable,
        variable,
        threshold,
        threshold,
    )


def _slope(jump: Expression, variable: sp.Symbol) -> tuple[Expression, dict[sp.Symbol, tuple[Expression, Expression]]]:
    """The derivative of a jump, with tangents (which are real between their poles) replaced by real symbols."""
    slope: Any = sp.diff(jump, variable)
    names = {tangent: sp.Dummy("r", real=True) for tangent in slope.atoms(sp.tan)}
    return slope.subs(names), {name: (-sp.oo, sp.oo) for name in names.values()}


def _infinity_is_fixed(case: Case, jump: Expression) -> Answer:
    facts, variable = case.with_weight, case.model.variable
    top = leading(growth(jump, variable, 1, facts), facts)
    grows = top is not None and compare(top.scale, ONE, facts) > 0
    if top is not None and grows and top.kind is Kind.POSITIVE:
        return True, Reason(
            "As {} -> oo, its value after the input tends to oo as well: infinity stays where it is.", variable
        )
    if top is not None and grows and top.kind is Kind.NONNEGATIVE:
        raise Undecided("whether the jump to {} keeps infinity where it is depends on {}", jump, top.coefficient)
    return (
        False,
        Reason(
            "For some weights {} does not tend to infinity as {} -> oo: the input suppresses a spike.", jump, variable
        ),
    )


@dataclass(frozen=True)
class _Places:
    """Evaluates expressions where the spiking variable is at the spike, or where the reset has put it."""

    model: NeuronModel
    facts: Facts

    def at_spike(self, expression: Expression) -> Expression:
        variable, threshold = self.model.variable, self.model.spike.threshold
        if not expression.has(variable):
            return expression
        if self.model.spike.is_at_infinity:
            return limit(growth(expression, variable, 1, self.facts), self.facts)[0]
        return limit(approach(expression, variable, threshold, -1, self.facts), self.facts)[0]

    def after_reset(self, expression: Expression, state: dict[sp.Symbol, Expression]) -> Expression:
        """An expression in the old states, at a state right after the reset."""
        variable = self.model.variable
        if expression.has(variable):
            place = state[variable]
            others = {symbol: value for symbol, value in state.items() if symbol != variable}
            if place == -sp.oo:
                expression = limit(growth(expression, variable, -1, self.facts), self.facts)[0]
            elif place.free_symbols & self.facts.ranges.keys():
                return expression.subs(state, simultaneous=True)
            else:
                expression = limit(approach(expression, variable, place, 1, self.facts), self.facts)[0]
            return expression.subs(others, simultaneous=True)
        return expression.subs(state, simultaneous=True)


def _same_on_both_sides(case: Case, route: InputRoute, orders: list[sp.Tuple]) -> Answer:
    model, facts = case.model, case.with_weight
    for value in model.reset.values():
        if value != -sp.oo:
            require_lipschitz(value, case.facts)
    places = _Places(model, facts)
    unchanged = {state: state for state in model.other_states}
    jumped = unchanged | {s: places.at_spike(v) for s, v in route.jump.items() if s != model.variable}
    reset = {s: places.at_spike(v) for s, v in ({s: s for s in model.states} | dict(model.reset)).items()}
    if any(value.is_infinite for value in jumped.values()):
        raise Undecided("the input has an infinite effect at the spike")
    before = {s: v.subs(jumped, simultaneous=True) for s, v in reset.items()}
    after = dict(reset)
    for state, new in route.jump.items():
        if state != model.variable or model.refractory is None:
            after[state] = places.after_reset(new, reset)
    orders += [sp.Tuple(*(order[s] for s in model.states)) for order in (before, after)]
    if any(order[s].is_infinite for order in (before, after) for s in model.other_states):
        raise Undecided("the reset puts a state to infinity")
    if all(equal(before[s], after[s], facts) for s in model.states):
        held = "" if model.refractory is None else ", in the refractory time,"
        return True, (
            f"An input just before the neuron's own spike and one just after it{held} lead to the same state."
        )
    told = ("An input just before the spike leaves", "one just after it")
    return whether_felt(model, facts, before, after, told)


def _same_around_release(case: Case, route: InputRoute) -> Answer:
    """Decide whether an input leaves the variable where it is just after the release, as it does before."""
    model, facts = case.model, case.with_weight
    variable = model.variable
    if variable not in route.jump:
        return True, Reason("The input acts on other states alone, which {} does not hold up.", variable)
    at: State = {state: state for state in model.states} | {variable: model.reset_value}
    moved = _Places(model, facts).after_reset(route.jump[variable], at)
    if equal(moved, at[variable], facts):
        return True, Reason(
            "Held at {}, {} is not moved by the input; nor is it there just after the release.", at[variable], variable
        )
    if at[variable].free_symbols & set(model.states) and (moved - at[variable]).free_symbols & set(model.states):
        raise Undecided("whether an input just after the release moves {} depends on its reset", variable)
    told = ("An input just before the release leaves", "one just after it")
    return whether_felt(model, facts, at, at | {variable: moved}, told)
