"""Running a network: batches, and the capacity that its spikes need."""

from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int

from ..engine import Capacity, Population
from ..neurons import solver_failed
from ..spikes import Spikes
from ._arguments import States, given_capacities, valid_delays
from ._capacity import FAILED, Capacities, checked, fitting, gave_up, measured, unless_lost, with_capacity
from ._driven import driven_by_currents, with_own_currents
from ._layer import Layer
from ._weights import largest_weight
from .pseudospikes import Pseudospikes, Sources
from .recording import LayerRecord, Recording

if TYPE_CHECKING:
    from .abstract import AbstractNetwork

#: A weight beyond this is to blame where a solver gives up, in whatever units.
_ENORMOUS = 1e8
#: Up to so many spikes that come late are counted at once; where there are more, more are.
_COUNTED = 4096

Needed = Int[Array, "*batch layers 2"]


def simulate(
    network: "AbstractNetwork", spikes: Spikes, capacities: Capacities, currents: Any = None
) -> tuple[Any, Needed]:
    """Run a network without raising where spikes do not fit; return what capacity each layer needed, too.

    For loops such as `fit` that grow the capacity themselves. Where more was needed than given, the recording lacks
    spikes and must not be used.
    """
    return network.simulated(spikes, capacities, currents)


def simulated(
    network: "AbstractNetwork", spikes: Spikes, capacities: Capacities, currents: Any
) -> tuple[Recording, Needed]:
    """Run an exact network in this way."""
    driven, spikes, _ = driven_by_currents(network, currents, valid_delays(network, spikes))
    return _simulate(driven, spikes, network.states(None), capacities)


def _simulate(network: Any, spikes: Spikes, states: States, capacities: Capacities) -> tuple[Recording, Needed]:
    recording, needed = _run_batch(network, spikes, states, capacities)
    # a layer counts as failed where a solver gave up after the trial, too
    return recording, jnp.where(_lost(recording)[..., None], FAILED, needed)


@eqx.filter_jit
def _run_batch(network: Any, spikes: Spikes, states: States, capacities: Capacities) -> tuple[Recording, Needed]:
    """Run a network on a batch of any shape."""
    *batch, events = spikes.times.shape

    def run(network: Any, spikes: Spikes) -> tuple[Recording, Needed]:
        return _run_layers(network, spikes, states, capacities)

    if len(batch) <= 1:
        return with_own_currents(run, network, spikes)
    flat = jax.tree.map(lambda leaf: leaf.reshape(-1, events), spikes)
    found = with_own_currents(run, network, flat)
    return jax.tree.map(lambda leaf: leaf.reshape(*batch, *leaf.shape[1:]), found)


def _run_layers(network: Any, spikes: Spikes, states: States, capacities: Capacities) -> tuple[Recording, Needed]:
    """Run one trial, or a batch with one leading axis, of which layers go through all trials together."""
    batch, duration = spikes.times.shape[:-1], jnp.asarray(network.duration, spikes.times.dtype)
    sources, records, all_spikes, needed = Sources(spikes, None), [], [], []
    for index, (layer, values) in enumerate(zip(network.layers, states, strict=True)):
        population, pseudospikes = layer.run(values, sources, capacities[index], duration, index == 0)
        sources = Sources(population.spikes, None if pseudospikes is None else pseudospikes.rates)
        all_spikes.append(population.spikes)
        dynamics = layer.dynamics()
        needed.append((jax.vmap(_needed) if batch else _needed)(population))
        # every trial of a recording stands for itself
        dynamics = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (*batch, *jnp.shape(leaf))), dynamics)
        records.append(LayerRecord(pseudospikes, population.trajectory, dynamics, population.by_neuron, _units(layer)))
    return Recording(tuple(all_spikes), tuple(records), network.duration), jnp.stack(needed, -2)


def _needed(population: Population) -> Int[Array, "2"]:
    """Return the capacity that a population needs, or FAILED where a solver gave up during the trial."""
    needed = jnp.stack([population.total, population.per_neuron]).astype(jnp.int32)
    return jnp.where(solver_failed(population.trajectory.end), FAILED, needed)


def _units(layer: Layer) -> tuple[tuple[str, str], ...]:
    model = layer.neuron.model
    return tuple((state.name, model.units[state]) for state in model.states if state in model.units)


def _lost(recording: Recording) -> Bool[Array, "*batch layers"]:
    """In which layers a solver gave up on pseudospikes."""
    batch = recording.spikes[0].times.shape[:-1]
    each = [layer.pseudospikes for layer in recording.layers]
    lost = [jnp.zeros(batch, bool) if one is None else jnp.isnan(one.first + one.period).any(-1) for one in each]
    return jnp.stack(lost, -1)


def run(network: "AbstractNetwork", spikes: Spikes, states: States, capacities: Capacities) -> Recording:
    """Run a network on checked inputs, with more capacity where that is needed and can be."""
    layers = network.layers
    (recording, counts), _, known = with_capacity(
        lambda given: ((found := _simulate(network, spikes, states, given)), found[1]),
        capacities,
        measure=lambda given: enough(network, spikes, states, given),
        explain=lambda index: _blamed(layers[index]),
    )
    if known is not None:
        return recording
    names = [layer.name for layer in layers]
    # checking the spikes alone leaves states that nobody asks for out of the computation
    spikes_out = checked(_spikes(recording), capacities, counts.reshape(-1, len(capacities), 2), names)
    recording = eqx.tree_at(_spikes, recording, spikes_out)
    # nor are pseudospikes computed there
    return eqx.tree_at(_pseudospikes, recording, unless_lost(_pseudospikes(recording), _lost(recording), names))


def _blamed(layer: Layer) -> str:
    """Say why the solver of a layer may have given up: weights that are too large first."""
    size, largest = largest_weight(layer.weights)
    if size >= _ENORMOUS:
        return f"the solver of {layer.name} gave up: a weight is too large to be followed. {largest}Make it smaller"
    return f"{gave_up(layer.name)}. {largest}".strip()


def _spikes(recording: Recording) -> tuple[Any, ...]:
    """All that a recording says of ordinary spikes, and when they reach a readout, whose voltages depend on all."""
    found = (layer.by_neuron for layer in recording.layers if layer.by_neuron is not None)
    return recording.spikes, *found, *(layer.trajectory.starts for layer in recording.layers if layer.is_readout)


def _pseudospikes(recording: Recording) -> list[Pseudospikes]:
    return [layer.pseudospikes for layer in recording.layers if layer.pseudospikes is not None]


def capacity_for(network: "AbstractNetwork", spikes: Spikes, states: States) -> Capacities:
    """Return the capacity that these inputs need, and a quarter more."""
    needed = with_capacity(
        lambda given: _simulate(network, spikes, states, given),
        given_capacities(network, None),
        measure=lambda given: enough(network, spikes, states, given),
    )[2]
    if needed is None:
        raise ValueError("capacity_for depends on the values of spikes and weights: call it outside jit")
    return fitting(needed)


def enough(network: "AbstractNetwork", spikes: Spikes, states: States, capacities: Capacities) -> Capacities:
    """Return capacity for all spikes, at least that which is given, without a simulation of the whole network.

    It is found layer by layer, from what the layer before really emits; outside jit.
    """
    network, spikes, states = jax.tree.map(_still, (network, spikes, states))
    flat = jax.tree.map(lambda leaf: leaf.reshape(-1, leaf.shape[-1]) if leaf.ndim > 2 else leaf, spikes)
    found: list[Capacity] = []
    for index, layer in enumerate(network.layers):
        found.append(_enough(network, index, layer, states[index], flat, capacities[index]))
        if index + 1 < len(capacities):
            flat = _emitted(network, index, states[index], flat, found[-1])
    return tuple(found)


def _enough(network: Any, index: int, layer: Layer, values: Any, spikes: Spikes, capacity: Capacity) -> Capacity:
    if layer.is_readout:
        return capacity
    _, largest = largest_weight(layer.weights)
    if layer.is_counted and index == 0:
        # all spikes have been counted, whether or not they had a place
        return measured(capacity, (np.array(capacity.total), np.zeros(1, int)), layer.name, largest)
    counted = _COUNTED
    while True:
        counted = max(counted, 16 * capacity.total)
        capacity = measured(capacity, _count(network, index, values, spikes, counted), layer.name, largest)
        if layer.is_counted or not layer.is_queued or capacity.total <= counted:
            return capacity


@eqx.filter_jit
def _count(network: Any, index: int, values: Any, spikes: Spikes, capacity: int) -> tuple[Array, Array]:
    duration = jnp.asarray(network.duration, spikes.times.dtype)

    def count(network: Any, spikes: Spikes) -> tuple[Array, Array]:
        return network.layers[index].count_spikes(values, spikes, capacity, duration, index == 0)

    return with_own_currents(count, network, spikes)


@eqx.filter_jit
def _emitted(network: Any, index: int, values: Any, spikes: Spikes, capacity: Capacity) -> Spikes:
    # pseudospikes are not computed
    duration = jnp.asarray(network.duration, spikes.times.dtype)

    def emitted(network: Any, spikes: Spikes) -> Spikes:
        return network.layers[index].run(values, Sources(spikes, None), capacity, duration, index == 0)[0].spikes

    return with_own_currents(emitted, network, spikes)


def _still(leaf: Any) -> Any:
    return jax.lax.stop_gradient(leaf) if eqx.is_inexact_array(leaf) else leaf
