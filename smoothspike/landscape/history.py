"""The history of a trial at a point of a line: all that decides about the order of its events, with derivatives.

Spikes of a population are a matrix, a row for each neuron; so are the arrivals at its neurons, one row for all where
they come to all neurons at once. What does not exist comes at infinity. An entry stands for the same spike or arrival
wherever on the line as many spikes come before it.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..networks._layer import Layer
from ..networks.recording import Recording
from ..neurons.linear import LinearDynamics
from ..spikes import Spikes
from .margins import Grazing, grazing
from .watch import Watch


class LayerHistory(NamedTuple):
    """What happens in a population.

    Attributes:
        spikes: When its neurons spike.
        arrivals: When input arrives.
        sources: Where it comes from: an input channel or a neuron of the layer before, or, counted from the number of
            these, a neuron of the population itself.
        first: How long after the trial end the first pseudospike comes.
        grazing: How far neurons are from grazing their threshold.
    """

    spikes: Float[Any, "*batch neurons spikes"]
    arrivals: Float[Any, "*batch rows arrivals"]
    sources: Int[Any, "*batch arrivals"]
    first: Float[Any, "*batch neurons"]
    grazing: Grazing


History = tuple[LayerHistory | None, ...]


def history(
    layers: Sequence[Layer], states: Sequence[Any], recording: Recording, spikes: Spikes, watches: Sequence[Watch],
    most: Sequence[int], totals: Sequence[int],
) -> History:  # fmt: skip
    """Return the history of one trial; None for layers of which nothing has to be watched.

    Args:
        layers: The populations of the network.
        states: Initial values of their states.
        recording: The recording of the trial.
        spikes: Its inputs.
        watches: What has to be watched.
        most: How many spikes a neuron of each population has at most.
        totals: How many spikes each population has at most.
    """
    found: list[LayerHistory | None] = []
    duration = jnp.asarray(recording.duration)
    inputs = jnp.where(spikes.times < duration, spikes.times, jnp.inf)[None], spikes.sources
    for number, (layer, watch) in enumerate(zip(layers, watches, strict=True)):
        if watch.is_readout:
            found.append(None)
            continue
        own = recording.ordinary_spike_times(most[number], number)
        every = [_arriving(layer.inputs, *inputs, duration)]
        if layer.recurrent is not None:
            again, senders = _arriving(layer.recurrent, *_listed(own), duration)
            every.append((again, senders + layer.inputs.sources))
        rows = max(times.shape[0] for times, _ in every)
        arrivals = jnp.concatenate([jnp.broadcast_to(times, (rows, times.shape[1])) for times, _ in every], 1)
        sources = jnp.concatenate([senders for _, senders in every])
        near = Grazing.nothing(own)
        if watch.grazing == "margins":
            dynamics = layer.dynamics()
            assert isinstance(dynamics, LinearDynamics)
            start = dynamics.initial_state(states[number])
            limit = (spikes.capacity if number == 0 else totals[number - 1]) + (len(every) - 1) * totals[number]
            is_own = sources == layer.inputs.sources + jnp.arange(layer.size)[:, None]
            near = grazing(dynamics, start, own, arrivals, is_own, _columns(layer, sources), duration, limit)
        pseudospikes = recording.layers[number].spiking
        found.append(LayerHistory(own, arrivals, sources, pseudospikes.first, near))
        inputs = _listed(own)
    return tuple(found)


def _listed(own: Float[Array, "neurons spikes"]) -> tuple[Float[Array, "1 events"], Int[Array, " events"]]:
    return own.reshape(1, -1), jnp.repeat(jnp.arange(own.shape[0]), own.shape[1])


def _arriving(
    connections: Any, times: Float[Array, "1 events"], sources: Int[Array, " events"], duration: Float[Array, ""]
) -> tuple[Float[Array, "rows events"], Int[Array, " events"]]:
    """When spikes arrive; those that arrive beyond the trial do nothing in it."""
    if connections.delays is None:
        return times, sources
    if connections.arrives_at_once:
        late = connections.source_delays()[sources][None]
    else:
        late = jnp.broadcast_to(connections.delays, connections.shape)[:, sources]
    there = jnp.where(jnp.isfinite(times), times, duration) + late
    return jnp.where(jnp.isfinite(times) & (there < duration), there, jnp.inf), sources


def _columns(layer: Layer, sources: Int[Array, " arrivals"]) -> dict[str, Float[Array, "neurons arrivals"]]:
    """For every route, what each arrival adds to each neuron."""
    every = [connections.to_matrices(layer.size) for connections, _, _ in layer.connections]
    whole = {route: jnp.concatenate([each[route] for each in every], 1) for route in every[0]}
    return jax.tree.map(lambda matrix: matrix[:, sources], whole)
