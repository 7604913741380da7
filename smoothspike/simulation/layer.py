"""A layer without recurrent connections: all neurons at once over the sorted input events."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..dynamics import AbstractDynamics, State
from .events import Drive, Population, Trajectory, caught_spikes, collect, gathered
from .passage import Inputs, carried, shape_for, visited

#: Up to this many spikes of a neuron are caught on the way; more are searched for afterwards, which takes longer.
_MOST_CAUGHT = 8
#: The same where a search would have to keep the states at many inputs.
_MOST_CAUGHT_OF_MANY = 32


class Capacity(NamedTuple):
    """How many spikes there is room for.

    Attributes:
        total: Spikes of a whole population.
        busiest: Spikes of any one neuron.
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
    shape = shape_for(drive.times.shape[0] + 1)
    # the trial end is an input that adds nothing, and so is what is missing to a full piece
    padding = shape.total - drive.times.shape[0]
    ends = jnp.concatenate([drive.times, jnp.broadcast_to(duration, padding)], dtype=drive.times.dtype)
    times = jnp.concatenate([jnp.zeros(1, ends.dtype), ends])
    lengths = jnp.diff(times)
    inputs = Inputs(lengths, *_with_padding(drive, padding))
    course = visited(dynamics, initial, inputs)
    states = dynamics.settled(course.states)
    if capacity.busiest <= (_MOST_CAUGHT if shape.keeps_all else _MOST_CAUGHT_OF_MANY):
        path = carried(dynamics, initial, inputs, capacity.busiest, shape)
        spikes = caught_spikes(dynamics, times, path.caught, path.place, path.spiked, capacity.total)
        end, spiked = path.end, path.spiked
    else:
        end, spiked = course.end, course.upto[-1]
        spikes = collect(dynamics, times[:-1, None], lengths[:, None], states, course.upto, capacity.total)
    # the states on the way are not worked out where nobody asks for them
    return Population(spikes, Trajectory(times[:-1, None], states, end), spiked.sum(), spiked.max(initial=0))


def _with_padding(drive: Drive, padding: int) -> tuple[dict[str, Array], Int[Array, " stretches"]]:
    """Give padding a source of its own that adds nothing: cheaper than to ask of each input whether it counts."""
    columns = {route: jnp.concatenate([rows, jnp.zeros_like(rows[:1])]) for route, rows in drive.columns.items()}
    last = max((rows.shape[0] for rows in drive.columns.values()), default=0)
    sources = jnp.where(drive.is_input, drive.sources, last)
    return columns, jnp.pad(sources, (0, padding), constant_values=last)


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
