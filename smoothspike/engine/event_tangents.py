"""Derivatives of the event loop: a linear recursion along the log, whose transpose is the adjoint.

The coefficients are computed from the logged states, for a segment of events side by side; reverse mode computes them
again, so that memory grows with the log alone.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..neurons import AbstractDynamics
from ..neurons.event import InterEventInterval, Tangents, event_jacobian, spike_time_jacobian, tangent_coordinates
from ..neurons.interface import from_tangent_coordinates
from .connections import OUT_OF_RANGE
from .event_log import EventLog, of_neurons, pack_state, unpack_state


class _Events(NamedTuple):
    """Logged events, and the tangents of what each brings.

    Attributes:
        log: Times, groups, causes and states before them.
        is_late: Which are arrivals of spikes.
        targets: Whom they reach.
        shift: Tangents of when they come, as far as the recursion does not carry it: of inputs and delays.
        jumps: What they add to each target, for every route.
        jump_tangents: The tangents of these.
    """

    log: EventLog
    is_late: Array
    targets: Array
    shift: Array
    jumps: dict[str, Array]
    jump_tangents: dict[str, Array | None]


def propagate_tangents(log: EventLog, primals: tuple, tangents: tuple, capacity: int) -> EventLog:
    """Return the tangent of a log, given those of all arguments of `event_loop.run`."""
    dynamics, initial, _, groups, duration = primals
    dynamics_tangents, initial_tangents, *_ = tangents
    max_events = log.times.shape[0]
    events = _events(log, primals, tangents)

    def follow(carry, events):
        return _segment(dynamics, dynamics_tangents, duration, carry, events)

    def skip(carry, events):
        log = events.log
        nothing = tangent_coordinates(log.states, jax.tree.map(jnp.zeros_like, log.states))
        return carry, (jnp.zeros_like(log.times), jnp.zeros_like(log.since), nothing)

    @partial(jax.checkpoint, prevent_cse=False)
    def each(carry, events):
        return jax.lax.cond(events.log.groups[0] < groups.targets.shape[0] - 1, follow, skip, carry, events)

    length = max(1, round(max_events**0.5))
    # the padding of the last segment must not look like events
    fills = groups.targets.shape[0] - 1, OUT_OF_RANGE
    segments = jax.tree.map(lambda leaf: _cut(leaf, length), events)
    segments = segments._replace(
        log=segments.log._replace(groups=_cut(log.groups, length, fills[0])),
        targets=_cut(events.targets, length, fills[1]),
    )
    start = tangent_coordinates(initial, initial_tangents)
    sent = jnp.zeros(capacity, log.times.dtype) if groups.num_late else None
    carry = pack_state(start, jnp.zeros_like(log.last)), sent
    (rows, _), (when, since, states) = jax.lax.scan(each, carry, segments)
    end, last = unpack_state(jax.tree.structure(start), rows)
    when, since, states = jax.tree.map(
        lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[:max_events], (when, since, states)
    )
    states = from_tangent_coordinates(log.states, states)
    end = from_tangent_coordinates(log.end, end)
    return EventLog(when, None, None, since, states, None, last, end)  # pyright: ignore[reportArgumentType]


def _events(log: EventLog, primals: tuple, tangents: tuple) -> _Events:
    _, _, arrivals, groups, _ = primals
    _, _, arrival_tangents, group_tangents, _ = tangents
    size, first_late = log.last.shape[0], groups.first_late
    is_input = (log.groups >= size) & (log.groups < first_late)
    is_late = (log.groups >= first_late) & (log.groups < groups.targets.shape[0] - 1)
    shift = jnp.zeros_like(log.times)
    if arrival_tangents.times is not None and arrivals.times.size:
        shift = jnp.where(is_input, arrival_tangents.times[jnp.where(is_input, log.causes, 0)], shift)
    if group_tangents.delays is not None and groups.delays.size:
        place = jnp.where(is_late, log.groups - first_late, 0)
        shift = jnp.where(is_late, group_tangents.delays.ravel()[place], shift)
    # whole tables of tangents must not be carried through the segments
    jumps = {route: each[log.groups] for route, each in groups.weights.items()}
    jump_tangents = jax.tree.map(lambda each: each[log.groups], group_tangents.weights)
    rest: Any = dict.fromkeys(("total", "last", "end"))
    return _Events(log._replace(**rest), is_late, groups.targets[log.groups], shift, jumps, jump_tangents)


def _segment(
    dynamics: AbstractDynamics,
    dynamics_tangents: Tangents,
    duration: Float[Array, ""],
    carry: tuple[Array, Array | None],
    events: _Events,
) -> Any:
    """Propagate tangents of states, of when these hold, and of when spikes set out, through a segment of events."""
    log, is_late, targets, shift, jumps, jump_tangents = events
    is_spike = log.groups < carry[0].shape[0]
    own = is_spike[:, None] & (jnp.arange(targets.shape[1]) == 0)
    some, some_tangents = (of_neurons(tree, targets) for tree in (dynamics, dynamics_tangents))
    interval = InterEventInterval(log.times[:, None] - log.since, own)
    jacobian = event_jacobian(some, some_tangents, log.states, interval, jumps, jump_tangents)
    alone, alone_tangents = (of_neurons(tree, targets[:, 0]) for tree in (dynamics, dynamics_tangents))
    own_states = jax.tree.map(lambda leaf: leaf[:, 0], log.states)
    by_state, forced = spike_time_jacobian(alone, alone_tangents, own_states, jnp.full_like(log.times, duration))
    by_state = [jnp.where(is_spike, column, 0.0) for column in by_state]
    shift = jnp.where(is_spike, forced, shift)

    def step(carry, event):
        rows, sent = carry
        jacobian, by_state, shift, is_spike, is_late, targets, cause = event
        gathered = rows.at[targets].get(mode="clip")
        *before, since = gathered.T
        when = shift + is_spike * since[0] + sum(by * leaf[0] for by, leaf in zip(by_state, before, strict=True))
        if sent is not None:
            when += is_late * sent.at[cause].get(mode="clip")
            sent = sent.at[cause].add(is_spike * when, mode="drop")
        after = jacobian.moved(before, when - since)
        # adding the change, not setting the value, has a transpose as cheap as itself
        change = pack_state(after, jnp.broadcast_to(when, since.shape)) - gathered
        return (rows.at[targets].add(change, mode="drop"), sent), (when, since, before)

    flags = (each.astype(shift.dtype) for each in (is_spike, is_late))
    carry, (when, since, before) = jax.lax.scan(step, carry, (jacobian, by_state, shift, *flags, targets, log.causes))
    structure = jax.tree.structure(tangent_coordinates(log.states, log.states))
    return carry, (when, since, jax.tree.unflatten(structure, before))


def _cut(leaf: Array, length: int, fill: int | None = None) -> Array:
    """Cut rows into segments of one length; the last is filled up, with its last row if nothing is given."""
    how: Any = {"mode": "edge"} if fill is None else {"constant_values": fill}
    padded = jnp.pad(leaf, ((0, -leaf.shape[0] % length), *((0, 0),) * (leaf.ndim - 1)), **how)
    return padded.reshape(-1, length, *leaf.shape[1:])
