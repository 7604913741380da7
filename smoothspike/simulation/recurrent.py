"""A recurrent population, event by event."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ..dynamics import AbstractDynamics, State
from ..spikes import Spikes
from .dense import Course, Table, room_for, run, states_before
from .events import Population, Trajectory, not_after

Weights = dict[str, Float[Array, "neurons sources"]]


def simulate_recurrent(
    dynamics: AbstractDynamics,
    initial: State,
    spikes: Spikes,
    inputs: Weights,
    recurrent: Weights,
    duration: Float[Array, ""],
    capacity: int,
) -> Population:
    """Simulate a population whose spikes act on itself, in one trial.

    Simultaneous events are taken inputs first, then neurons in the order of their index.
    """
    ordered = spikes.sorted()
    is_input = ordered.times < duration
    times = jnp.where(is_input, not_after(ordered.times, duration), duration)
    sources = jnp.where(is_input, ordered.sources, 0)
    table = {route: jnp.concatenate([matrix.T, inputs[route].T]) for route, matrix in recurrent.items()}
    shape = room_for(capacity + times.shape[0])
    course = run(dynamics, initial, times, table, sources, duration, shape=shape)
    size = jax.tree.leaves(initial)[0].shape[0]
    found = _spikes(course, size, capacity)
    end = dynamics.flow(course.end, duration - course.last)
    trajectory = _trajectory(dynamics, course, table, sources, size, end)
    return Population(found, trajectory, course.total, found.counts(size).max(initial=0))


def _spikes(course: Course, size: int, capacity: int) -> Spikes:
    times, which = course.times.ravel(), course.which.ravel()
    is_spike = (which >= 0) & (which < size)
    order = jnp.argsort(~is_spike, stable=True)[:capacity]
    kept = is_spike[order]
    return Spikes(jnp.where(kept, times[order], jnp.inf), jnp.where(kept, which[order], 0))


def _trajectory(
    dynamics: AbstractDynamics, course: Course, table: Table, sources: Int[Array, " inputs"], size: int, end: State
) -> Trajectory:
    """Work out the states after all events; nothing of this is done where nobody asks for them."""
    starts = jnp.concatenate([jnp.zeros(1, course.times.dtype), course.times.ravel()])
    lengths = jnp.diff(starts).reshape(course.times.shape)
    own = course.which[..., None] == jnp.arange(size)
    jumps = {route: brought(weights, course.which, sources, size) for route, weights in table.items()}
    states = jax.vmap(states_before, (None, 0, 0, 0, 0))(dynamics, course.states, lengths, own, jumps)
    states = jax.tree.map(
        lambda leaf, last: jnp.concatenate([leaf.reshape(-1, *last.shape), last[None]]), states, course.end
    )
    return Trajectory(starts[:, None], states, end)


def brought(
    weights: Float[Array, "sources neurons"],
    which: Int[Array, "*events"],
    sources: Int[Array, " inputs"],
    size: int,
) -> Float[Array, "*events neurons"]:
    """Return what events bring to each neuron, nothing for none."""
    is_input: Bool[Array, "*events"] = which >= size
    position = jnp.where(is_input, which - size, 0)
    rows = jnp.where(is_input, size + sources[position] if sources.size else 0, jnp.maximum(which, 0))
    return jnp.where((which >= 0)[..., None], weights[rows], 0.0)
