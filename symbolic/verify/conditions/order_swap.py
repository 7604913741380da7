"""Order-swap continuity: an input counts the same just before and just after the neuron's own spike."""

from dataclasses import dataclass, replace
from itertools import combinations_with_replacement
from typing import Any

import sympy as sp

from ...algebra import expanded
from ...declare import InputRoute, NeuronModel, weight
from ..asymptotics.growth import approach, growth, limit
from ..asymptotics.scales import ONE, compare, leading
from ..context import Answer, Case
from ..reason import Reason
from ..results import Condition
from ..signs.facts import Facts
from ..signs.influence import relevant_states
from ..signs.kinds import Expression, Kind, Undecided
from ..signs.lipschitz import require_lipschitz

State = dict[Any, Any]

_GENERATIONS = 3

CANNOT_TRIGGER = "inputs cannot trigger or suppress a spike"
_SAME_BOTH_SIDES = "the reset continues what the input did"
RELEASE = "an input counts the same just before and just after the release"
COMMUTE = "the order of inputs does not matter"


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


def input_conditions(case: Case) -> tuple[Condition, ...]:
    """Decide whether inputs that arrive together may be taken in any order."""
    routes = case.model.routes
    if all(route.additive_target is not None for route in routes):
        return ()
    return (case.condition(COMMUTE, sp.true, lambda: _inputs_commute(case)),)


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
    if all(_equal(before[s], after[s], facts) for s in model.states):
        held = "" if model.refractory is None else ", in the refractory time,"
        return True, (
            f"An input just before the neuron's own spike and one just after it{held} lead to the same state."
        )
    told = ("An input just before the spike leaves", "one just after it")
    return _difference(model, facts, before, after, told)


def _same_around_release(case: Case, route: InputRoute) -> Answer:
    """Decide whether an input leaves the variable where it is just after the release, as it does before."""
    model, facts = case.model, case.with_weight
    variable = model.variable
    if variable not in route.jump:
        return True, Reason("The input acts on other states alone, which {} does not hold up.", variable)
    at: State = {state: state for state in model.states} | {variable: model.reset_value}
    moved = _Places(model, facts).after_reset(route.jump[variable], at)
    if _equal(moved, at[variable], facts):
        return True, Reason(
            "Held at {}, {} is not moved by the input; nor is it there just after the release.", at[variable], variable
        )
    if at[variable].free_symbols & set(model.states) and (moved - at[variable]).free_symbols & set(model.states):
        raise Undecided("whether an input just after the release moves {} depends on its reset", variable)
    told = ("An input just before the release leaves", "one just after it")
    return _difference(model, facts, at, at | {variable: moved}, told)


def _equal(left: Expression, right: Expression, facts: Facts) -> bool:
    if left.is_infinite or right.is_infinite:
        return left == right
    return facts.vanishes(left - right)


def _difference(model: NeuronModel, facts: Facts, first: State, second: State, told: tuple[str, str]) -> Answer:
    """Two states that two orders of events lead to: spikes jump if the spiking variable feels the difference."""
    variable = model.variable
    felt = {variable, *relevant_states(model)}
    different = [s for s in model.states if s in felt and not _equal(first[s], second[s], facts)]
    if not different:
        return True, "Both orders lead to the same state, but for states that spikes do not depend on."
    state = different[0]
    story = Reason("{} {} = {}, {} {} = {}", told[0], state, first[state], told[1], state, second[state])
    if not _is_reached([first[s] - second[s] for s in different], model, facts):
        raise Undecided("{}; whether a trial gets to states that differ is not known", story)
    if different == [variable]:
        return False, Reason("{}: later spikes jump when the two change places.", story)
    if variable not in different:
        # equal time derivatives of V, to any order, would mean that spikes feel nothing
        places = [side if side[variable].is_finite else {s: v for s, v in side.items() if s != variable}
                  for side in (first, second)]  # fmt: skip
        rate: Any = model.field
        for _ in model.other_states:
            left, right = (rate.subs(place, simultaneous=True) for place in places)
            if not facts.vanishes(left - right):
                return False, Reason(
                    "{}: {} moves on differently, so that later spikes jump when the two swap.", story, variable
                )
            rate = sp.Add(*(sp.diff(rate, s) * f for s, f in model.dynamics.items()))
        if any(_reads_difference(route, model, facts, first, second) for route in model.routes):
            return False, Reason("{}: the effect of later inputs on {} jumps when the two swap.", story, variable)
    raise Undecided("{}; whether spikes feel the difference is not known", story)


def _is_reached(differences: list[Any], model: NeuronModel, facts: Facts) -> bool:
    """Whether some trial leads to states where one of several expressions is not zero.

    States that inputs cannot choose start at their initial values. If an expression vanishes there, so may its changes
    with time, at resets and at inputs, the changes of these, and so on: if all do, it may vanish for ever.
    """
    start: dict[Any, Any] = {
        state: model.initial[state] for state in model.other_states if not _is_chosen(state, model)
    }
    waiting = [difference for difference in differences if not difference.is_infinite]
    if len(waiting) < len(differences):
        return True
    for _ in range(_GENERATIONS):
        if any(not facts.vanishes(expanded(expression).subs(start)) for expression in waiting):
            return True
        waiting = [expanded(later) for expression in waiting for later in _changes(expression, model)]
    return False


def _changes(expression: Any, model: NeuronModel) -> list[Any]:
    others = model.other_states
    flow = sp.Add(*(sp.diff(expression, state) * model.dynamics[state] for state in others))
    resets: dict[Any, Any] = {state: value for state, value in model.reset.items() if state in others}
    found = [flow, expression.subs(resets, simultaneous=True)]
    for number, route in enumerate(model.routes):
        strength = sp.Symbol(f"weight_{number}", real=True)
        jumps: dict[Any, Any] = {s: value.subs(weight, strength) for s, value in route.jump.items() if s in others}
        found += [expression.subs(jumps, simultaneous=True)] if jumps else []
    return [change for change in found if change != expression]


def _is_chosen(state: sp.Symbol, model: NeuronModel) -> bool:
    """Whether some input adds to a state, which can then be anything."""
    jumps = [route.jump[state] for route in model.routes if set(route.jump) == {state}]
    return any(expanded(jump - state - weight) == 0 for jump in jumps)


def _reads_difference(route: InputRoute, model: NeuronModel, facts: Facts, first: State, second: State) -> bool:
    """Whether a later input moves the spiking variable by another amount for two states that agree in it."""
    if model.variable not in route.jump:
        return False
    change = expanded(route.jump[model.variable] - model.variable)
    places = [{s: v for s, v in side.items() if s != model.variable} for side in (first, second)]
    left, right = (change.subs(place, simultaneous=True) for place in places)
    return not facts.vanishes(left - right)


def _applied(expression: Any, state: State) -> Any:
    return expression.subs(state, simultaneous=True)


def _require_commuting_while_held(model: NeuronModel, facts: Facts, other: sp.Symbol) -> None:
    """Check the jumps of other states alone, as they are in the refractory time."""
    same: State = {state: state for state in model.states}
    for left, right in combinations_with_replacement(model.routes, 2):
        first, second = (
            same | {state: value for state, value in route.jump.items() if state != model.variable}
            for route in (left, right)
        )
        second = {state: value.subs(weight, other) for state, value in second.items()}
        for state in model.other_states:
            if not facts.vanishes(_applied(second[state], first) - _applied(first[state], second)):
                raise Undecided(
                    "in the refractory time inputs {} and {} change {} by another amount in the other order",
                    left.name, right.name, state,
                )  # fmt: skip


def _inputs_commute(case: Case) -> Answer:
    model, other = case.model, sp.Symbol("weight'", real=True)
    facts = case.with_weight.over({other: (-sp.oo, sp.oo)})
    same: State = {state: state for state in model.states}
    for left, right in combinations_with_replacement(model.routes, 2):
        first: State = same | dict(left.jump)
        second: State = same | {state: value.subs(weight, other) for state, value in right.jump.items()}
        orders = [
            {state: _applied(later[state], earlier) for state in model.states}
            for earlier, later in ((first, second), (second, first))
        ]
        if not all(facts.vanishes(orders[0][state] - orders[1][state]) for state in model.states):
            told = (Reason("Input {} before {} leaves", left.name, right.name), "the other order")
            holds, reason = _difference(model, facts, orders[0], orders[1], told)
            if not holds:
                return holds, reason
    if model.refractory is not None:
        _require_commuting_while_held(model, facts, other)
    return True, "Two inputs that arrive together lead to the same state in either order."
