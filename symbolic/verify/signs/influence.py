"""Influence of inputs, resets and the spiking variable on the states that spikes depend on."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from ...algebra import expanded
from ...declare import InputRoute, NeuronModel
from .kinds import affine_parts


@dataclass(frozen=True)
class Ties:
    """Which states matter, and how the input and the spike reach them.

    Attributes:
        relevant: The states that spikes depend on; see `relevant_states`.
        driven: Relevant states that the input reaches without the spiking variable.
        touched: Relevant states that the reset changes, and those that they drive.
        following: Relevant states that depend on the spiking variable.
    """

    relevant: frozenset[sp.Symbol]
    driven: frozenset[sp.Symbol]
    touched: frozenset[sp.Symbol]
    following: frozenset[sp.Symbol]


def ties(model: NeuronModel, route: InputRoute) -> Ties:
    """Classify the states by their influences."""
    relevant = relevant_states(model)
    changed = {s for s, value in model.reset.items() if s in relevant and expanded(value - s) != 0}
    driven = _downstream(model, {s for s in route.jump if s != model.variable})
    return Ties(
        frozenset(relevant),
        frozenset(driven & relevant),
        frozenset(_downstream(model, changed) & relevant),
        frozenset(following(model, model.variable) & relevant),
    )


def relevant_states(model: NeuronModel) -> set[sp.Symbol]:
    """The states that spikes depend on.

    They act on the spiking variable directly, through others, through a reset, or through an input: the jump of a
    later input on any route may read them.
    """
    others = set(model.other_states)
    found: set[Any] = set()
    new = read_on_the_way_to(model, model.variable) & others
    while new - found:
        found |= new
        new = set().union(*(read_on_the_way_to(model, state) for state in found)) & others
    return found


def following(model: NeuronModel, variable: sp.Symbol) -> set[sp.Symbol]:
    """The states whose equations depend, directly or through others, on a state."""
    found: set[sp.Symbol] = set()
    while True:
        new = {s for s in model.other_states if model.dynamics[s].free_symbols & (found | {variable})} - found
        if not new:
            return found
        found |= new


def read_on_the_way_to(model: NeuronModel, state: sp.Symbol) -> set[Any]:
    """The symbols that the rate of a state, its reset, or its jump at any input depends on."""
    changes = [model.dynamics[state], *(route.jump[state] for route in model.routes if state in route.jump)]
    if state in model.reset:
        changes.append(model.reset[state])
    return free_symbols(changes)


def free_symbols(expressions: Iterable[Any]) -> set[Any]:
    """The symbols of several expressions."""
    return set().union(*(expression.free_symbols for expression in expressions))


def _downstream(model: NeuronModel, start: set[sp.Symbol]) -> set[sp.Symbol]:
    found = set(start)
    while True:
        new = {s for s in model.other_states if model.dynamics[s].free_symbols & found} - found
        if not new:
            return found
        found |= new


def read_by_jump(model: NeuronModel, route: InputRoute) -> set[sp.Symbol]:
    """The states whose value decides how much an input changes: beside a state itself in `state + w`."""
    changes = (expanded(value - state) for state, value in route.jump.items())
    return free_symbols(changes) & set(model.other_states)


def superposes(model: NeuronModel, route: InputRoute, found: Ties) -> bool:
    """Whether the effects of input and reset on the other states add up, so that their order does not matter."""
    jumps = {state: value for state, value in route.jump.items() if state != model.variable}
    resets = {state: value for state, value in model.reset.items() if state in found.relevant}
    read_by_resets, read_by_jumps = free_symbols(resets.values()), free_symbols(jumps.values())
    if not (found.touched & found.driven or read_by_resets & found.driven or read_by_jumps & found.touched):
        return True
    states = list(model.other_states)
    changes = [value - state for state, value in (*jumps.items(), *resets.items())]
    if any(expanded(change).free_symbols & set(model.states) for change in changes):
        return False
    for state in found.relevant:
        parts = affine_parts(model.dynamics[state], states)
        if parts is None or any(slope.free_symbols & set(model.states) for slope in parts[0].values()):
            return False
    return True
