"""A step of a trial in which every event reaches every neuron: to its next event."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ..neurons import AbstractDynamics, State, first_to_spike
from ..neurons.event import after_event
from .rows import put


class Trial(NamedTuple):
    """What does not change in a trial.

    Attributes:
        dynamics: The neurons.
        table: For every route, what each source adds to each neuron: the neurons themselves first, then the inputs.
        until: When inputs come, and the trial end.
        rows: Of the table, for each of these.
        duration: The trial end.
    """

    dynamics: AbstractDynamics
    table: dict[str, Float[Array, "sources neurons"]]
    until: Float[Array, " inputs"]
    rows: Int[Array, " inputs"]
    duration: Float[Array, ""]


class Progress(NamedTuple):
    """How far a piece of a trial has come.

    Attributes:
        state: Of the neurons.
        now: The time.
        position: How many inputs of the trial are over.
        when: The times of the events of this piece.
        which: What they were, as in `dense.Course`.
        place: How many there are.
        is_over: Whether the trial is.
    """

    state: State
    now: Float[Array, ""]
    position: Int[Array, ""]
    when: Float[Array, " events"]
    which: Int[Array, " events"]
    place: Int[Array, ""]
    is_over: Bool[Array, ""]


def next_event(trial: Trial, progress: Progress) -> Progress:
    """Go to the next spike, the next input, or the end of the trial, whichever comes first."""
    state, now, position, when, which, place, _ = progress
    dynamics, next_input, size = trial.dynamics, trial.until[position], jax.tree.leaves(state)[0].shape[0]
    left = next_input - now
    wait, first = first_to_spike(dynamics, state, left)
    spikes = wait < left
    is_over = ~spikes & (next_input >= trial.duration)
    length = jnp.where(spikes, wait, jnp.where(is_over, 0.0, left))
    row = jnp.where(spikes, first, trial.rows[position])
    jump = {route: jnp.where(is_over, 0.0, weights[row]) for route, weights in trial.table.items()}
    after = after_event(dynamics, state, length, spikes & (jnp.arange(size) == first), jump)
    after = jax.tree.map(lambda a, b: jnp.where(is_over, a, b), state, after)
    then = jnp.where(spikes, now + wait, jnp.where(is_over, now, next_input))
    name = jnp.where(is_over, -1, jnp.where(spikes, first, size + position)).astype(which.dtype)
    return Progress(
        after, then, position + (~spikes & ~is_over), put(when, place, then), put(which, place, name),
        place + ~is_over, is_over,
    )  # fmt: skip
