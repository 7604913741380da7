"""The event loop of recurrent populations: each neuron keeps its own time and its own next spike.

An event is a spike or the arrival of a group of targets (see `target_groups`). A neuron is advanced when an event
reaches it, and only then is its next spike solved for again, so the work of an event grows with the number of its
targets alone. All that happens is kept in one log, along which `adjoint` propagates derivatives.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ..neurons import AbstractDynamics, State
from ..neurons.event import after_event
from .connections import OUT_OF_RANGE
from .event_log import EventLog, of_neurons, pack_state, set_row, unpack_state
from .event_tangents import propagate_tangents
from .priority_queue import PriorityQueue
from .target_groups import Arrivals, TargetGroups

#: How many events beyond its capacity a trial may have before it is stopped: too large a weight may cause any number.
MOST_BEYOND = 2**22


class _OnTheirWay(NamedTuple):
    """Spikes on their way: when each arrives next, where, and when it set out; and the first of all to arrive.

    That one is read as soon as it is known, which saves copies of the arrays.
    """

    queue: PriorityQueue
    place: Int[Array, " spikes"]
    sent: Float[Array, " spikes"]
    arrival: Float[Array, ""]
    spike: Int[Array, ""]
    at: Int[Array, ""]
    left: Float[Array, ""]


class _Carry(NamedTuple):
    """The carry of the loop: neurons, their next spikes, spikes on their way, counts, and the log so far."""

    rows: Float[Array, "neurons columns"]
    queue: PriorityQueue
    next_spike: tuple[Float[Array, ""], Int[Array, ""]]
    late: _OnTheirWay | None
    position: Int[Array, ""]
    total: Int[Array, ""]
    place: Int[Array, ""]
    log: tuple[Any, ...]
    is_over: Bool[Array, ""]


class _Capacity(NamedTuple):
    spikes: int
    events: int


@eqx.filter_custom_jvp
def run(
    dynamics: AbstractDynamics,
    initial: State,
    arrivals: Arrivals,
    groups: TargetGroups,
    duration: Float[Array, ""],
    *,
    capacity: int,
    max_events: int,
) -> EventLog:
    """Simulate one trial.

    Simultaneous events are taken arrivals of inputs first, then of spikes, both in their order, then neurons by index.

    Args:
        dynamics: The neurons.
        initial: Their state at the start.
        arrivals: Of inputs.
        groups: The connections.
        duration: The trial end.
        capacity: How many spikes can be on their way; those beyond it are counted, but do not arrive.
        max_events: How many events are logged; those beyond it are counted only.

    Differentiation:
        Forward and reverse mode. The end of the trial does not move.
    """
    arrays, static = eqx.partition(dynamics, eqx.is_array)
    structure, sizes = jax.tree.structure(initial), _Capacity(capacity, max_events)
    arrivals = Arrivals(jnp.append(arrivals.times, duration), jnp.append(arrivals.groups, 0))
    # all arrays are arguments, since trials of a batch may differ in any of them
    arguments = arrays, initial, arrivals, groups, duration
    begin, step = partial(_begin, static, sizes), partial(_next_event, static, structure, sizes)
    found = batched_while_loop(begin, step, lambda carry: carry.is_over, arguments)
    end, last = unpack_state(structure, found.rows)
    when, group, cause, rows = (kept[:-1] for kept in found.log)
    states, since = unpack_state(structure, jnp.moveaxis(rows, 1, -1))
    return EventLog(when, group, cause, since, states, found.total, last, end)


def _begin(static: Any, sizes: _Capacity, arguments: tuple) -> _Carry:
    arrays, initial, _, groups, duration = arguments
    nothing = jnp.zeros(jax.tree.leaves(initial)[0].shape[0], duration.dtype)
    rows, entries = pack_state(initial, nothing), sizes.events + 1
    log = (
        jnp.zeros(entries, duration.dtype),
        jnp.full(entries, groups.targets.shape[0] - 1, jnp.int32),
        jnp.zeros(entries, jnp.int32),
        # some state, of which derivatives are numbers
        jnp.broadcast_to(rows[0][:, None], (entries, rows.shape[1], groups.targets.shape[1])),
    )
    wait = eqx.combine(arrays, static).time_to_spike(initial, nothing, jnp.full_like(nothing, duration))
    queue, late = PriorityQueue.of(jnp.maximum(wait, 0.0)), None
    if groups.num_late:
        nowhere, never = jnp.zeros(sizes.spikes, jnp.int32), jnp.full(sizes.spikes, jnp.inf, duration.dtype)
        late = _first_to_arrive(PriorityQueue.of(never), nowhere, never)
    zero = jnp.array(0, jnp.int32)
    return _Carry(rows, queue, queue.first(), late, zero, zero, zero, log, jnp.array(False))


def _first_to_arrive(queue: PriorityQueue, place: Array, sent: Array) -> _OnTheirWay:
    arrival, spike = queue.first()
    return _OnTheirWay(queue, place, sent, arrival, spike, place[spike], sent[spike])


def _next_event(static: Any, structure: Any, sizes: _Capacity, arguments: tuple, carry: _Carry) -> _Carry:
    """Go to the next event, and advance the neurons that it reaches."""
    arrays, _, arrivals, groups, duration = arguments
    (when, neuron), late, position = carry.next_spike, carry.late, carry.position
    come = arrivals.times[position]
    first = come if late is None else jnp.minimum(come, late.arrival)
    # when nothing comes any more the log must not hold infinity: derivatives would multiply it by zero
    now = jnp.minimum(jnp.minimum(when, first), duration)
    is_over = ~(now < duration) | (carry.place >= sizes.events + MOST_BEYOND)
    is_spike, is_input = ~is_over & (when < first), ~is_over & ~(when < first) & (come <= first)
    is_late = ~is_over & ~is_spike & ~is_input
    group = jnp.where(is_spike, neuron, jnp.where(is_input, arrivals.groups[position], groups.targets.shape[0] - 1))
    cause = jnp.where(is_spike, carry.total, position)
    if late is not None:
        group = jnp.where(is_late, groups.first_late + late.at, group)
        cause = jnp.where(is_late, late.spike, cause)

    targets = groups.targets[group]
    rows, own = of_neurons((carry.rows, eqx.filter(arrays, jnp.ndim)), targets)
    state, since = unpack_state(structure, rows)
    dynamics = eqx.combine(own, arrays, static)
    jump = {route: each[group] for route, each in groups.weights.items()}
    after = after_event(dynamics, state, now - since, is_spike & (jnp.arange(len(targets)) == 0), jump)
    # rounding may put a spike just before this instant: time never runs backwards
    wait = jnp.maximum(dynamics.time_to_spike(after, jnp.zeros_like(since), duration - now[None]), 0.0)

    entry = now, group.astype(jnp.int32), cause.astype(jnp.int32), rows.T
    # what does not fit is put where it will be cut off
    log = jax.tree.map(lambda kept, new: set_row(kept, jnp.minimum(carry.place, sizes.events), new), carry.log, entry)
    queue = carry.queue.updated(targets, now + wait)
    if late is not None:
        late = _travelled(groups, sizes, late, (is_spike, is_late), (carry.total, neuron, now))
    rows = carry.rows.at[targets].set(pack_state(after, jnp.full_like(since, now)), mode="drop")
    return _Carry(
        rows, queue, queue.first(), late, position + is_input, carry.total + is_spike, carry.place + ~is_over, log,
        is_over,
    )  # fmt: skip


def _travelled(groups: TargetGroups, sizes: _Capacity, late: _OnTheirWay, event: tuple, spike: tuple) -> _OnTheirWay:
    """Send a new spike on its way, or one that has arrived on to its next group."""
    (is_spike, is_late), (number, neuron, now) = event, spike
    nobody = sizes.spikes
    number = jnp.where(is_spike & (number < nobody), number, jnp.where(is_late, late.spike, nobody))
    place = jnp.where(is_spike, neuron * groups.num_late, late.at + 1).astype(jnp.int32)
    left = jnp.where(is_spike, now, late.left)
    # with one more that is passed over, as groups have at least two targets
    entries = jnp.stack([jnp.where(number < nobody, number, OUT_OF_RANGE), OUT_OF_RANGE])
    queue = late.queue.updated(entries, jnp.full(2, left + groups.delays.ravel()[place]))
    places = late.place.at[number].set(place, mode="drop")
    return _first_to_arrive(queue, places, late.sent.at[number].set(left, mode="drop"))


@run.def_jvp
def _run_jvp(primals: tuple, tangents: tuple, *, capacity: int, max_events: int) -> tuple[EventLog, EventLog]:
    log = run(*primals, capacity=capacity, max_events=max_events)
    return log, propagate_tangents(log, primals, tangents, capacity)


def batched_while_loop(
    begin: Callable[[Any], Any],
    step: Callable[[Any, Any], Any],
    is_over: Callable[[Any], Bool[Array, ""]],
    arguments: Any,
) -> Any:
    """Repeat a step until it is over, for the trials of a batch together.

    `jax.vmap` of a while loop copies all that the loop carries in every step, to keep it for the trials that are over.
    Here, for one level of trials, nothing is copied: a step changes nothing once its trial is over.

    Args:
        begin: Makes the carry from the arguments.
        step: Makes the next carry from the arguments and the carry; once it is over, only what nobody reads may change.
        is_over: Tells from the carry whether the trial is over.
        arguments: A PyTree of all arrays that the functions need.
    """

    @jax.custom_batching.custom_vmap
    def alone(arguments: Any) -> Any:
        return jax.lax.while_loop(lambda carry: ~is_over(carry), lambda carry: step(arguments, carry), begin(arguments))

    @alone.def_vmap
    def several(size: int, is_mapped: list[Any], arguments: Any) -> tuple[Any, Any]:
        axes = jax.tree.map(lambda mapped: 0 if mapped else None, is_mapped[0])
        start = jax.vmap(begin, (axes,), axis_size=size)(arguments)
        stepped = jax.vmap(step, (axes, 0), axis_size=size)
        end = jax.lax.while_loop(lambda carry: ~is_over(carry).all(), lambda carry: stepped(arguments, carry), start)
        return end, jax.tree.map(lambda _: True, end)

    return alone(arguments)
