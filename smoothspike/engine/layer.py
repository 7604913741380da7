"""A layer without recurrent connections: all neurons at once over the sorted input events."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..neurons import AbstractDynamics, AbstractReadoutDynamics, State, until_spike
from ..neurons.vectorised import Inputs
from .events import Capacity, Drive, Population, Trajectory, collect, gathered, ordered, spike_times
from .layer_scan import is_fused, scan_inputs
from .readout import simulate_readout
from .rematerialisation import Segments, best_at_once, segments_for

#: Up to this many spikes of a neuron are caught on the way; more are searched for afterwards, which takes longer.
_MOST_CAUGHT = 8
#: The same where a search would have to keep the states at many inputs.
_MOST_CAUGHT_OF_MANY = 32
#: Up to this many resets of a neuron are made on the way from input to input, whose price in derivatives is theirs.
_MOST_RESETS = 64
#: The most spikes of a neuron for which capacity grows automatically: with more, a weight is too large.
MOST_COUNTED = 2**17


def simulate_layer(
    dynamics: AbstractDynamics, initial: State, drive: Drive, duration: Float[Array, ""], capacity: Capacity
) -> Population:
    """Simulate the neurons of a layer in one trial, or in a batch of trials with one leading axis of the drive.

    Neurons that can pass through spikes go from input to input, and their spikes are counted on the way and solved for
    afterwards, all together. Other neurons go from their own next event to the one after it.
    """
    if isinstance(dynamics, AbstractReadoutDynamics):
        return simulate_readout(dynamics, initial, drive, duration)
    if dynamics.resets_by_flow or (dynamics.passes_spikes and capacity.per_neuron <= _MOST_RESETS):
        return _from_input_to_input(dynamics, initial, drive, duration, capacity)
    run = partial(_from_event_to_event, dynamics, initial, duration, capacity)
    return jax.vmap(run, (drive.axes,))(drive) if drive.times.ndim > 1 else run(drive)


def _from_input_to_input(
    dynamics: AbstractDynamics, initial: State, drive: Drive, duration: Float[Array, ""], capacity: Capacity
) -> Population:
    # all trials together, and innermost, as there are more of them than neurons in a small layer
    *batch, num_inputs = drive.times.shape
    segments = segments_for(num_inputs + 1, best_at_once(dynamics, jax.tree.leaves(initial)[0], math.prod(batch)))
    # the trial end is an input that adds nothing, and so is what is missing to a full segment
    padding = segments.total - num_inputs
    coming = jnp.moveaxis(drive.times, -1, 0)
    ends = jnp.concatenate([coming, jnp.broadcast_to(duration, (padding, *batch))], dtype=coming.dtype)
    times = jnp.pad(ends, [(1, 0)] + [(0, 0)] * len(batch))
    inputs = Inputs(jnp.diff(times, axis=0), *_with_padding(drive, padding))
    neurons = jax.tree.map(lambda leaf: leaf[:, None] if batch and jnp.ndim(leaf) else leaf, dynamics)
    initial = jax.tree.map(
        lambda leaf: jnp.broadcast_to(leaf.reshape(-1, *(1,) * len(batch)), (leaf.size, *batch)), initial
    )
    # all states, which are not computed where nobody asks for them; of resets derivatives must know
    noted = capacity._replace(per_neuron=0) if dynamics.resets_by_flow else capacity
    every = scan_inputs(neurons, initial, inputs, noted, Segments(1, segments.total, keeps_all=True), keep=True)
    most = _MOST_CAUGHT if segments.keeps_all else _MOST_CAUGHT_OF_MANY
    if noted.per_neuron or capacity.per_neuron <= most or is_fused(dynamics, capacity):
        passage = scan_inputs(neurons, initial, inputs, capacity, segments)
        found = spike_times(neurons, times, passage.at_spikes, passage.place, passage.spiked, capacity.total)
        spikes = ordered(found, capacity.total)
        found = jnp.moveaxis(found, -1, 0) if batch else found
    else:
        passage, found = every, None
        solve = partial(collect, dynamics, capacity=capacity.total)
        spikes = _each_trial(solve, batch, -1, -1, -1)(times, every.states, every.upto)
    states, end, spiked = every.states, passage.end, passage.spiked
    states, end = jax.tree.map(lambda leaf: jnp.moveaxis(leaf, -1, 0) if batch else leaf, (states, end))
    trajectory = Trajectory(jnp.moveaxis(times, 0, -1)[..., :-1, None], states, end)
    return Population(spikes, trajectory, spiked.sum(0), spiked.max(0, initial=0), found)


def _each_trial(function: Callable[..., Any], batch: list[int], *axes: int) -> Callable[..., Any]:
    """Map a function over the trials of a batch, if there is one."""
    return jax.vmap(function, axes) if batch else function


def _with_padding(drive: Drive, padding: int) -> tuple[dict[str, Array], Int[Array, " inputs *batch"]]:
    """Give padding a source of its own that adds nothing: cheaper than to ask of each input whether it counts."""
    columns = {route: jnp.concatenate([rows, jnp.zeros_like(rows[:1])]) for route, rows in drive.columns.items()}
    last = max((rows.shape[0] for rows in drive.columns.values()), default=0)
    sources = jnp.moveaxis(jnp.where(drive.is_input, drive.sources, last), -1, 0)
    return columns, jnp.pad(sources, [(0, padding)] + [(0, 0)] * (sources.ndim - 1), constant_values=last)


def _from_event_to_event(
    dynamics: AbstractDynamics, initial: State, duration: Float[Array, ""], capacity: Capacity, drive: Drive
) -> Population:
    step, start = _own_events(dynamics, initial, duration, drive)
    steps = drive.times.shape[0] + capacity.per_neuron + 1
    (end, now, _), (states, starts, spike_times) = jax.lax.scan(step, start, length=steps)
    counts = jnp.isfinite(spike_times).sum(0)
    per_neuron = jnp.where((now < duration).any(), 2 * capacity.per_neuron + 1, counts.max(initial=0))
    spikes = gathered(spike_times, capacity.total)
    return Population(spikes, Trajectory(starts, states, end), counts.sum(), per_neuron)


def count_spikes(
    dynamics: AbstractDynamics, initial: State, drive: Drive, duration: Float[Array, ""]
) -> tuple[Int[Array, "*batch"], Int[Array, "*batch"]]:
    """Count the spikes of a layer, and of the neuron with most spikes; no capacity is needed.

    Neurons that go from event to event are counted until one has had more than `MOST_COUNTED` spikes.
    """
    if dynamics.passes_spikes:
        # the counts do not depend on the capacity, and nothing else is computed
        found = _from_input_to_input(dynamics, initial, drive, duration, Capacity(1, 1))
        return found.total, found.per_neuron
    run = partial(_counted, dynamics, initial, duration)
    counts = jax.vmap(run, (drive.axes,))(drive) if drive.times.ndim > 1 else run(drive)
    return counts.sum(-1), counts.max(-1, initial=0)


def _counted(
    dynamics: AbstractDynamics, initial: State, duration: Float[Array, ""], drive: Drive
) -> Int[Array, " neurons"]:
    step, start = _own_events(dynamics, initial, duration, drive)

    def is_under_way(looped: Any) -> Any:
        (_, now, _), counts = looped
        return (now < duration).any() & (counts.max(initial=0) <= MOST_COUNTED)

    def onwards(looped: Any) -> Any:
        carry, counts = looped
        carry, (_, _, spike) = step(carry, None)
        return carry, counts + jnp.isfinite(spike)

    return jax.lax.while_loop(is_under_way, onwards, (start, jnp.zeros_like(start[2])))[1]


def _own_events(
    dynamics: AbstractDynamics, initial: State, duration: Float[Array, ""], drive: Drive
) -> tuple[Callable[[Any, Any], Any], Any]:
    """Return a step that carries every neuron to its own next event, and where to begin."""
    size = jax.tree.leaves(initial)[0].shape[0]
    num_inputs = drive.times.shape[0]
    times = jnp.append(drive.times, duration)
    neurons = jnp.arange(size)

    def step(carry, _):
        state, now, position = carry
        left = times[position] - now
        wait, at = until_spike(dynamics, state, left)
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

    return step, (initial, jnp.zeros(size, drive.times.dtype), jnp.zeros(size, jnp.int32))
