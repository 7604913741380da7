"""The event loop of a population in which every event reaches every neuron.

A while loop finds the events, and keeps their times and, once in a segment, the state; a scan propagates tangents
through them. Its coefficients are computed from the kept states, a segment at a time, so memory grows with the number
of events, not with events times neurons. Reverse mode is the transpose of that recursion.
"""

from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..neurons import AbstractDynamics, State
from ..neurons.event import (
    EventJacobian,
    InterEventInterval,
    Tangents,
    after_event,
    event_jacobian,
    spike_time_jacobian,
    tangent_coordinates,
)
from ..neurons.interface import from_tangent_coordinates
from .dense_step import LOOKAHEAD, Progress, Trial, advance_silent_inputs, next_event, size_of
from .event_log import set_row, spikes_among
from .event_loop import MOST_BEYOND
from .events import Population, Trajectory
from .fused import MOST_NEURONS, by_platform, fused_trial, kernels_expected

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
    trajectory = _trajectory(dynamics, log, table, sources, dynamics.flow(log.end, duration - log.last))
    return Population(spikes, trajectory, log.total, jnp.zeros((), jnp.int32))


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
    rows = _rows(log.which, sources, size)

    def follow(carry, event):
        return _group_tangents(dynamics, dynamics_tangents, table, table_tangents, duration, carry, event)

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


def _group_tangents(
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


def _trajectory(
    dynamics: AbstractDynamics, log: DenseLog, table: Table, sources: Int[Array, " inputs"], end: State
) -> Trajectory:
    """Compute the states at the starts of all intervals again; not done where nobody asks for them."""
    size = size_of(log.end)
    starts = jnp.concatenate([jnp.zeros(1, log.times.dtype), log.times.ravel()])
    lengths = jnp.diff(starts).reshape(log.times.shape)
    own = log.which[..., None] == jnp.arange(size)
    rows = _rows(log.which, sources, size)
    jumps = {route: jnp.where((log.which >= 0)[..., None], each[rows], 0.0) for route, each in table.items()}
    states = states_before(dynamics, log.states, lengths, own, jumps)
    states = jax.tree.map(
        lambda leaf, last: jnp.concatenate([leaf.reshape(-1, *last.shape), last[None]]), states, log.end
    )
    return Trajectory(starts[:, None], states, end)


def _rows(which: Int[Array, "*events"], sources: Int[Array, " inputs"], size: int) -> Int[Array, "*events"]:
    """Return which row of the table each event applies; the first for none."""
    if not sources.size:
        return jnp.maximum(which, 0)
    return jnp.where(which >= size, size + sources[jnp.maximum(which - size, 0)], jnp.maximum(which, 0))
