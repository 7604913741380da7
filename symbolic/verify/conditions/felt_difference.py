"""Whether later spikes feel that two events came in the other order."""

from typing import Any

import sympy as sp

from ...algebra import expanded
from ...declare import InputRoute, NeuronModel, weight
from ..context import Answer
from ..reason import Reason
from ..signs.facts import Facts
from ..signs.influence import relevant_states
from ..signs.kinds import Expression, Undecided

State = dict[Any, Any]

_GENERATIONS = 3


def equal(left: Expression, right: Expression, facts: Facts) -> bool:
    """Whether two values of a state, finite or infinite, are the same for all parameters."""
    if left.is_infinite or right.is_infinite:
        return left == right
    return facts.vanishes(left - right)


def whether_felt(model: NeuronModel, facts: Facts, first: State, second: State, told: tuple[str, str]) -> Answer:
    """Decide whether later spikes feel the difference of the states that two orders of events lead to.

    Args:
        model: The model.
        facts: What is known of its symbols.
        first: The state after the events in one order.
        second: The state after them in the other order.
        told: How to tell of the one and of the other.
    """
    variable = model.variable
    felt = {variable, *relevant_states(model)}
    different = [s for s in model.states if s in felt and not equal(first[s], second[s], facts)]
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
