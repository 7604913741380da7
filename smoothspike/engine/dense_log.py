"""What happened in a recurrent trial, in segments, and the states that are computed again from it."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..neurons import AbstractDynamics, State
from ..neurons.event import after_event
from .dense_step import size_of
from .events import Trajectory

Table = dict[str, Float[Array, "sources neurons"]]
Jumps = dict[str, Float[Array, "segments events neurons"]]

#: How many segments of long trials are computed again side by side: a step of eight costs little more than one of one.
_GROUP = 8


class DenseLog(NamedTuple):
    """What happened in a trial, in segments of equally many events.

    Attributes:
        times: When each event came; unused places hold the time of the last.
        which: What it was: a spike by its neuron, an input by its position after the number of neurons; -1 for none.
        total: How many spikes there were, whether or not they fitted.
        states: The state just after the event before each segment.
        last: When the last event came.
        end: The state just after it.
    """

    times: Float[Array, "segments events"]
    which: Int[Array, "segments events"]
    total: Int[Array, ""]
    states: State
    last: Float[Array, ""]
    end: State


class Segments(NamedTuple):
    """How many segments of how many events are logged, and of how many the states are computed again side by side."""

    number: int
    events: int
    group: int


def segments_for(events: int) -> Segments:
    """Choose groups about as long as there are segments."""
    group = _GROUP if events >= _GROUP**3 else 1
    # twice as long as takes the least memory: every segment has a price of its own
    length = max(1, round(2 * (max(events, 1) / group) ** 0.5))
    return Segments(group * -(-max(events, 1) // (length * group)), length, group)


def states_before(
    dynamics: AbstractDynamics, starts: State, lengths: Float[Array, "segments events"], own: Any, jumps: Jumps
) -> State:
    """Run through the events of segments again, through all segments at once; return the states before each event."""

    def step(state: State, event: tuple) -> tuple[State, State]:
        return after_event(dynamics, state, *event), state

    # not mapped, so that the dynamics may choose once for all neurons of all segments
    events = jax.tree.map(lambda leaf: jnp.swapaxes(leaf, 0, 1), (lengths[..., None], own, jumps))
    _, states = jax.lax.scan(step, starts, events)
    return jax.tree.map(lambda leaf: jnp.swapaxes(leaf, 0, 1), states)


def trajectory(
    dynamics: AbstractDynamics, log: DenseLog, table: Table, sources: Int[Array, " inputs"], end: State
) -> Trajectory:
    """Compute the states at the starts of all intervals again; not done where nobody asks for them."""
    size = size_of(log.end)
    starts = jnp.concatenate([jnp.zeros(1, log.times.dtype), log.times.ravel()])
    lengths = jnp.diff(starts).reshape(log.times.shape)
    own = log.which[..., None] == jnp.arange(size)
    rows = table_rows(log.which, sources, size)
    jumps = {route: jnp.where((log.which >= 0)[..., None], each[rows], 0.0) for route, each in table.items()}
    states = states_before(dynamics, log.states, lengths, own, jumps)
    states = jax.tree.map(
        lambda leaf, last: jnp.concatenate([leaf.reshape(-1, *last.shape), last[None]]), states, log.end
    )
    return Trajectory(starts[:, None], states, end)


def table_rows(which: Int[Array, "*events"], sources: Int[Array, " inputs"], size: int) -> Int[Array, "*events"]:
    """Return which row of the table each event applies; the first for none."""
    if not sources.size:
        return jnp.maximum(which, 0)
    return jnp.where(which >= size, size + sources[jnp.maximum(which - size, 0)], jnp.maximum(which, 0))
