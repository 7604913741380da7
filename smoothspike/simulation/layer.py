"""A layer without recurrent connections: all neurons at once over the sorted input events."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..dynamics import AbstractDynamics, State
from .events import Drive, Population, Trajectory, collect, gathered


class Capacity(NamedTuple):
    """How many spikes there is room for.

    Attributes:
        total: Spikes of a whole population.
        busiest: Spikes of any one neuron, for neurons that stop at their spikes.
    """

    total: int
    busiest: int


def simulate_layer(
    dynamics: AbstractDynamics, initial: State, drive: Drive, duration: Float[Array, ""], capacity: Capacity
) -> Population:
    """Simulate the neurons of a layer in one trial.

    Neurons whose flow passes through spikes go from input to input, and their spikes are counted on the way and
    solved for afterwards, all together. Other neurons go from their own next event to the one after it.
    """
    run = _from_input_to_input if dynamics.passes_spikes else _from_event_to_event
    return run(dynamics, initial, drive, duration, capacity)


def _from_input_to_input(
    dynamics: AbstractDynamics, initial: State, drive: Drive, duration: Float[Array, ""], capacity: Capacity
) -> Population:
    times = jnp.concatenate([jnp.zeros(1), drive.times, duration[None]], dtype=drive.times.dtype)
    lengths = jnp.diff(times)
    nothing = jax.tree.map(lambda weights: jnp.zeros((1, weights.shape[1]), weights.dtype), drive.weights)
    weights = jax.tree.map(lambda w, zero: jnp.concatenate([w, zero]), drive.weights, nothing)

    def step(state, inputs):
        length, jump = inputs
        end, count = dynamics.advance(state, length)
        return dynamics.jump(end, jump), (state, count)

    end, (states, counts) = jax.lax.scan(step, initial, (lengths, weights))
    starts, lengths = times[:-1, None], lengths[:, None]
    spikes = collect(dynamics, starts, lengths, states, counts, capacity.total)
    return Population(spikes, Trajectory(starts, states, end), counts.sum(), counts.sum(0).max(initial=0))


def _from_event_to_event(
    dynamics: AbstractDynamics, initial: State, drive: Drive, duration: Float[Array, ""], capacity: Capacity
) -> Population:
    size = jax.tree.leaves(initial)[0].shape[0]
    num_inputs = drive.times.shape[0]
    times = jnp.append(drive.times, duration)
    neurons = jnp.arange(size)

    def step(carry, _):
        state, now, position = carry
        left = times[position] - now
        wait, at = dynamics.until_spike(state, left)
        spikes = wait < left
        is_input = ~spikes & (position < num_inputs)
        jump = {
            route: jnp.where(is_input, weights[jnp.minimum(position, num_inputs - 1), neurons], 0.0)
            if num_inputs
            else jnp.zeros(size)
            for route, weights in drive.weights.items()
        }
        after = jax.tree.map(lambda a, b: jnp.where(spikes, a, b), dynamics.reset(at), dynamics.jump(at, jump))
        moved = (after, jnp.where(spikes, now + wait, times[position]), position + is_input)
        return moved, (state, now, jnp.where(spikes, now + wait, jnp.inf))

    start = (initial, jnp.zeros(size, drive.times.dtype), jnp.zeros(size, jnp.int32))
    steps = num_inputs + capacity.busiest + 1
    (end, now, _), (states, starts, spike_times) = jax.lax.scan(step, start, length=steps)
    counts = jnp.isfinite(spike_times).sum(0)
    busiest = jnp.where((now < duration).any(), 2 * capacity.busiest + 1, counts.max(initial=0))
    spikes = gathered(spike_times, capacity.total)
    return Population(spikes, Trajectory(starts, states, end), counts.sum(), busiest)
