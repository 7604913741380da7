"""Running a network of any kind: batches, and the room that its spikes need."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from .arguments import CapacityLike, States, given_capacities, valid, valid_delays
from .capacity import FAILED, checked, fitting, is_known, with_room
from .pseudospikes import Pseudospikes
from .recording import Recording
from .simulation import Capacity, Population
from .spikes import Spikes


@eqx.filter_jit
def _simulate(
    network: Any, spikes: Spikes, states: States, capacities: tuple[Capacity, ...]
) -> tuple[Recording, Int[Array, "*batch layers 2"]]:
    """Run a network on a batch of any shape; report what capacity it needed."""
    *batch, events = spikes.times.shape
    if len(batch) <= 1:
        return network._trials(spikes, states, capacities)
    flat = Spikes(spikes.times.reshape(-1, events), spikes.sources.reshape(-1, events))
    found = network._trials(flat, states, capacities)
    return jax.tree.map(lambda leaf: leaf.reshape(*batch, *leaf.shape[1:]), found)


def simulate(
    network: Any, spikes: Spikes, capacities: tuple[Capacity, ...]
) -> tuple[Recording, Int[Array, "*batch layers 2"]]:
    """Run a network without raising where spikes do not fit; return how much room each layer needed, too.

    For loops such as `fit` that grow the capacity themselves. Where more was needed than given, the recording lacks
    spikes and must not be used.
    """
    return _simulate(network, valid_delays(network._delays, spikes), network._states(None), capacities)


def run(
    network: Any,
    spikes: Spikes,
    states: States,
    capacities: tuple[Capacity, ...],
    names: Sequence[str],
) -> Recording:
    """Run a network on checked inputs, with more room where that is needed and can be."""
    spikes = valid_delays(network._delays, valid(spikes, network.sizes[0]))
    if not is_known(network, spikes, states):
        recording, needed = _simulate(network, spikes, states, capacities)
        # checking the spikes alone leaves states that nobody asks for out of the computation
        spikes_out = checked(_spikes(recording), capacities, needed.reshape(-1, len(capacities), 2), names)
        return eqx.tree_at(_spikes, recording, spikes_out)
    return with_room(lambda room: _simulate(network, spikes, states, room), capacities)[0]


def _spikes(recording: Recording) -> tuple[Any, ...]:
    """All that a recording says of ordinary spikes."""
    return recording.spikes, *(layer.by_neuron for layer in recording.layers if layer.by_neuron is not None)


def capacity_for(network: Any, spikes: Spikes) -> tuple[Capacity, ...]:
    """Return how much room these inputs need, and a quarter more."""
    spikes = valid(spikes, network.sizes[0])
    return fitting(with_room(lambda room: simulate(network, spikes, room), network.capacity)[2])


def with_capacity(network: Any, capacity: CapacityLike | Spikes) -> Any:
    """Return a copy with another capacity, given or measured."""
    chosen = capacity_for(network, capacity) if isinstance(capacity, Spikes) else capacity
    copy = object.__new__(type(network))
    for field in dataclasses.fields(network):
        object.__setattr__(copy, field.name, getattr(network, field.name))
    object.__setattr__(copy, "capacity", given_capacities(chosen, network.sizes[1:]))
    return copy


def needed_room(population: Population, pseudospikes: Pseudospikes) -> Int[Array, "2"]:
    """How much room a population needs, or FAILED where a solver gave up."""
    needed = jnp.stack([population.total, population.busiest]).astype(jnp.int32)
    lost = jnp.isnan(pseudospikes.first).any() | jnp.isnan(pseudospikes.period).any()
    return jnp.where(population.went_wrong | lost, FAILED, needed)
