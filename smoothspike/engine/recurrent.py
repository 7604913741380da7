"""A recurrent population, event by event: all neurons at once where all are connected, else those that are reached."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..neurons import AbstractDynamics, State
from ..spikes import Spikes
from . import delayed, dense, sparse
from .connections import Connections, listed
from .events import Population, Trajectory, not_after
from .sorted_connections import ordered_by_delay, room_for
from .sparse_trajectory import Visits

Weights = dict[str, Float[Array, "neurons sources"]]


def simulate_recurrent(
    dynamics: AbstractDynamics,
    initial: State,
    spikes: Spikes,
    inputs: Weights | Connections,
    recurrent: Weights | Connections,
    duration: Float[Array, ""],
    capacity: int,
    *,
    input_delays: Float[Array, "*shape"] | None = None,
    recurrent_delays: Float[Array, "*shape"] | None = None,
) -> Population:
    """Simulate a population whose spikes act on itself, in one trial.

    Simultaneous events are taken inputs first, then neurons in the order of their index. With matrices an event costs
    as much as there are neurons, with `Connections` as much as it has targets, and with delays every arrival is an
    event. Delays of matrices are given beside them, those of lists are with these.
    """
    times, sources = _coming(spikes, duration)
    given = (inputs, input_delays), (recurrent, recurrent_delays)
    if any(delays is not None or (isinstance(each, Connections) and each.delays is not None) for each, delays in given):
        entering, own = (listed(each, delays) for each, delays in given)
        return _late(dynamics, initial, times, sources, entering, own, duration, capacity)
    if isinstance(recurrent, Connections):
        return _few(dynamics, initial, times, sources, listed(inputs), recurrent, duration, capacity)
    if isinstance(inputs, Connections):
        size = jax.tree.leaves(initial)[0].shape[0]
        inputs = {route: matrix.todense() for route, matrix in inputs.matrices(size).items()}
    return _all(dynamics, initial, times, sources, inputs, recurrent, duration, capacity)


def count_late_spikes(
    dynamics: AbstractDynamics,
    initial: State,
    spikes: Spikes,
    inputs: Connections,
    recurrent: Connections,
    duration: Float[Array, ""],
    capacity: int,
) -> Int[Array, ""]:
    """Count the spikes of a population with delays, without a record: spikes beyond the capacity do not arrive."""
    times, sources = _coming(spikes, duration)
    return _late_log(dynamics, initial, times, sources, inputs, recurrent, duration, capacity, 1).total


def _coming(spikes: Spikes, duration: Float[Array, ""]) -> tuple[Float[Array, " inputs"], Int[Array, " inputs"]]:
    """Return when inputs come, ascending, and from where; those after the end are padding."""
    ordered = spikes.sorted()
    is_input = ordered.times < duration
    times = jnp.where(is_input, not_after(ordered.times, duration), duration)
    return times, jnp.where(is_input, ordered.sources, 0)


def _all(
    dynamics: AbstractDynamics,
    initial: State,
    times: Float[Array, " inputs"],
    sources: Int[Array, " inputs"],
    inputs: Weights,
    recurrent: Weights,
    duration: Float[Array, ""],
    capacity: int,
) -> Population:
    size = jax.tree.leaves(initial)[0].shape[0]
    table = {route: jnp.concatenate([matrix.T, inputs[route].T]) for route, matrix in recurrent.items()}
    shape = dense.room_for(capacity + times.shape[0])
    course = dense.run(dynamics, initial, times, table, sources, duration, shape=shape)
    end = dynamics.flow(course.end, duration - course.last)
    starts, states = dense.stretches(dynamics, course, table, sources)
    found = _spikes(course.times.ravel(), course.which.ravel(), size, capacity)
    busiest = found.counts(size).max(initial=0)
    return Population(found, Trajectory(starts[:, None], states, end), course.total, busiest)


def _few(
    dynamics: AbstractDynamics,
    initial: State,
    times: Float[Array, " inputs"],
    sources: Int[Array, " inputs"],
    inputs: Connections,
    recurrent: Connections,
    duration: Float[Array, ""],
    capacity: int,
) -> Population:
    size = jax.tree.leaves(initial)[0].shape[0]
    (targets, weights), pieces = sparse.split(recurrent, inputs)
    kinds = (size + sources[:, None] * pieces + jnp.arange(pieces)).ravel()
    times = jnp.repeat(times, pieces)
    room = capacity + times.shape[0]
    log = sparse.run(dynamics, initial, times, weights, targets, kinds, duration, room=room)
    end = dynamics.flow(log.end, duration - log.last)
    found = _spikes(log.times, log.which, size, capacity)
    visits = Visits(log.times, log.targets, log.since, log.states, log.last, log.end, end)
    return Population(found, visits, log.total, found.counts(size).max(initial=0))


def _late(
    dynamics: AbstractDynamics,
    initial: State,
    times: Float[Array, " inputs"],
    sources: Int[Array, " inputs"],
    inputs: Connections,
    recurrent: Connections,
    duration: Float[Array, ""],
    capacity: int,
) -> Population:
    size, num_inputs = jax.tree.leaves(initial)[0].shape[0], times.shape[0]
    room = room_for(recurrent, inputs, num_inputs, capacity)
    log = _late_log(dynamics, initial, times, sources, inputs, recurrent, duration, capacity, room)
    found = Spikes(log.sent[num_inputs:], log.neurons)
    states = jax.tree.map(lambda leaf: leaf[:, None], log.states)
    end = dynamics.flow(log.end, duration - log.last)
    visits = Visits(log.times, log.targets[:, None], log.since[:, None], states, log.last, log.end, end)
    return Population(found, visits, log.total, found.counts(size).max(initial=0))


def _late_log(
    dynamics: AbstractDynamics,
    initial: State,
    times: Float[Array, " inputs"],
    sources: Int[Array, " inputs"],
    inputs: Connections,
    recurrent: Connections,
    duration: Float[Array, ""],
    capacity: int,
    room: int,
) -> delayed.Log:
    size = jax.tree.leaves(initial)[0].shape[0]
    targets, delays, weights, first = ordered_by_delay(recurrent, inputs, times.dtype)
    return delayed.run(
        dynamics, initial, times, weights, delays, (targets, first), size + sources, duration,
        capacity=capacity, room=room,
    )  # fmt: skip


def _spikes(times: Float[Array, " events"], which: Int[Array, " events"], size: int, capacity: int) -> Spikes:
    is_spike = (which >= 0) & (which < size)
    order = jnp.argsort(~is_spike, stable=True)[:capacity]
    kept = is_spike[order]
    return Spikes(jnp.where(kept, times[order], jnp.inf), jnp.where(kept, which[order], 0))
