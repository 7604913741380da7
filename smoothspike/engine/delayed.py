"""A population whose spikes arrive late, at every neuron after a delay of its own.

A spike travels along the connections of its source in the order of their delays, so of all its arrivals only the next
one has to wait in line: there are as many waiting as there are spikes. An event is a spike or an arrival and touches
one neuron. Derivatives follow the same events; an arrival moves as the spike that it comes from, and as its delay.
"""

from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ..kernels.aside import aside, aside_room
from ..neurons import AbstractDynamics, State
from ..neurons.event import (
    InterEventInterval,
    Tangents,
    after_event,
    spike_time_jacobian,
    tangent_coordinates,
)
from ..neurons.interface import from_tangent_coordinates
from .batched_loop import until_over
from .rows import MOST_BEYOND, NOBODY, in_pieces, of_neurons, packed, pick, put, unpacked, write
from .tournament import Due


class Log(NamedTuple):
    """What happened in a trial.

    Attributes:
        times: When each event came.
        travellers: Which spike came about or arrived: inputs by their position, then spikes in their order.
        connections: Along which connection it arrived; -1 for a spike.
        targets: Which neuron it reached; NOBODY for no event.
        since: When this had been reached before.
        states: Its state just after that.
        sent: When each input and spike set out, `inf` where there is none.
        neurons: Whose spike it was.
        total: How many spikes there were, whether or not they fitted.
        last: When each neuron was reached last.
        end: Its state just after that.
    """

    times: Float[Array, " events"]
    travellers: Int[Array, " events"]
    connections: Int[Array, " events"]
    targets: Int[Array, " events"]
    since: Float[Array, " events"]
    states: State
    sent: Float[Array, " travellers"]
    neurons: Int[Array, " spikes"]
    total: Int[Array, ""]
    last: Float[Array, " neurons"]
    end: State


class _Next(NamedTuple):
    """The next spike, and the next arrival; read as soon as these are known, which saves copies of all others."""

    when: Float[Array, ""]
    neuron: Int[Array, ""]
    arrival: Float[Array, ""]
    traveller: Int[Array, ""]
    along: Int[Array, ""]
    left: Float[Array, ""]


class _Carry(NamedTuple):
    """What the loop carries: neurons, spikes under way, and the log so far."""

    rows: Float[Array, "neurons columns"]
    following: _Next
    due: Due
    arrivals: Due
    rooms: tuple[Array, Array]
    turn: Int[Array, ""]
    sent: Float[Array, " travellers"]
    connection: Int[Array, " travellers"]
    neurons: Int[Array, " spikes"]
    total: Int[Array, ""]
    place: Int[Array, ""]
    log: tuple[Any, ...]
    is_over: Bool[Array, ""]


@eqx.filter_custom_jvp
def run(
    dynamics: AbstractDynamics,
    initial: State,
    times: Float[Array, " inputs"],
    weights: dict[str, Float[Array, " connections"]],
    delays: Float[Array, " connections"],
    network: tuple[Int[Array, " connections"], Int[Array, " sources"]],
    sources: Int[Array, " inputs"],
    duration: Float[Array, ""],
    *,
    capacity: int,
    room: int,
) -> Log:
    """Simulate one trial.

    Simultaneous events are taken arrivals first, in the order of their spikes, inputs before those; then neurons by
    index.

    Args:
        dynamics: The neurons.
        initial: Their state at the start.
        times: Of the inputs, ascending; those at `duration` are padding.
        weights: For every route, what each connection adds.
        delays: Of the connections.
        network: Their targets, and where those of each source begin; see `ways.Ways`.
        sources: Of the inputs: channels are counted after the neurons.
        duration: The trial end.
        capacity: For how many spikes there is room. Those beyond it are counted, but do not arrive.
        room: For how many events.

    Differentiation:
        Forward and reverse mode. The end of the trial does not move.
    """
    arrays, rest = eqx.partition(dynamics, eqx.is_array)
    structure, room_for_all = jax.tree.structure(initial), _Room(times.shape[0], capacity, room)
    # all arrays are arguments, since trials of a batch may differ in any of them
    arguments = arrays, initial, times, weights, delays, network, sources, duration
    begin, step = partial(_begun, rest, room_for_all), partial(_event, rest, structure, room_for_all)
    carry = until_over(begin, step, lambda carry: carry.is_over, arguments)
    end, last = unpacked(structure, carry.rows)
    log = jax.tree.map(lambda kept: kept[:-1], carry.log)
    when, travellers, connections, reached, since, states = log
    return Log(when, travellers, connections, reached, since, states, carry.sent, carry.neurons, carry.total, last, end)


class _Room(NamedTuple):
    """How many inputs there are, and for how many spikes and events there is room."""

    inputs: int
    spikes: int
    events: int


def _following(due: Due, arrivals: Due, connection: Array, sent: Array) -> _Next:
    (when, neuron), (arrival, traveller) = due.first(), arrivals.first()
    return _Next(when, neuron, arrival, traveller, connection[traveller], sent[traveller])


def _begun(rest: Any, room: _Room, arguments: tuple) -> _Carry:
    arrays, initial, times, _, delays, (_, first), sources, duration = arguments
    size = jax.tree.leaves(initial)[0].shape[0]
    wait = eqx.combine(arrays, rest).time_to_spike(initial, jnp.zeros(size, times.dtype), jnp.full(size, duration))
    connection = jnp.append(first[sources], jnp.zeros(room.spikes, first.dtype))
    sent = jnp.append(jnp.where(times < duration, times, jnp.inf), jnp.full(room.spikes, jnp.inf, times.dtype))
    entries = room.events + 1
    log = (
        jnp.zeros(entries, times.dtype), jnp.full(entries, NOBODY), jnp.full(entries, -1, first.dtype),
        jnp.full(entries, NOBODY), jnp.zeros(entries, times.dtype),
        # some state, of which derivatives are numbers
        jax.tree.map(lambda leaf: jnp.broadcast_to(leaf[0], entries), initial),
    )  # fmt: skip
    due, arrivals = Due.at(jnp.maximum(wait, 0.0)), Due.at(sent + delays[connection])
    rows = packed(initial, jnp.zeros(size, times.dtype))
    rooms = aside_room((1, rows.shape[1]), rows.dtype), due.room
    return _Carry(
        rows, _following(due, arrivals, connection, sent), due, arrivals, rooms, jnp.array(0), sent, connection,
        jnp.zeros(room.spikes, jnp.int32), jnp.array(0, jnp.int32), jnp.array(0, jnp.int32), log,
        jnp.array(False),
    )  # fmt: skip


def _event(rest: Any, structure: Any, room: _Room, arguments: tuple, carry: _Carry) -> _Carry:
    """Go to the next event, a spike or an arrival, and carry forward whom it reaches."""
    arrays, _, _, weights, delays, (targets, first), _, duration = arguments
    when, neuron, arrival, traveller, along, left = carry.following
    # when nothing comes any more the log must not hold infinity: derivatives would multiply it by zero
    now = jnp.minimum(jnp.minimum(when, arrival), duration)
    is_over = ~(now < duration) | (carry.place >= room.events + MOST_BEYOND)
    is_spike, is_arrival = ~is_over & (when < arrival), ~is_over & ~(when < arrival)
    fresh = jnp.where(carry.total < room.spikes, room.inputs + carry.total, NOBODY)
    traveller = jnp.where(is_over, NOBODY, jnp.where(is_spike, fresh, traveller)).astype(jnp.int32)
    reached = jnp.where(is_over, NOBODY, jnp.where(is_spike, neuron, targets[along])).astype(jnp.int32)[None]

    (of_rows, of_blocks), turn = carry.rooms, carry.turn
    of_rows, row = aside(of_rows, turn, jax.lax.dynamic_slice_in_dim(carry.rows, reached[0], 1))
    before, was = unpacked(structure, row)
    some = of_neurons(eqx.combine(arrays, rest), reached)
    jump = {route: jnp.where(is_arrival, each[along], 0.0)[None] for route, each in weights.items()}
    after = after_event(some, before, now - was, is_spike[None], jump)
    # rounding may put a spike just before this instant: time never runs backwards
    wait = jnp.maximum(some.time_to_spike(after, jnp.zeros(1, now.dtype), duration - now[None]), 0.0)

    then, left = jnp.where(is_spike, first[neuron], along + 1), jnp.where(is_spike, now, left)
    entry = (now, traveller, jnp.where(is_arrival, along, -1), reached[0], was[0], jax.tree.map(_only, before))
    # what does not fit is put where it will be cut off
    log = jax.tree.map(
        lambda kept, value: put(kept, jnp.minimum(carry.place, room.events), value.astype(kept.dtype)),
        carry.log, entry,
    )  # fmt: skip
    # one after the other through one room, or two cores would take turns
    due, of_blocks = carry.due.changed_at(reached[0], (now + wait)[0], of_blocks, turn)
    arrivals, of_blocks = carry.arrivals.changed_at(traveller, left + delays[then], of_blocks, turn)
    sent = carry.sent.at[traveller].set(left, mode="drop")
    connection = carry.connection.at[traveller].set(then, mode="drop")
    own = jnp.where(is_spike, traveller - room.inputs, NOBODY)
    return _Carry(
        write(carry.rows, reached, after, now), _following(due, arrivals, connection, sent), due, arrivals,
        (of_rows, of_blocks), 1 - turn, sent, connection, carry.neurons.at[own].set(reached[0], mode="drop"),
        carry.total + is_spike, carry.place + ~is_over, log, is_over,
    )  # fmt: skip


@run.def_jvp
def _run_jvp(primals: tuple, tangents: tuple, *, capacity: int, room: int) -> tuple[Log, Log]:
    dynamics, initial, times, weights, *_, duration = primals
    moving, initial_moves, times_move, weight_moves, delay_moves, *_ = tangents
    log = run(*primals, capacity=capacity, room=room)
    is_arrival = log.connections >= 0
    along = jnp.where(is_arrival, log.connections, 0)
    # whole lists of tangents must not be carried through the pieces
    jumps = {route: jnp.where(is_arrival, each[along], 0.0) for route, each in weights.items()}
    jump_moves = jax.tree.map(lambda move: jnp.where(is_arrival, move[along], 0.0), weight_moves)
    later = jnp.zeros_like(log.times) if delay_moves is None else jnp.where(is_arrival, delay_moves[along], 0.0)

    def follow(carry, event):
        return _piece_moves(dynamics, moving, duration, carry, event)

    def skip(carry, event):
        log, *_ = event
        nothing = tangent_coordinates(log.states, jax.tree.map(jnp.zeros_like, log.states))
        return carry, (jnp.zeros_like(log.times), jnp.zeros_like(log.since), nothing)

    @partial(jax.checkpoint, prevent_cse=False)
    def each(carry, event):
        return jax.lax.cond(event[0].targets[0] < NOBODY, follow, skip, carry, event)

    length = max(1, round(room**0.5))
    rest: Any = dict.fromkeys(("sent", "neurons", "total", "last", "end"))
    events = log._replace(**rest)
    xs = jax.tree.map(lambda leaf: in_pieces(leaf, length), (events, later, jumps, jump_moves))
    # the padding of a piece must not look like events
    xs = (xs[0]._replace(targets=in_pieces(log.targets, length, NOBODY)), *xs[1:])
    leave = jnp.zeros_like(log.sent)
    leave = leave if times_move is None else leave.at[: times.shape[0]].set(times_move)
    start = tangent_coordinates(initial, initial_moves)
    (rows, sent), (when, since, states) = jax.lax.scan(each, (packed(start, jnp.zeros_like(log.last)), leave), xs)
    end, last = unpacked(jax.tree.structure(start), rows)
    when, since, states = jax.tree.map(lambda leaf: leaf.reshape(-1)[:room], (when, since, states))
    states, end = from_tangent_coordinates(log.states, states), from_tangent_coordinates(log.end, end)
    fixed: Any = dict.fromkeys(("travellers", "connections", "targets", "neurons", "total"))
    return log, Log(times=when, since=since, states=states, sent=sent, last=last, end=end, **fixed)


def _piece_moves(
    dynamics: AbstractDynamics, moving: Tangents, duration: Float[Array, ""], carry: tuple[Array, Array], events: Any
) -> Any:
    """Follow tangents of states, of when these hold, and of when spikes set out, through the events of a piece."""
    log, later, jumps, jump_moves = events
    is_arrival = log.connections >= 0
    is_spike = (log.targets < NOBODY) & ~is_arrival
    some, some_moving = (of_neurons(tree, log.targets) for tree in (dynamics, moving))
    parts = some.event_jacobian(
        some_moving, log.states, InterEventInterval(log.times - log.since, is_spike), jumps, jump_moves
    )
    by_state, forced = spike_time_jacobian(some, some_moving, log.states, jnp.full_like(log.times, duration))
    by_state = [jnp.where(is_spike, column, 0.0) for column in by_state]
    later = jnp.where(is_spike, forced, later)

    def step(carry, event):
        of_rows, of_sent, rows, sent = carry
        parts, by_state, later, is_spike, is_arrival, neuron, traveller, turn = event
        of_rows, row = aside(of_rows, turn, pick(rows, neuron))
        of_sent, left = aside(of_sent, turn, pick(sent, traveller))
        *before, was = row
        when = is_arrival * left + is_spike * was + later
        when += sum(column * leaf for column, leaf in zip(by_state, before, strict=True))
        after = parts.moved(before, when - was)
        # adding the change, not setting the value, has a transpose as cheap as itself, a read that goes aside, too
        of_rows, change = aside(of_rows, turn, jnp.stack([*after, when]) - row)
        of_sent, leave = aside(of_sent, turn, is_spike * when)
        rows, sent = rows.at[neuron].add(change, mode="drop"), sent.at[traveller].add(leave, mode="drop")
        return (of_rows, of_sent, rows, sent), (when, was, before)

    is_spike, is_arrival = (each.astype(later.dtype) for each in (is_spike, is_arrival))
    turns = jnp.arange(later.shape[0]) % 2
    coefficients = (parts, by_state, later, is_spike, is_arrival, log.targets, log.travellers, turns)
    rows, sent = carry
    rooms = aside_room((rows.shape[1],), rows.dtype), aside_room((), sent.dtype)
    (*_, rows, sent), (when, was, before) = jax.lax.scan(step, (*rooms, rows, sent), coefficients)
    structure = jax.tree.structure(tangent_coordinates(log.states, log.states))
    return (rows, sent), (when, was, jax.tree.unflatten(structure, before))


def _only(values: Float[Array, "1"]) -> Float[Array, ""]:
    return values[0]
