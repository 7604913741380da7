"""Running a network of any kind: batches, and the room that its spikes need."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from .._checks import require_finite
from ..engine import Capacity, Population
from ..neurons import solver_failed
from ..spikes import Spikes
from ._arguments import CapacityLike, States, given_capacities, valid, valid_delays
from ._capacity import FAILED, Capacities, checked, fitting, gave_up, unless_lost, with_room
from ._weights import largest_weight
from .pseudospikes import Pseudospikes
from .recording import Recording

#: A weight beyond this is to blame where a solver gives up, in whatever units.
_ENORMOUS = 1e8


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


def is_constant(labels: Any, parameters: Any) -> bool:
    """Whether a network is a tree of labels or masks, called with the parameters that it labels.

    optax takes whatever can be called for a function from parameters to labels; a network that holds labels in place of
    numbers is then a function that always returns itself.
    """
    return isinstance(parameters, type(labels)) and any(
        isinstance(leaf, str | bool | int) for leaf in jax.tree.leaves(labels)
    )


def simulate(
    network: Any, spikes: Spikes, capacities: tuple[Capacity, ...]
) -> tuple[Recording, Int[Array, "*batch layers 2"]]:
    """Run a network without raising where spikes do not fit; return how much room each layer needed, too.

    For loops such as `fit` that grow the capacity themselves. Where more was needed than given, the recording lacks
    spikes and must not be used.
    """
    found = _simulate(network, valid_delays(network._delays, spikes), network._states(None), capacities)
    return found[0], _with_failures(*found)


def _with_failures(recording: Recording, needed: Array) -> Int[Array, "*batch layers 2"]:
    """Count a network as FAILED where a solver gave up after the trial, too."""
    return jnp.where(_lost(recording)[..., None], FAILED, needed)


def _lost(recording: Recording) -> Bool[Array, "*batch layers"]:
    """In which layers a solver gave up on pseudospikes."""
    pseudospikes = (layer.pseudospikes for layer in recording.layers)
    return jnp.stack([jnp.isnan(each.first + each.period).any(-1) for each in pseudospikes], -1)


def run(
    network: Any,
    spikes: Spikes,
    states: States,
    capacities: tuple[Capacity, ...],
    names: Sequence[str],
) -> Recording:
    """Run a network on checked inputs, with more room where that is needed and can be."""
    spikes = valid_delays(network._delays, valid(network, spikes))
    for layer in range(len(names)):
        for name, values in network._weights_of(layer).items():
            require_finite(name, values)

    def attempt(room: Capacities) -> tuple[Any, Array]:
        found = _simulate(network, spikes, states, room)
        return found, _with_failures(*found)

    (recording, counts), _, known = with_room(
        attempt,
        capacities,
        measure=lambda room: enough(network, spikes, states, room),
        explain=lambda layer: _blamed(names[layer], network._weights_of(layer)),
    )
    if known is not None:
        return recording
    # checking the spikes alone leaves states that nobody asks for out of the computation
    spikes_out = checked(_spikes(recording), capacities, counts.reshape(-1, len(capacities), 2), names)
    recording = eqx.tree_at(_spikes, recording, spikes_out)
    # nor are pseudospikes worked out there
    return eqx.tree_at(_pseudospikes, recording, unless_lost(_pseudospikes(recording), _lost(recording), names))


def _blamed(layer: str, weights: Mapping[str, Any]) -> str:
    """Say why the solver of a layer may have given up: weights that are too large first."""
    size, largest = largest_weight(weights)
    if size >= _ENORMOUS:
        return f"the solver of {layer} gave up: a weight is too large to be followed. {largest}Make it smaller"
    return f"{gave_up(layer)}. {largest}".strip()


def enough(network: Any, spikes: Spikes, states: States, capacities: Capacities) -> Capacities:
    """Return room for all spikes, at least that which is given, without a simulation of the whole network.

    It is found layer by layer, from what the layer before really emits; outside jit.
    """
    network, spikes, states = jax.tree.map(_still, (network, spikes, states))
    flat = jax.tree.map(lambda leaf: leaf.reshape(-1, leaf.shape[-1]) if leaf.ndim > 2 else leaf, spikes)
    return network._room(flat, states, capacities)


def _still(leaf: Any) -> Any:
    return jax.lax.stop_gradient(leaf) if eqx.is_inexact_array(leaf) else leaf


def _spikes(recording: Recording) -> tuple[Any, ...]:
    """All that a recording says of ordinary spikes."""
    return recording.spikes, *(layer.by_neuron for layer in recording.layers if layer.by_neuron is not None)


def _pseudospikes(recording: Recording) -> list[Pseudospikes]:
    return [layer.pseudospikes for layer in recording.layers]


def capacity_for(network: Any, spikes: Spikes) -> tuple[Capacity, ...]:
    """Return how much room these inputs need, and a quarter more."""
    spikes = valid(network, spikes)
    states = network._states(None)
    needed = with_room(
        lambda room: simulate(network, spikes, room),
        network.capacity,
        measure=lambda room: enough(network, spikes, states, room),
    )[2]
    if needed is None:
        raise ValueError("capacity_for depends on the values of spikes and weights: call it outside jit")
    return fitting(needed)


def with_capacity(network: Any, capacity: CapacityLike | Spikes) -> Any:
    """Return a copy with another capacity, given or measured."""
    chosen = capacity_for(network, capacity) if isinstance(capacity, Spikes) else capacity
    copy = object.__new__(type(network))
    for field in dataclasses.fields(network):
        object.__setattr__(copy, field.name, getattr(network, field.name))
    object.__setattr__(copy, "capacity", given_capacities(chosen, network.sizes[1:]))
    return copy


def needed_room(population: Population) -> Int[Array, "2"]:
    """Return how much room a population needs, or FAILED where a solver gave up during the trial."""
    needed = jnp.stack([population.total, population.busiest]).astype(jnp.int32)
    return jnp.where(solver_failed(population.trajectory.end), FAILED, needed)
