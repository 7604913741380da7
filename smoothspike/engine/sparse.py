"""A population in which every event reaches few neurons: each keeps its own time and its own next spike.

A neuron is carried forward when something reaches it, and only then is its next spike solved for again, so the work of
an event grows with the number of its targets alone. Derivatives follow the same events in lists of targets.
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
    event_jacobian,
    spike_time_jacobian,
    tangent_coordinates,
)
from ..neurons.interface import from_tangent_coordinates
from .batched_loop import until_over
from .connections import Connections
from .rows import MOST_BEYOND, NOBODY, in_pieces, of_neurons, packed, pick, put, unpacked, write
from .tournament import Due


class Lists(NamedTuple):
    """What each kind of event reaches: a neuron's spike itself first, then its targets; then inputs; then nothing."""

    targets: Int[Array, "kinds targets"]
    weights: dict[str, Float[Array, "kinds targets"]]


class Log(NamedTuple):
    """What happened in a trial.

    Attributes:
        times: When each event came.
        which: What it was: a spike by its neuron, an input by its position after the number of neurons; -1 for none.
        total: How many spikes there were, whether or not they fitted.
        targets: Whom each event reached.
        since: When these had been reached before.
        states: Their states just after that.
        last: When each neuron was reached last.
        end: Its state just after that.
    """

    times: Float[Array, " events"]
    which: Int[Array, " events"]
    total: Int[Array, ""]
    targets: Int[Array, "events targets"]
    since: Float[Array, "events targets"]
    states: State
    last: Float[Array, " neurons"]
    end: State


def split(recurrent: Connections, inputs: Connections) -> tuple[Lists, int]:
    """Make lists of one length; an input with more targets than a spike is as many inputs at one time.

    Returns:
        The lists, and how many of them an input takes.
    """
    size, width = recurrent.sources, max(recurrent.out_degree, 1)
    pieces = max(1, -(-inputs.out_degree // width))
    own = jnp.arange(size, dtype=recurrent.targets.dtype)[:, None]
    itself = recurrent.targets == own

    def room(values: Array, columns: int, fill: float) -> Array:
        return jnp.pad(values, ((0, 0), (0, columns - values.shape[1])), constant_values=fill)

    of_inputs = room(inputs.targets, pieces * width, -1).reshape(-1, width)
    of_inputs = jnp.pad(of_inputs, ((0, 1), (1, 0)), constant_values=-1)
    of_spikes = room(jnp.where(itself, -1, recurrent.targets), width, -1)
    targets = jnp.concatenate([jnp.concatenate([own, of_spikes], 1), of_inputs])
    weights = {}
    for route, given in recurrent.weights.items():
        on_itself = jnp.where(itself, given, 0.0).sum(1, keepdims=True)
        entering = room(inputs.weights[route], pieces * width, 0.0).reshape(-1, width)
        entering = jnp.pad(entering, ((0, 1), (1, 0)))
        weights[route] = jnp.concatenate([jnp.concatenate([on_itself, room(given, width, 0.0)], 1), entering])
    return Lists(jnp.where(targets < 0, NOBODY, targets), weights), pieces


@eqx.filter_custom_jvp
def run(
    dynamics: AbstractDynamics,
    initial: State,
    times: Float[Array, " inputs"],
    weights: dict[str, Float[Array, "kinds targets"]],
    targets: Int[Array, "kinds targets"],
    kinds: Int[Array, " inputs"],
    duration: Float[Array, ""],
    *,
    room: int,
) -> Log:
    """Simulate one trial.

    Args:
        dynamics: The neurons.
        initial: Their state at the start.
        times: Of the inputs, ascending; those at `duration` are padding.
        weights: For every route, what each kind of event adds to its targets; see `Lists`.
        targets: Whom each kind of event reaches.
        kinds: Of which kind each input is.
        duration: The trial end.
        room: For how many events there is room; those beyond it are counted, not kept.

    Differentiation:
        Forward and reverse mode. The end of the trial does not move.
    """
    arrays, rest = eqx.partition(dynamics, eqx.is_array)
    nothing = targets.shape[0] - 1
    known = jnp.append(jnp.where(times < duration, kinds, nothing), nothing)
    network = _Network(arrays, jnp.append(times, duration), known, weights, targets, duration)
    structure = jax.tree.structure(initial)
    begin, step = partial(_begun, rest, room), partial(_event, rest, structure, room)
    # all arrays are arguments, since trials of a batch may differ in any of them
    found = until_over(begin, step, lambda carry: carry.is_over, (network, initial))
    end, last = unpacked(structure, found.rows)
    when, which, reached, rows = (kept[:-1] for kept in found.log)
    states, since = unpacked(structure, jnp.moveaxis(rows, 1, -1))
    total = (found.place - found.position).astype(jnp.int32)
    return Log(when, which, total, reached, since, states, last, end)


class _Network(NamedTuple):
    """What the loop only reads: arrays of the dynamics, `Lists`, when inputs come and of which kind they are.

    After them comes the end, which like padding is of the kind that reaches nobody.
    """

    arrays: Any
    until: Float[Array, " times"]
    kinds: Int[Array, " times"]
    weights: dict[str, Float[Array, "kinds targets"]]
    targets: Int[Array, "kinds targets"]
    duration: Float[Array, ""]


class _Carry(NamedTuple):
    """What the loop carries: neurons, when they are due, who is first, how many inputs and events, and the log."""

    rows: Float[Array, "neurons columns"]
    due: Due
    asides: tuple[Any, Float[Array, "2 targets"]]
    turn: Int[Array, ""]
    first: tuple[Float[Array, ""], Int[Array, ""]]
    position: Int[Array, ""]
    place: Int[Array, ""]
    log: tuple[Any, ...]
    is_over: Bool[Array, ""]


def _begun(rest: Any, room: int, arguments: tuple[_Network, State]) -> _Carry:
    network, initial = arguments
    duration, (_, width) = network.duration, network.targets.shape
    nothing = jnp.zeros(jax.tree.leaves(initial)[0].shape[0], duration.dtype)
    rows = packed(initial, nothing)
    log = (
        jnp.zeros(room + 1, duration.dtype),
        jnp.full(room + 1, -1, jnp.int32),
        jnp.full((room + 1, width), NOBODY, network.targets.dtype),
        # some state, of which derivatives are numbers
        jnp.broadcast_to(rows[0][:, None], (room + 1, rows.shape[1], width)),
    )
    wait = eqx.combine(network.arrays, rest).time_to_spike(initial, nothing, jnp.full_like(nothing, duration))
    due = Due.at(jnp.maximum(wait, 0.0))
    picked = jax.tree.map(lambda leaf: aside_room((width, *leaf.shape[1:]), leaf.dtype), (rows, _of_each(network)))
    asides = picked, aside_room((width,), duration.dtype)
    return _Carry(rows, due, asides, jnp.array(0), due.first(), jnp.array(0), jnp.array(0), log, jnp.array(False))


def _of_each(network: _Network) -> Any:
    """The parameters of which every neuron has its own."""
    return eqx.filter(network.arrays, jnp.ndim)


def _event(rest: Any, structure: Any, room: int, arguments: tuple[_Network, State], carry: _Carry) -> _Carry:
    """Go to the next event, a spike or an input, and carry those forward that it reaches."""
    network, _ = arguments
    (when, first), position, until = carry.first, carry.position, network.until
    size, width = carry.rows.shape[0], network.targets.shape[1]
    spikes = when < until[position]
    is_over = (~spikes & (until[position] >= network.duration)) | (carry.place >= room + MOST_BEYOND)
    now = jnp.where(spikes, when, until[position])
    kind = jnp.where(spikes, first, network.kinds[position])
    reached = network.targets[kind]

    turn, (picked, earliest) = carry.turn, carry.asides
    picked, (rows, own) = aside(picked, turn, pick((carry.rows, _of_each(network)), reached))
    before, was = unpacked(structure, rows)
    jump = {route: each[kind] for route, each in network.weights.items()}
    some = eqx.combine(own, network.arrays, rest)
    after = after_event(some, before, now - was, spikes & (jnp.arange(width) == 0), jump)
    # rounding may put a spike just before this instant: time never runs backwards
    wait = jnp.maximum(some.time_to_spike(after, jnp.zeros(width, now.dtype), network.duration - now), 0.0)

    name = jnp.where(is_over, -1, jnp.where(spikes, first, size + position)).astype(jnp.int32)
    entry = (now, name, reached, rows.T)
    # what does not fit is put where it will be cut off
    log = jax.tree.map(lambda kept, value: put(kept, jnp.minimum(carry.place, room), value), carry.log, entry)
    due, earliest = carry.due.changed(reached, now + wait, earliest, turn)
    return _Carry(
        write(carry.rows, reached, after, now), due, (picked, earliest), 1 - turn, due.first(),
        position + (~spikes & ~is_over), carry.place + ~is_over, log, is_over,
    )  # fmt: skip


@run.def_jvp
def _run_jvp(primals: tuple, tangents: tuple, *, room: int) -> tuple[Log, Log]:
    dynamics, initial, times, weights, _, kinds, duration = primals
    moving, initial_moves, times_move, weight_moves, *_ = tangents
    log = run(*primals, room=room)
    size = jax.tree.leaves(initial)[0].shape[0]
    position = jnp.where(log.which >= size, log.which - size, 0)
    come = jnp.zeros_like(log.times) if times_move is None or not times.size else times_move[position]
    lists = jnp.where(log.which >= size, kinds[position] if times.size else 0, jnp.maximum(log.which, 0))
    # a whole table of tangents must not be carried through the pieces
    jumps = {route: each[lists] for route, each in weights.items()}
    jump_moves = jax.tree.map(lambda move: move[lists], weight_moves)

    def follow(rows, event):
        return _piece_moves(dynamics, moving, duration, rows, event)

    def skip(rows, event):
        log, *_ = event
        nothing = tangent_coordinates(log.states, jax.tree.map(jnp.zeros_like, log.states))
        return rows, (jnp.zeros_like(log.times), jnp.zeros_like(log.since), nothing)

    @partial(jax.checkpoint, prevent_cse=False)
    def each(rows, event):
        return jax.lax.cond(event[0].which[0] >= 0, follow, skip, rows, event)

    length = max(1, round(room**0.5))
    entries = log._replace(total=None, last=None, end=None)  # pyright: ignore[reportArgumentType]
    xs = jax.tree.map(lambda leaf: in_pieces(leaf, length), (entries, come, jumps, jump_moves))
    # the padding of a piece must not look like a spike of the first neuron
    filled = jnp.arange(xs[0].which.size).reshape(xs[0].which.shape) < room
    names = jnp.where(filled, xs[0].which, -1)
    reached = jnp.where(filled[..., None], xs[0].targets, NOBODY)
    xs = (xs[0]._replace(which=names, targets=reached), *xs[1:])
    start = tangent_coordinates(initial, initial_moves)
    rows, (when, since, states) = jax.lax.scan(each, packed(start, jnp.zeros(size, times.dtype)), xs)
    end, last = unpacked(jax.tree.structure(start), rows)
    when, since, states = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[:room], (when, since, states))
    states, end = from_tangent_coordinates(log.states, states), from_tangent_coordinates(log.end, end)
    return log, Log(when, None, None, None, since, states, last, end)  # pyright: ignore[reportArgumentType]


def _piece_moves(
    dynamics: AbstractDynamics,
    moving: Tangents,
    duration: Float[Array, ""],
    rows: Float[Array, "neurons columns"],
    events: Any,
) -> Any:
    """Follow tangents of states, and of when these hold, through the events of a piece."""
    log, come, jumps, jump_moves = events
    is_spike = (log.which >= 0) & (log.which < rows.shape[0])
    own = is_spike[:, None] & (jnp.arange(log.targets.shape[1]) == 0)
    some, some_moving = (of_neurons(tree, log.targets) for tree in (dynamics, moving))
    lengths = log.times[:, None] - log.since
    parts = event_jacobian(some, some_moving, log.states, InterEventInterval(lengths, own), jumps, jump_moves)
    alone, alone_moving = (of_neurons(tree, log.targets[:, 0]) for tree in (dynamics, moving))
    own_states, own_since = jax.tree.map(lambda leaf: leaf[:, 0], (log.states, log.since))
    by_state, forced = spike_time_jacobian(alone, alone_moving, own_states, jnp.full_like(own_since, duration))
    by_state = [jnp.where(is_spike, column, 0.0) for column in by_state]
    come = jnp.where(is_spike, forced, come)

    def step(carry, event):
        (rows, rooms), (parts, by_state, come, is_spike, reached, turn) = carry, event
        read, picked = aside(rooms[0], turn, pick(rows, reached))
        *before, was = picked.T
        when = come + is_spike * was[0] + sum(column * leaf[0] for column, leaf in zip(by_state, before, strict=True))
        after = parts.moved(before, when - was)
        # adding the change, not setting the value, has a transpose as cheap as itself, a read that goes aside, too
        written, change = aside(rooms[1], turn, packed(after, jnp.broadcast_to(when, was.shape)) - picked)
        return (rows.at[reached].add(change, mode="drop"), (read, written)), (when, was, before)

    turns = jnp.arange(come.shape[0]) % 2
    coefficients = (parts, by_state, come, is_spike.astype(come.dtype), log.targets, turns)
    structure = jax.tree.structure(tangent_coordinates(log.states, log.states))
    room = aside_room((log.targets.shape[1], rows.shape[1]), rows.dtype)
    (rows, _), (when, was, before) = jax.lax.scan(step, (rows, (room, room)), coefficients)
    return rows, (when, was, jax.tree.unflatten(structure, before))
