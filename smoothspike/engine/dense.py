"""A population in which every event reaches every neuron: one loop finds the events, one line of tangents follows them.

The loop keeps the times of the events and, every so often, the state. Derivatives are linear recursions over the same
events, whose coefficients are worked out from the kept states, a piece at a time: memory grows with the number of
events, not with events times neurons. Reverse mode is the transpose of that recursion.
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
from .progress import Progress, Trial, next_event
from .rows import MOST_BEYOND, put

Table = dict[str, Float[Array, "sources neurons"]]

#: How many pieces of long trials are worked out again side by side: a step of eight costs little more than one of one.
_GROUP = 8


class Course(NamedTuple):
    """What happened in a trial, in pieces of equally many events.

    Attributes:
        times: When each event came; unused places hold the time of the last.
        which: What it was: a spike by its neuron, an input by its position after the number of neurons; -1 for none.
        total: How many spikes there were, whether or not they fitted.
        states: The state just after the event before each piece.
        last: When the last event came.
        end: The state just after it.
    """

    times: Float[Array, "pieces events"]
    which: Int[Array, "pieces events"]
    total: Int[Array, ""]
    states: State
    last: Float[Array, ""]
    end: State


class Shape(NamedTuple):
    """How many pieces of how many events there is room for.

    Attributes:
        pieces: As many as fill groups.
        events: Of a piece.
        group: How many pieces are worked out again side by side.
    """

    pieces: int
    events: int
    group: int


def room_for(events: int) -> Shape:
    """Choose groups about as long as there are pieces, which needs little memory."""
    group = _GROUP if events >= _GROUP**3 else 1
    # twice as long as takes the least memory: every piece has a price of its own
    length = max(1, round(2 * (max(events, 1) / group) ** 0.5))
    return Shape(group * -(-max(events, 1) // (length * group)), length, group)


@eqx.filter_custom_jvp
def run(
    dynamics: AbstractDynamics,
    initial: State,
    times: Float[Array, " inputs"],
    table: Table,
    sources: Int[Array, " inputs"],
    duration: Float[Array, ""],
    *,
    shape: Shape,
) -> Course:
    """Simulate one trial.

    Args:
        dynamics: The neurons.
        initial: Their state at the start.
        times: Of the inputs, ascending; those at `duration` are padding.
        table: For every route, what each source adds to each neuron: the neurons themselves first, then the inputs.
        sources: Of the inputs, counted from 0.
        duration: The trial end.
        shape: For how many events there is room; those beyond it are counted, not kept.

    Differentiation:
        Forward and reverse mode. The end of the trial does not move.
    """
    until = jnp.append(times, duration)
    rows = jnp.append(sources, jnp.zeros(1, sources.dtype)) + _size(initial)
    trial = Trial(dynamics, table, until, rows, duration)

    def goes_on(progress):
        return ~progress.is_over & (progress.place < shape.events)

    def step(progress):
        return next_event(trial, progress)

    def piece(carry):
        state, now, position, number, kept, _ = carry
        nothing = jnp.zeros(shape.events, now.dtype), jnp.full(shape.events, -1, jnp.int32), jnp.array(0)
        end = jax.lax.while_loop(goes_on, step, Progress(state, now, position, *nothing, jnp.array(False)))
        is_event = jnp.arange(shape.events) < end.place
        record = end.when, jnp.where(is_event, end.which, -1), state
        # what does not fit is put where it will be cut off
        row = jnp.minimum(number, shape.pieces)
        kept = jax.tree.map(lambda rows, value: put(rows, row, value), kept, record)
        return end.state, end.now, end.position, number + 1, kept, end.is_over

    rows_kept = shape.pieces + 1
    most = rows_kept + MOST_BEYOND // shape.events
    kept = (
        jnp.zeros((rows_kept, shape.events), times.dtype),
        jnp.full((rows_kept, shape.events), -1, jnp.int32),
        jax.tree.map(lambda leaf: jnp.zeros((rows_kept, *leaf.shape), leaf.dtype), initial),
    )
    start = (initial, jnp.zeros((), times.dtype), jnp.array(0), jnp.array(0), kept, jnp.array(False))
    end, last, position, number, (when, which, states), _ = jax.lax.while_loop(
        lambda c: ~c[-1] & (c[3] <= most), piece, start
    )
    counted = (which >= 0).sum(dtype=jnp.int32) + jnp.maximum(number - rows_kept, 0) * shape.events
    when, which, states = jax.tree.map(lambda rows: rows[:-1], (when, which, states))
    return Course(jnp.where(which < 0, last, when), which, counted - position, states, last, end)


@run.def_jvp
def _run_jvp(primals: tuple, tangents: tuple, *, shape: Shape) -> tuple[Course, Course]:
    dynamics, initial, times, table, sources, duration = primals
    moving, initial_moves, times_move, table_moves, _, _ = tangents
    course = run(*primals, shape=shape)
    size = _size(initial)
    is_input = course.which >= size
    position = jnp.where(is_input, course.which - size, 0)
    previous = jnp.concatenate([jnp.zeros(1, times.dtype), course.times.ravel()[:-1]]).reshape(course.times.shape)
    come = jnp.zeros_like(course.times) if times_move is None or not times.size else times_move[position]
    come = jnp.where(is_input, come, 0.0)
    rows = _rows(course.which, sources, size)

    def follow(carry, event):
        return _group_moves(dynamics, moving, table, table_moves, duration, carry, event)

    def skip(carry, event):
        state, now = carry
        pieces, length = event[1].shape
        return carry, (_repeated(state, pieces), jnp.broadcast_to(now, (pieces, length)))

    @partial(jax.checkpoint, prevent_cse=False)
    def each(carry, event):
        return jax.lax.cond(event[2][0, 0] >= 0, follow, skip, carry, event)

    start = (tangent_coordinates(initial, initial_moves), jnp.zeros((), times.dtype))
    events = course.states, course.times, course.which, come, previous, rows
    groups = jax.tree.map(lambda leaf: leaf.reshape(-1, shape.group, *leaf.shape[1:]), events)
    (end, last), moves = jax.lax.scan(each, start, groups)
    states, when = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), moves)
    states, end = (
        from_tangent_coordinates(course.states, states),
        from_tangent_coordinates(course.end, end),
    )
    return course, Course(when, None, None, states, last, end)  # pyright: ignore[reportArgumentType]


def _group_moves(
    dynamics: AbstractDynamics,
    moving: Tangents,
    table: Table,
    table_moves: Tangents,
    duration: Float[Array, ""],
    carry: Any,
    events: Any,
) -> tuple[Any, tuple[Any, Float[Array, "pieces events"]]]:
    """Follow tangents of the state and of the time through the events of a group of pieces."""

    def step(carry, event):
        (leaves, now), (parts, by_own, wait, is_input) = carry, event
        wait = wait - is_input * now
        wait = wait + jnp.sum(sum(column * leaf for column, leaf in zip(by_own, leaves, strict=True)))
        # spread out once, so that backwards it is one sum
        after = parts.moved(leaves, jnp.broadcast_to(wait, leaves[0].shape))
        return (after, now + wait), now + wait

    def piece(carry, events):
        after, when = jax.lax.scan(step, carry, events)
        return after, (carry[0], when)

    leaves, structure = jax.tree.flatten(carry[0])
    coefficients = _coefficients(dynamics, moving, table, table_moves, duration, events)
    (leaves, now), (begin, when) = jax.lax.scan(piece, (leaves, carry[1]), coefficients)
    end, begin = (jax.tree.unflatten(structure, each) for each in (leaves, begin))
    return (end, now), (begin, when)


def _coefficients(
    dynamics: AbstractDynamics,
    moving: Tangents,
    table: Table,
    table_moves: Tangents,
    duration: Float[Array, ""],
    events: Any,
) -> tuple[EventJacobian, list[Array], Array, Array]:
    """Work out, for all events of a group side by side, all of the recursion that does not depend on what it carries.

    Returns:
        What each event makes of the state; how the time to it moves with the state of the neuron that spikes, and with
        all else; whether it is an input, which comes when it comes, whenever the event before it came.
    """
    starts, times, which, come, previous, rows = events
    size = jax.tree.leaves(starts)[0].shape[-1]
    lengths = times - previous
    own = which[..., None] == jnp.arange(size)
    is_event = (which >= 0)[..., None]
    jumps = {route: jnp.where(is_event, weights[rows], 0.0) for route, weights in table.items()}
    jump_moves = jax.tree.map(lambda move: jnp.where(is_event, move[rows], 0.0), table_moves)
    states = states_before(dynamics, starts, lengths, own, jumps)
    # after the last event nothing happens, not even a change of the state's scale
    parts = event_jacobian(
        dynamics, moving, states, InterEventInterval(lengths[..., None], own), jumps, jump_moves
    ).where(is_event)

    is_spike, is_input = (which >= 0) & (which < size), which >= size
    neuron = jnp.where(is_spike, which, 0)
    picked = jax.tree.map(lambda leaf: jnp.take_along_axis(leaf, neuron[..., None], -1)[..., 0], states)
    alone, alone_moving = (
        jax.tree.map(lambda leaf: leaf[neuron] if jnp.ndim(leaf) else leaf, tree) for tree in (dynamics, moving)
    )
    by_state, forced = spike_time_jacobian(alone, alone_moving, picked, jnp.full_like(times, duration))
    # a product with zeros is cheaper, backwards, than picking the neuron that spikes
    by_own = [jnp.where(own, column[..., None], 0.0) for column in by_state]
    return parts, by_own, jnp.where(is_spike, forced, come), is_input.astype(times.dtype)


def _repeated(tree: Any, times: int) -> Any:
    return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (times, *leaf.shape)), tree)


def states_before(
    dynamics: AbstractDynamics, starts: State, lengths: Float[Array, "pieces events"], own: Any, jumps: Table
) -> State:
    """Run through the events of pieces again, through all pieces at once; return the states before each event."""

    def step(state: State, event: tuple) -> tuple[State, State]:
        return after_event(dynamics, state, *event), state

    # not mapped, so that the dynamics may choose once for all neurons of all pieces
    events = jax.tree.map(lambda leaf: jnp.swapaxes(leaf, 0, 1), (lengths[..., None], own, jumps))
    _, states = jax.lax.scan(step, starts, events)
    return jax.tree.map(lambda leaf: jnp.swapaxes(leaf, 0, 1), states)


def stretches(
    dynamics: AbstractDynamics, course: Course, table: Table, sources: Int[Array, " inputs"]
) -> tuple[Float[Array, " stretches"], State]:
    """Work out when all stretches between events start and the states there; not done where nobody asks for them."""
    size = _size(course.end)
    starts = jnp.concatenate([jnp.zeros(1, course.times.dtype), course.times.ravel()])
    lengths = jnp.diff(starts).reshape(course.times.shape)
    own = course.which[..., None] == jnp.arange(size)
    rows = _rows(course.which, sources, size)
    jumps = {route: jnp.where((course.which >= 0)[..., None], each[rows], 0.0) for route, each in table.items()}
    states = states_before(dynamics, course.states, lengths, own, jumps)
    return starts, jax.tree.map(
        lambda leaf, last: jnp.concatenate([leaf.reshape(-1, *last.shape), last[None]]), states, course.end
    )


def _rows(which: Int[Array, "*events"], sources: Int[Array, " inputs"], size: int) -> Int[Array, "*events"]:
    """Return which row of the table each event applies; the first for none."""
    if not sources.size:
        return jnp.maximum(which, 0)
    return jnp.where(which >= size, size + sources[jnp.maximum(which - size, 0)], jnp.maximum(which, 0))


def _size(state: State) -> int:
    return jax.tree.leaves(state)[0].shape[0]
