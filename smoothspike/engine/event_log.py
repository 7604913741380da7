"""The event log of a recurrent population, and its trajectory and spikes."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ..neurons import State
from ..spikes import Spikes
from .events import Population, Trajectory


class EventLog(NamedTuple):
    """What happened in a trial.

    Attributes:
        times: When each event came.
        groups: Which group of targets it reached: that of a neuron for its spike; the last one, empty, for no event.
        causes: Which spike came about or arrived, or which arrival of an input it was, by number.
        since: When each target had been reached before.
        states: Its state just after that.
        total: How many spikes there were, whether or not they were logged.
        last: When each neuron was reached last.
        end: Its state just after that.
    """

    times: Float[Array, " events"]
    groups: Int[Array, " events"]
    causes: Int[Array, " events"]
    since: Float[Array, "events targets"]
    states: State
    total: Int[Array, ""]
    last: Float[Array, " neurons"]
    end: State


def to_population(log: EventLog, targets: Int[Array, "groups width"], end: State, capacity: int) -> Population:
    """Return spikes and trajectory of a population, given its log and its states at the trial end."""
    size = log.last.shape[0]
    spikes = spikes_among(log.times, log.groups, log.groups < size, capacity)
    states = jax.tree.map(lambda a, b: jnp.concatenate([a.ravel(), b]), log.states, log.end)
    neurons = jnp.concatenate([targets[log.groups].ravel(), jnp.arange(size)])
    trajectory = Trajectory(jnp.concatenate([log.since.ravel(), log.last]), states, end, neurons)
    return Population(spikes, trajectory, log.total, jnp.zeros((), jnp.int32))


def spikes_among(
    times: Float[Array, " events"], neurons: Int[Array, " events"], is_spike: Bool[Array, " events"], capacity: int
) -> Spikes:
    """Return the first spikes among events, in their order."""
    place = jnp.searchsorted(jnp.cumsum(is_spike), jnp.arange(1, capacity + 1))
    exists, place = place < times.shape[0], jnp.minimum(place, times.shape[0] - 1)
    return Spikes(jnp.where(exists, times[place], jnp.inf), jnp.where(exists, neurons[place], 0))


def of_neurons(tree: Any, neurons: Int[Array, "*targets"]) -> Any:
    """Gather the entries of some neurons, where there is one for each."""
    return jax.tree.map(lambda leaf: leaf.at[neurons].get(mode="clip") if jnp.ndim(leaf) else leaf, tree)


def pack_state(state: Any, since: Float[Array, " neurons"]) -> Float[Array, "neurons columns"]:
    """Make one row for each neuron, its state and since when this holds: an event finds all of it in one place."""
    return jnp.stack([*jax.tree.leaves(state), since], 1)


def unpack_state(structure: Any, rows: Float[Array, "*neurons columns"]) -> tuple[Any, Float[Array, "*neurons"]]:
    """Undo `pack_state`, given the structure of a state."""
    *leaves, since = jnp.moveaxis(rows, -1, 0)
    return jax.tree.unflatten(structure, leaves), since


def set_row(rows: Array, place: Array, value: Array) -> Array:
    """Write one row; a place beyond the last means the last."""
    return jax.lax.dynamic_update_index_in_dim(rows, value, place, 0)
