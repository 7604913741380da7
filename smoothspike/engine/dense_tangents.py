"""Tangents through a group of segments of a recurrent trial, by a linear recursion."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..neurons import AbstractDynamics
from ..neurons.event import EventJacobian, InterEventInterval, Tangents, event_jacobian, spike_time_jacobian
from .dense_log import Table, states_before


def group_tangents(
    dynamics: AbstractDynamics,
    dynamics_tangents: Tangents,
    table: Table,
    table_tangents: Tangents,
    duration: Float[Array, ""],
    carry: Any,
    events: Any,
) -> tuple[Any, tuple[Any, Float[Array, "segments events"]]]:
    """Follow tangents of the state and of the time through the events of a group of segments."""

    def step(carry, event):
        (leaves, now), (jacobian, by_own, wait, is_input) = carry, event
        wait = wait - is_input * now
        wait = wait + jnp.sum(sum(column * leaf for column, leaf in zip(by_own, leaves, strict=True)))
        # spread out once, so that backwards it is one sum
        after = jacobian.moved(leaves, jnp.broadcast_to(wait, leaves[0].shape))
        return (after, now + wait), now + wait

    def segment(carry, events):
        after, when = jax.lax.scan(step, carry, events)
        return after, (carry[0], when)

    leaves, structure = jax.tree.flatten(carry[0])
    coefficients = _coefficients(dynamics, dynamics_tangents, table, table_tangents, duration, events)
    (leaves, now), (begin, when) = jax.lax.scan(segment, (leaves, carry[1]), coefficients)
    end, begin = (jax.tree.unflatten(structure, each) for each in (leaves, begin))
    return (end, now), (begin, when)


def _coefficients(
    dynamics: AbstractDynamics,
    dynamics_tangents: Tangents,
    table: Table,
    table_tangents: Tangents,
    duration: Float[Array, ""],
    events: Any,
) -> tuple[EventJacobian, list[Array], Array, Array]:
    """Compute, for all events of a group at once, the coefficients of the recursion.

    Returns:
        The Jacobian of each event; the derivative of the time to it by the state of the neuron that spikes, and its
        tangent by all else; whether it is an input, whose time does not depend on the event before it.
    """
    starts, times, which, come, previous, rows = events
    size = jax.tree.leaves(starts)[0].shape[-1]
    lengths = times - previous
    own = which[..., None] == jnp.arange(size)
    is_event = (which >= 0)[..., None]
    jumps = {route: jnp.where(is_event, weights[rows], 0.0) for route, weights in table.items()}
    jump_tangents = jax.tree.map(lambda move: jnp.where(is_event, move[rows], 0.0), table_tangents)
    states = states_before(dynamics, starts, lengths, own, jumps)
    # after the last event nothing happens, not even a change of the state's scale
    jacobian = event_jacobian(
        dynamics, dynamics_tangents, states, InterEventInterval(lengths[..., None], own), jumps, jump_tangents
    ).where(is_event)

    is_spike, is_input = (which >= 0) & (which < size), which >= size
    neuron = jnp.where(is_spike, which, 0)
    picked = jax.tree.map(lambda leaf: jnp.take_along_axis(leaf, neuron[..., None], -1)[..., 0], states)
    alone, alone_dynamics_tangents = (
        jax.tree.map(lambda leaf: leaf[neuron] if jnp.ndim(leaf) else leaf, tree)
        for tree in (dynamics, dynamics_tangents)
    )
    by_state, forced = spike_time_jacobian(alone, alone_dynamics_tangents, picked, jnp.full_like(times, duration))
    # a product with zeros is cheaper, backwards, than picking the neuron that spikes
    by_own = [jnp.where(own, column[..., None], 0.0) for column in by_state]
    return jacobian, by_own, jnp.where(is_spike, forced, come), is_input.astype(times.dtype)
