"""The event loop of a population in which every event reaches every neuron.

A while loop finds the events, and keeps their times and, once in a segment, the state; a scan propagates tangents
through them. Its coefficients are computed from the kept states, a segment at a time, so memory grows with the number
of events, not with events times neurons. Reverse mode is the transpose of that recursion.
"""

from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..neurons import AbstractDynamics, State
from ..neurons.event import (
    tangent_coordinates,
)
from ..neurons.interface import from_tangent_coordinates
from .dense_log import DenseLog, Segments, Table, segments_for, table_rows, trajectory
from .dense_step import LOOKAHEAD, Progress, Trial, advance_silent_inputs, next_event, size_of
from .dense_tangents import group_tangents
from .event_log import set_row, spikes_among
from .event_loop import MOST_BEYOND
from .events import Population
from .fused import MOST_NEURONS, by_platform, fused_trial, kernels_expected


def simulate(
    dynamics: AbstractDynamics,
    initial: State,
    times: Float[Array, " inputs"],
    sources: Int[Array, " inputs"],
    table: Table,
    duration: Float[Array, ""],
    capacity: int,
) -> Population:
    """Simulate one trial; arguments as for `run`."""
    events = capacity + times.shape[0]
    is_fused = dynamics.fusible and dynamics.resets_by_flow and size_of(initial) <= MOST_NEURONS and kernels_expected()
    length = dynamics.kept_every
    segments = Segments(-(-max(1, events) // length), length, 1) if is_fused else segments_for(events)

    def plain(*arguments: Any) -> tuple:
        return tuple(run(*arguments, segments=segments))

    arguments = dynamics, initial, times, table, sources, duration
    if is_fused:
        log = DenseLog(*by_platform(partial(fused_trial, plain, segments.number, MOST_BEYOND), plain, *arguments))
    else:
        log = run(*arguments, segments=segments)
    which, size = log.which.ravel(), size_of(initial)
    spikes = spikes_among(log.times.ravel(), which, (which >= 0) & (which < size), capacity)
    found = trajectory(dynamics, log, table, sources, dynamics.flow(log.end, duration - log.last))
    return Population(spikes, found, log.total, jnp.zeros((), jnp.int32))


@eqx.filter_custom_jvp
def run(
    dynamics: AbstractDynamics,
    initial: State,
    times: Float[Array, " inputs"],
    table: Table,
    sources: Int[Array, " inputs"],
    duration: Float[Array, ""],
    *,
    segments: Segments,
) -> DenseLog:
    """Simulate one trial.

    Args:
        dynamics: The neurons.
        initial: Their state at the start.
        times: Of the inputs, ascending; those at `duration` are padding.
        table: For every route, what each source adds to each neuron: the neurons themselves first, then the inputs.
        sources: Of the inputs, counted from 0.
        duration: The trial end.
        segments: How many events are logged; those beyond them are counted only.

    Differentiation:
        Forward and reverse mode. The end of the trial does not move.
    """
    inputs = times.shape[0]
    ahead = LOOKAHEAD if dynamics.resets_by_flow and 2 * inputs >= segments.number * segments.events else 0
    until = jnp.append(times, jnp.full(1 + ahead, duration))
    rows = jnp.append(sources, jnp.zeros(1 + ahead, sources.dtype)) + size_of(initial)
    trial = Trial(dynamics, table, until, rows, duration)

    def goes_on(progress):
        return ~progress.is_over & (progress.place < segments.events)

    def step(progress):
        return next_event(trial, advance_silent_inputs(trial, ahead, segments.events, progress) if ahead else progress)

    def segment(carry):
        state, now, position, number, kept, _ = carry
        entries = segments.events + ahead  # looking ahead writes beyond the end
        nothing = jnp.zeros(entries, now.dtype), jnp.full(entries, -1, jnp.int32), jnp.array(0)
        end = jax.lax.while_loop(goes_on, step, Progress(state, now, position, *nothing, jnp.array(False)))
        is_event = jnp.arange(segments.events) < end.place
        record = end.when[: segments.events], jnp.where(is_event, end.which[: segments.events], -1), state
        # what does not fit is put where it will be cut off
        row = jnp.minimum(number, segments.number)
        kept = jax.tree.map(lambda rows, value: set_row(rows, row, value), kept, record)
        return end.state, end.now, end.position, number + 1, kept, end.is_over

    rows_kept = segments.number + 1
    most = rows_kept + MOST_BEYOND // segments.events
    kept = (
        jnp.zeros((rows_kept, segments.events), times.dtype),
        jnp.full((rows_kept, segments.events), -1, jnp.int32),
        # some state, of which derivatives are numbers
        jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (rows_kept, *leaf.shape)), initial),
    )
    start = (initial, jnp.zeros((), times.dtype), jnp.array(0), jnp.array(0), kept, jnp.array(False))
    end, last, position, number, (when, which, states), _ = jax.lax.while_loop(
        lambda c: ~c[-1] & (c[3] <= most), segment, start
    )
    counted = (which >= 0).sum(dtype=jnp.int32) + jnp.maximum(number - rows_kept, 0) * segments.events
    when, which, states = jax.tree.map(lambda rows: rows[:-1], (when, which, states))
    return DenseLog(jnp.where(which < 0, last, when), which, counted - position, states, last, end)


@run.def_jvp
def _run_jvp(primals: tuple, tangents: tuple, *, segments: Segments) -> tuple[DenseLog, DenseLog]:
    dynamics, initial, times, table, sources, duration = primals
    dynamics_tangents, initial_tangents, times_tangent, table_tangents, _, _ = tangents
    log = run(*primals, segments=segments)
    size = size_of(initial)
    is_input = log.which >= size
    position = jnp.where(is_input, log.which - size, 0)
    previous = jnp.concatenate([jnp.zeros(1, times.dtype), log.times.ravel()[:-1]]).reshape(log.times.shape)
    come = jnp.zeros_like(log.times) if times_tangent is None or not times.size else times_tangent[position]
    come = jnp.where(is_input, come, 0.0)
    rows = table_rows(log.which, sources, size)

    def follow(carry, event):
        return group_tangents(dynamics, dynamics_tangents, table, table_tangents, duration, carry, event)

    def skip(carry, event):
        state, now = carry
        count, length = event[1].shape
        states = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (count, *leaf.shape)), state)
        return carry, (states, jnp.broadcast_to(now, (count, length)))

    @partial(jax.checkpoint, prevent_cse=False)
    def each(carry, event):
        return jax.lax.cond(event[2][0, 0] >= 0, follow, skip, carry, event)

    start = (tangent_coordinates(initial, initial_tangents), jnp.zeros((), times.dtype))
    events = log.states, log.times, log.which, come, previous, rows
    groups = jax.tree.map(lambda leaf: leaf.reshape(-1, segments.group, *leaf.shape[1:]), events)
    (end, last), found = jax.lax.scan(each, start, groups)
    states, when = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), found)
    states, end = from_tangent_coordinates(log.states, states), from_tangent_coordinates(log.end, end)
    return log, DenseLog(when, None, None, states, last, end)  # pyright: ignore[reportArgumentType]
