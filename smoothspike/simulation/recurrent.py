"""A recurrent population, event by event: first which events there are, then the same events differentiably.

Finding the order of events needs no derivatives and stops when the trial is over. Once it is known, the weights that
each event applies can be gathered outside the loop, so the reverse pass never carries a weight matrix through it.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Bool, Float, Int

from ..dynamics import AbstractDynamics, State
from ..numerics.elementwise import not_below
from ..spikes import Spikes
from .events import Drive, Population, Trajectory

Weights = dict[str, Float[Array, "neurons sources"]]


class _Order(NamedTuple):
    """Which events happen, in order: inputs by their position, spikes by their neuron; unused places are neither."""

    is_spike: Bool[Array, " events"]
    is_input: Bool[Array, " events"]
    which: Int[Array, " events"]
    total: Int[Array, ""]


def simulate_recurrent(
    dynamics: AbstractDynamics,
    initial: State,
    drive: Drive,
    recurrent: Weights,
    duration: Float[Array, ""],
    capacity: int,
) -> Population:
    """Simulate a population whose spikes act on itself, in one trial.

    Simultaneous events are taken inputs first, then neurons in the order of their index.
    """
    order = stop_gradient(_find_order(*stop_gradient((dynamics, initial, drive, recurrent, duration)), capacity))
    jumps = {
        route: jnp.where(order.is_spike[:, None], matrix.T[jnp.where(order.is_spike, order.which, 0)], 0.0)
        + _inputs(drive.weights[route], order)
        for route, matrix in recurrent.items()
    }
    times = jnp.append(drive.times, duration)
    targets = jnp.where(order.is_spike | ~order.is_input, drive.times.shape[0], order.which)
    ends = jnp.where(order.is_input | order.is_spike, times[targets], duration)
    neurons = jnp.arange(jax.tree.leaves(initial)[0].shape[0])

    def step(carry, event):
        state, now = carry
        is_spike, index, until, jump = event
        wait = _ahead(dynamics.time_to_spike(state, jnp.zeros_like(now), until - now))[jnp.where(is_spike, index, 0)]
        length = jnp.where(is_spike, jnp.where(is_spike, wait, 0.0), until - now)
        at = dynamics.flow(state, length)
        own = is_spike & (neurons == index)
        after = jax.tree.map(lambda a, b: jnp.where(own, a, b), dynamics.reset(at), at)
        then = now + length
        return (dynamics.jump(after, jump), then), (state, now, then)

    start = (initial, jnp.zeros((), drive.times.dtype))
    (state, now), (states, starts, then) = jax.lax.scan(step, start, (order.is_spike, order.which, ends, jumps))
    end = dynamics.flow(state, duration - now)
    states = jax.tree.map(lambda a, b: jnp.concatenate([a, b[None]]), states, state)
    trajectory = Trajectory(jnp.append(starts, now)[:, None], states, end)
    order_of_spikes = jnp.argsort(~order.is_spike, stable=True)[:capacity]
    kept = order.is_spike[order_of_spikes]
    spikes = Spikes(jnp.where(kept, then[order_of_spikes], jnp.inf), jnp.where(kept, order.which[order_of_spikes], 0))
    return Population(spikes, trajectory, order.total, spikes.counts(neurons.shape[0]).max(initial=0))


def _ahead(wait: Float[Array, " neurons"]) -> Float[Array, " neurons"]:
    """Move a spike that rounding puts just before this instant to it: time never runs backwards."""
    return not_below(wait, jnp.zeros_like(wait))


def _inputs(weights: Float[Array, "events neurons"], order: _Order) -> Float[Array, "steps neurons"]:
    if not weights.shape[0]:
        return jnp.zeros((order.which.shape[0], weights.shape[1]), weights.dtype)
    return jnp.where(order.is_input[:, None], weights[jnp.where(order.is_input, order.which, 0)], 0.0)


def _find_order(
    dynamics: AbstractDynamics,
    initial: State,
    drive: Drive,
    recurrent: Weights,
    duration: Float[Array, ""],
    capacity: int,
) -> _Order:
    num_inputs = drive.times.shape[0]
    steps = num_inputs + capacity
    times = jnp.append(drive.times, duration)
    neurons = jnp.arange(jax.tree.leaves(initial)[0].shape[0])
    padded = {route: jnp.pad(weights, ((0, 1), (0, 0))) for route, weights in drive.weights.items()}

    def go_on(carry):
        return ~carry[-1]

    def step(carry):
        state, now, position, place, spikes, is_input, index, over = carry
        until = times[position]
        wait = _ahead(dynamics.time_to_spike(state, jnp.zeros_like(now), until - now))
        first = jnp.argmin(wait).astype(jnp.int32)
        spiking = wait[first] < until - now
        length = jnp.where(spiking, wait[first], until - now)
        over = ~spiking & (until >= duration)
        at = dynamics.flow(state, length)
        own = spiking & (neurons == first)
        after = jax.tree.map(lambda a, b: jnp.where(own, a, b), dynamics.reset(at), at)
        jump = {
            route: jnp.where(spiking, matrix[:, first], padded[route][position]) for route, matrix in recurrent.items()
        }
        # events beyond the capacity are counted, not stored
        stored = jnp.where(over, steps, place)
        return (
            dynamics.jump(after, jump),
            now + length,
            position + (~spiking & ~over),
            place + ~over,
            spikes.at[stored].set(spiking, mode="drop"),
            is_input.at[stored].set(~spiking, mode="drop"),
            index.at[stored].set(jnp.where(spiking, first, position), mode="drop"),
            over,
        )

    none = jnp.zeros(steps, bool)
    start = (
        initial, jnp.zeros((), drive.times.dtype), jnp.zeros((), jnp.int32), jnp.zeros((), jnp.int32), none, none,
        jnp.zeros(steps, jnp.int32), jnp.asarray(False),
    )  # fmt: skip
    _, _, position, place, spikes, is_input, index, _ = jax.lax.while_loop(go_on, step, start)
    return _Order(spikes, is_input, index, place - position)
