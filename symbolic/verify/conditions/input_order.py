"""Continuity where two inputs swap: inputs that arrive together may be taken in any order."""

from itertools import combinations_with_replacement
from typing import Any

import sympy as sp

from ...declare import NeuronModel, weight
from ..context import Answer, Case
from ..reason import Reason
from ..results import Condition
from ..signs.facts import Facts
from ..signs.kinds import Undecided
from .felt_difference import State, whether_felt

COMMUTE = "the order of inputs does not matter"


def input_conditions(case: Case) -> tuple[Condition, ...]:
    """Decide whether inputs that arrive together may be taken in any order."""
    routes = case.model.routes
    if all(route.additive_target is not None for route in routes):
        return ()
    return (case.condition(COMMUTE, sp.true, lambda: _inputs_commute(case)),)


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
            holds, reason = whether_felt(model, facts, orders[0], orders[1], told)
            if not holds:
                return holds, reason
    if model.refractory is not None:
        _require_commuting_while_held(model, facts, other)
    return True, "Two inputs that arrive together lead to the same state in either order."
