"""A single event: its effect on each neuron's state, and the Jacobian of that effect."""

from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from .interface import AbstractDynamics, State, from_tangent_coordinates, to_tangent_coordinates
from .vectorised import AbstractVectorisedDynamics, EventJacobian, InterEventInterval, Tangents, Values


def after_event(
    dynamics: AbstractDynamics, state: State, length: Values, own: Bool[Array, "*shape"] | None, jump: Mapping
) -> State:
    """Evolve neurons up to an event, reset those whose spike it is (`own`), and add its jump to each."""
    at = dynamics.flow(state, length)
    after = at if own is None else jax.tree.map(lambda a, b: jnp.where(own, a, b), dynamics.reset(at), at)
    return dynamics.jump(after, jump)


def event_jacobian(
    dynamics: AbstractDynamics,
    tangents: Tangents,
    state: State,
    interval: InterEventInterval,
    jump: Mapping[str, Values],
    jump_tangents: Tangents,
) -> EventJacobian:
    """Linearise an interval and the event at its end: by formula where the dynamics have one, else by differentiation.

    Args:
        dynamics: The neurons.
        tangents: Of their parameters.
        state: The state at the start of the interval.
        interval: The interval, and which neurons are reset at its end.
        jump: What the event adds to each neuron, for every route.
        jump_tangents: The tangents of that.
    """
    if isinstance(dynamics, AbstractVectorisedDynamics) and (dynamics.resets_by_flow or interval.own is None):
        by_formula = dynamics.event_jacobian(state, interval, jump, jump_tangents)
        if not jax.tree.leaves(tangents):
            return by_formula
        forced = _forced(dynamics, tangents, state, interval, jump)
        return by_formula._replace(
            d_parameters=[
                force if part is None else part + force
                for part, force in zip(by_formula.d_parameters, forced, strict=True)
            ]
        )
    return differentiated_event(dynamics, tangents, state, interval, jump, jump_tangents)


def _forced(
    dynamics: AbstractVectorisedDynamics,
    tangents: Tangents,
    state: State,
    interval: InterEventInterval,
    jump: Mapping[str, Values],
) -> list[Values]:
    """Return the tangent of an event's outcome that comes from moving parameters, as if no spike came before it."""
    parameters, parameter_tangents = _moving(dynamics, tangents)

    def event(parameters: Sequence[Array]) -> State:
        neurons = _with_moving(dynamics, tangents, parameters)
        if interval.own is None:
            return neurons.jump(neurons.flow_without_spikes(state, interval.length), jump)
        return after_event(neurons, state, interval.length, interval.own, jump)

    after, change = jax.jvp(event, (parameters,), (parameter_tangents,))
    return jax.tree.leaves(to_tangent_coordinates(after, change))


def reset_jacobian(
    dynamics: AbstractVectorisedDynamics, tangents: Tangents, state: State, length: Values
) -> EventJacobian:
    """Linearise an interval with spikes in it, of neurons that are reset then.

    Its part from parameters is what has to be added to that of `event_jacobian`.
    """
    interval = InterEventInterval(length, None)
    nothing = dict.fromkeys(dynamics.routes, jnp.zeros(()))
    found = differentiated_event(dynamics, tangents, state, interval, nothing, dict.fromkeys(nothing))
    if not jax.tree.leaves(tangents):
        return found._replace(d_parameters=[None] * len(found.d_parameters))
    forced = _forced(dynamics, tangents, state, interval, nothing)
    added = [None if part is None else part - force for part, force in zip(found.d_parameters, forced, strict=True)]
    return found._replace(d_parameters=added)


def differentiated_event(
    dynamics: AbstractDynamics,
    tangents: Tangents,
    state: State,
    interval: InterEventInterval,
    jump: Mapping[str, Values],
    jump_tangents: Tangents,
) -> EventJacobian:
    """Implement `event_jacobian` for any dynamics."""
    jump = dict(jump)
    weights, weight_tangents = _moving(jump, jump_tangents)
    parameters, parameter_tangents = _moving(dynamics, tangents)

    def event(state: State, length: Values, weights: Sequence[Array], parameters: Sequence[Array]) -> State:
        neurons, added = _with_moving(dynamics, tangents, parameters), _with_moving(jump, jump_tangents, weights)
        if interval.own is None:
            return neurons.jump(neurons.advance(state, length)[0], added)
        return after_event(neurons, state, length, interval.own, added)

    arguments = state, interval.length, weights, parameters
    after, push = jax.linearize(event, *arguments)
    nothing = jax.tree.map(jnp.zeros_like, arguments)

    def outcome(*changes: Any) -> list[Values]:
        return jax.tree.leaves(to_tangent_coordinates(after, push(*changes)))

    columns = [outcome(unit, *nothing[1:]) for unit in _units(state)]
    d_interval = outcome(nothing[0], jnp.ones_like(interval.length), *nothing[2:])
    d_parameters = outcome(*nothing[:2], weight_tangents, parameter_tangents)
    return EventJacobian([list(row) for row in zip(*columns, strict=True)], d_interval, d_parameters)


def spike_time_jacobian(
    dynamics: AbstractDynamics, tangents: Tangents, state: State, within: Values
) -> tuple[list[Values], Values]:
    """Return the derivatives of the time to the next spike by tangent coordinates, and its tangent by parameters.

    Where a spike is known to come, any ample time `within` which to look for it will do.
    """
    parameters, parameter_tangents = _moving(dynamics, tangents)

    def wait(state: State, parameters: Sequence[Array]) -> Values:
        return _with_moving(dynamics, tangents, parameters).time_to_spike(state, jnp.zeros_like(within), within)

    _, push = jax.linearize(wait, state, parameters)
    still = jax.tree.map(jnp.zeros_like, parameters)
    by_parameters = push(jax.tree.map(jnp.zeros_like, state), parameter_tangents)
    return [push(unit, still) for unit in _units(state)], by_parameters


def tangent_coordinates(state: State, tangents: Tangents) -> Any:
    """Return `to_tangent_coordinates` of tangents of which some may be None."""
    filled = jax.tree.map(
        lambda tangent, leaf: jnp.zeros_like(leaf) if tangent is None else tangent, tangents, state, is_leaf=_is_none
    )
    return to_tangent_coordinates(state, filled)


def _is_none(leaf: Any) -> bool:
    return leaf is None


def _units(state: State) -> list[State]:
    """Tangents of a state by one of each tangent coordinate."""
    change = to_tangent_coordinates(state, jax.tree.map(jnp.zeros_like, state))
    leaves, structure = jax.tree.flatten(change)
    units = [[jnp.full_like(leaf, float(place == index)) for index, leaf in enumerate(leaves)]
             for place in range(len(leaves))]  # fmt: skip
    return [from_tangent_coordinates(state, jax.tree.unflatten(structure, unit)) for unit in units]


def _moving(tree: Any, tangents: Tangents) -> tuple[list[Array], list[Array]]:
    chosen = eqx.filter(tree, jax.tree.map(lambda tangent: tangent is not None, tangents, is_leaf=_is_none))
    return jax.tree.leaves(chosen), jax.tree.leaves(tangents)


def _with_moving(tree: Any, tangents: Tangents, values: Sequence[Array]) -> Any:
    is_moving = jax.tree.map(lambda tangent: tangent is not None, tangents, is_leaf=_is_none)
    chosen, rest = eqx.partition(tree, is_moving)
    return eqx.combine(jax.tree.unflatten(jax.tree.structure(chosen), values), rest)
