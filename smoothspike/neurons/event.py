"""What one event does to neurons, each by itself, and how that changes with everything it depends on."""

import functools
import operator
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

if TYPE_CHECKING:
    from .interface import AbstractDynamics, State

Values = Float[Array, "*shape"]
#: Tangents of a PyTree: None where a leaf does not move.
Tangents = Any


def after_event(
    dynamics: "AbstractDynamics",
    state: "State",
    length: Values,
    own: Bool[Array, "*shape"] | None,
    jump: Mapping[str, Values],
) -> "State":
    """Carry neurons to an event, reset those whose spike it is, and add what it brings to each."""
    at = dynamics.flow(state, length)
    after = at if own is None else jax.tree.map(lambda a, b: jnp.where(own, a, b), dynamics.reset(at), at)
    return dynamics.jump(after, jump)


class Inputs(NamedTuple):
    """What happens to a population in a row of stretches, each of which ends with an input; in trials side by side.

    Attributes:
        lengths: How long every stretch is.
        columns: For every route, what an input of each source adds to each neuron, and nothing in a last row.
        sources: The source of every input; the last for padding.
    """

    lengths: Float[Array, " stretches *trials"]
    columns: dict[str, Float[Array, "sources neurons"]]
    sources: Int[Array, " stretches *trials"]


class ScanResult(NamedTuple):
    """What a population goes through in a row of stretches.

    Attributes:
        states: Where every stretch begins.
        end: After the last input, not settled.
        tally: What has been made of the numbers of spikes in the end.
        tallies: What has been made of them on the way.
        known: What has been found out about stretches that `linearised` needs, too; None for nothing.
    """

    states: "State"
    end: "State"
    tally: Any
    tallies: Any
    known: Any = None


def input_jump(columns: Mapping[str, Any], sources: Int[Array, "*inputs"], at: int = 0) -> dict[str, Any]:
    """Return what inputs add to each neuron, for every route, the neurons along an axis; None for what is None."""
    return {
        route: None if column is None else jnp.moveaxis(column.at[sources].get(mode="promise_in_bounds"), -1, at)
        for route, column in columns.items()
    }


class InterEventInterval(NamedTuple):
    """What lies between two events.

    Attributes:
        length: How long it is.
        own: Whose spike ends it: these are reset. None where nobody is, for neurons that pass through their spikes.
        interval: What the dynamics already know of it, where they do.
    """

    length: Values
    own: Bool[Array, "*shape"] | None
    interval: Any = None

    def unless_reset(self, value: Values) -> Values:
        """Return a value, zero for neurons that are reset."""
        return value if self.own is None else jnp.where(self.own, 0.0, value)


class EventJacobian(NamedTuple):
    """How what matters of an event's outcome moves with each argument; a list for every leaf of the outcome.

    None stands for what does not move.

    Attributes:
        d_state: One array for every leaf of what matters of the state before.
        d_interval: One array, for the time that passes before the event.
        d_parameters: What moves by other reasons: weights and parameters.
    """

    d_state: Sequence[Sequence[Values | None]]
    d_interval: Sequence[Values | None]
    d_parameters: Sequence[Values | None]

    def moved(self, leaves: Sequence[Values], length: Values | None) -> list[Values]:
        """Return how the outcome moves with the state before, the time that passes (if it does), and all else."""
        outcome = []
        for row, d_interval, force in zip(self.d_state, self.d_interval, self.d_parameters, strict=True):
            added = [by * leaf for by, leaf in zip(row, leaves, strict=True) if by is not None]
            added += [] if d_interval is None or length is None else [d_interval * length]
            added += [] if force is None else [force]
            outcome.append(functools.reduce(operator.add, added))
        return outcome

    def where(self, happens: Bool[Array, "*shape"]) -> "EventJacobian":
        """Return what changes nothing where no event happens."""
        identity = [
            [None if by is None else jnp.where(happens, by, float(row == place)) for place, by in enumerate(columns)]
            for row, columns in enumerate(self.d_state)
        ]
        return EventJacobian(identity, *jax.tree.map(lambda part: jnp.where(happens, part, 0.0), self[1:]))


def event_jacobian(
    dynamics: "AbstractDynamics",
    tangents: Tangents,
    state: "State",
    stretch: InterEventInterval,
    jump: Mapping[str, Values],
    jump_tangents: Tangents,
) -> EventJacobian:
    """Linearise `after_event` for any dynamics, given how the parameters and what the event brings move.

    Changes of states are `compressed`, before and after.
    """
    jump = dict(jump)
    weights, weight_tangents = _moving(jump, jump_tangents)
    parameters, parameter_tangents = _moving(dynamics, tangents)

    def event(state: "State", length: Values, weights: Sequence[Array], parameters: Sequence[Array]) -> "State":
        neurons, brought = _with_moving(dynamics, tangents, parameters), _with_moving(jump, jump_tangents, weights)
        if stretch.interval is None:
            return after_event(neurons, state, length, stretch.own, brought)
        return neurons.jump(neurons.advance(state, length)[0], brought)

    arguments = state, stretch.length, weights, parameters
    after, push = jax.linearize(event, *arguments)
    nothing = jax.tree.map(jnp.zeros_like, arguments)

    def outcome(*changes: Any) -> list[Values]:
        return jax.tree.leaves(dynamics.to_tangent_coordinates(after, push(*changes)))

    columns = [outcome(unit, *nothing[1:]) for unit in _units(dynamics, state)]
    d_interval = outcome(nothing[0], jnp.ones_like(stretch.length), *nothing[2:])
    d_parameters = outcome(*nothing[:2], weight_tangents, parameter_tangents)
    return EventJacobian([list(row) for row in zip(*columns, strict=True)], d_interval, d_parameters)


def spike_time_jacobian(
    dynamics: "AbstractDynamics", tangents: Tangents, state: "State", within: Values
) -> tuple[list[Values], Values]:
    """Linearise the time to the next spike: by what matters of the state, and what parameters make of it.

    Where a spike is known to come, any ample time `within` which to look for it will do.
    """
    parameters, moves = _moving(dynamics, tangents)

    def wait(state: "State", parameters: Sequence[Array]) -> Values:
        return _with_moving(dynamics, tangents, parameters).time_to_spike(state, jnp.zeros_like(within), within)

    _, push = jax.linearize(wait, state, parameters)
    still = jax.tree.map(jnp.zeros_like, parameters)
    return [push(unit, still) for unit in _units(dynamics, state)], push(jax.tree.map(jnp.zeros_like, state), moves)


def tangent_coordinates(dynamics: "AbstractDynamics", state: "State", tangents: Tangents) -> Any:
    """Return what matters of how a state moves."""
    moves = jax.tree.map(
        lambda tangent, leaf: jnp.zeros_like(leaf) if tangent is None else tangent, tangents, state, is_leaf=is_none
    )
    return dynamics.to_tangent_coordinates(state, moves)


def is_none(leaf: Any) -> bool:
    """Whether something does not move."""
    return leaf is None


def _units(dynamics: "AbstractDynamics", state: "State") -> "list[State]":
    """Changes of a state by one of each thing that matters of it."""
    change = dynamics.to_tangent_coordinates(state, jax.tree.map(jnp.zeros_like, state))
    leaves, structure = jax.tree.flatten(change)
    return [
        dynamics.from_tangent_coordinates(
            state,
            jax.tree.unflatten(
                structure, [jnp.full_like(leaf, float(place == index)) for index, leaf in enumerate(leaves)]
            ),
        )
        for place in range(len(leaves))
    ]


def _moving(tree: Any, tangents: Tangents) -> tuple[list[Array], list[Array]]:
    chosen = eqx.filter(tree, jax.tree.map(lambda tangent: tangent is not None, tangents, is_leaf=is_none))
    return jax.tree.leaves(chosen), jax.tree.leaves(tangents)


def _with_moving(tree: Any, tangents: Tangents, values: Sequence[Array]) -> Any:
    is_moving = jax.tree.map(lambda tangent: tangent is not None, tangents, is_leaf=is_none)
    chosen, rest = eqx.partition(tree, is_moving)
    return eqx.combine(jax.tree.unflatten(jax.tree.structure(chosen), values), rest)
