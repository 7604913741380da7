"""`initialise`: weights scaled so that every layer spikes as often as is wanted on given data."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np

from .._checks import known
from ..datasets import AbstractDataset
from ..networks import FeedForward, Network, Recurrent, Sequential, require_exact
from ..networks._arguments import given_capacities, valid
from ..networks._capacity import with_capacity
from ..networks._driven import driven_by_currents
from ..networks._execute import _count, _emitted, _enough, _simulate, enough
from ..networks._weights import stored
from ..spikes import Spikes
from .checks import require_count, require_dataset, require_network

_DOUBLINGS, _HALVINGS = 24, 12
#: By how much the rate that is found may differ, of the wanted one.
_TOLERANCE = 0.2


def initialise(
    network: Network, data: AbstractDataset | Spikes, *, rate: float | Sequence[float] = 0.5, samples: int = 128
) -> Network:
    """Scale the weights of a network, layer by layer, so that every layer spikes at a wanted rate on given data.

    All weights onto a layer, recurrent ones too, are multiplied by one positive factor, which is found by bisection on
    the number of ordinary spikes that it emits; then follows the next layer, driven by those spikes. The weights of a
    readout are scaled so that the maximum over time of its voltages has a standard deviation of 1 over samples and
    neurons.
    Delays, signs, zeros and ranges of weights are kept. Nothing is random: equal arguments give equal networks.

    Args:
        network: The network, with weights drawn as usual.
        data: A data set, of which evenly spaced samples are taken, with their currents, or the spikes of a trial
            or of a batch of trials.
        rate: Wanted number of spikes per neuron and trial, on average; one for all spiking layers, or one for each.
        samples: How many trials of a data set to look at.

    Returns:
        The network with other weights.

    Raises:
        TypeError: if an argument is of the wrong type.
        ValueError: if a rate is not positive, or no factor of the weights of a layer reaches it to a fifth: too few
            inputs, inhibition alone, neurons that fire by themselves more often, or recurrent excitation that explodes.

    Source: in the spirit of Rossbroich, Gygax & Zenke, Neuromorph. Comput. Eng. 2 (2022), arXiv:2206.10226, who choose
    the spread of membrane potentials by theory; here spikes are counted.

    Example:
        >>> import jax, smoothspike as ss
        >>> data = ss.datasets.yin_yang(size=64)
        >>> net = ss.FeedForward(ss.Neuron(ss.models.qif()), (4, 20, 3), 4.0, key=jax.random.key(0))
        >>> woken = initialise(net, data, rate=(0.5, 1.0))
        >>> found = ss.evaluate(woken, data)
        >>> [round(found[f"spikes_per_neuron_{layer}"], 1) for layer in range(2)]
        [0.5, 1.0]
    """
    require_network(network)
    require_exact(network, "initialise")
    require_count("samples", samples, 1)
    spikes, currents = _batch(network, data, samples)
    spikes = valid(network, spikes)

    def driven(network: Any) -> Any:
        return driven_by_currents(network, currents, spikes)[0]

    layers = network.layers
    rates = _rates(rate, sum(not layer.is_readout for layer in layers))
    inputs = spikes
    for index, layer in enumerate(layers):
        if layer.is_readout:
            network = _scaled(network, index, 1 / _spread(driven(network), spikes, network.states(None)))
            continue
        factor = _factor(network, driven, index, inputs, rates[index])
        network = _scaled(network, index, factor)
        if index + 1 < len(layers) and not layers[index + 1].is_readout:
            inputs = _spikes_of(driven(network), index, inputs, network.states(None)[index])
    return network


def _batch(network: Network, data: Any, samples: int) -> tuple[Spikes, Any]:
    if isinstance(data, Spikes):
        if data.times.ndim > 2:
            raise ValueError(
                f"spikes have shape {data.times.shape}, but must be a trial or a batch of trials: (trials, events)"
            )
        return data if data.times.ndim == 2 else Spikes.stack([data]), None
    require_dataset("data", data, network, None, every_input=False)
    number = min(samples, len(data))
    chosen = data[np.linspace(0, len(data) - 1, number).round().astype(int)]
    return chosen.spikes, chosen.currents


def _rates(rate: Any, layers: int) -> list[float]:
    numbers = np.asarray(rate, float)
    if numbers.shape not in ((), (layers,)) or not np.all(np.isfinite(numbers) & (numbers > 0)):
        raise ValueError(
            f"rate is {rate!r}, but must be a positive number of spikes per neuron and trial, or one for each of the "
            f"{layers} spiking layers"
        )
    return np.broadcast_to(numbers, (layers,)).tolist()


def _factor(network: Network, driven: Callable, index: int, spikes: Spikes, wanted: float) -> float:
    """Return the factor of the weights of a layer at which it spikes at a rate: doubled or halved, then bisected."""
    layer, values = network.layers[index], network.states(None)[index]
    trials = spikes.times.shape[0]
    # more is too many, whatever their number; recurrent excitation may make millions
    most = int(4 * max(wanted, 1) * layer.size)

    def rate(factor: float) -> float:
        totals, _ = _count(driven(_scaled(network, index, factor)), index, values, spikes, most)
        return float(np.sum(np.asarray(totals))) / (trials * layer.size)

    exponent, is_below = 0.0, rate(1.0) < wanted
    for _ in range(_DOUBLINGS):
        exponent += 1.0 if is_below else -1.0
        if (rate(2.0**exponent) < wanted) != is_below:
            break
    low, high = (exponent - 1, exponent) if is_below else (exponent, exponent + 1)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if rate(2.0**middle) < wanted else (low, middle)
    found = {factor: rate(factor) for factor in (2.0**low, 2.0**high)}
    best = min(found, key=lambda factor: abs(found[factor] - wanted))
    # one spike more or less is as near as can be
    if abs(found[best] - wanted) > max(_TOLERANCE * wanted, 1 / (trials * layer.size)):
        raise ValueError(_unreachable(network, layer.name, wanted, found, rate(0.0)))
    return best


def _unreachable(network: Network, name: str, wanted: float, found: dict[float, float], alone: float) -> str:
    reached = ", ".join(f"{rate:.3g} with weights times {factor:.3g}" for factor, rate in found.items())
    if alone > wanted:
        advice = f"without any input it spikes {alone:.3g} times: ask for more, or lower its own drive"
    elif max(found.values()) < wanted:
        advice = "its inputs may be too few, too late or inhibitory: draw weights with a larger mean, or ask for less"
    else:
        advice = "its rate jumps, as recurrent excitation explodes: draw weights with a smaller or negative mean"
    return f"{name} cannot spike {wanted:.3g} times per neuron and trial: it reaches {reached}; {advice}"


def _spread(network: Any, spikes: Spikes, values: Any) -> float:
    """Return the standard deviation of the largest voltages of a readout."""
    (recording, _), *_ = with_capacity(
        lambda given: ((found := _simulate(network, spikes, values, given)), found[1]),
        given_capacities(network, None),
        measure=lambda given: enough(network, spikes, values, given),
    )
    spread = float(recording.max_over_time().std())
    if not spread > 0:
        raise ValueError(
            f"{network.layers[-1].name} has the same voltage in all trials: no spike reaches it, or its weights are 0"
        )
    return spread


def _scaled(network: Any, index: int, factor: float) -> Any:
    """Multiply all weights onto one layer."""
    if isinstance(network, Sequential):
        for place, each in enumerate(network.populations):
            if index < len(each.layers):
                inner = _scaled(each, index, factor)
                return eqx.tree_at(lambda net, at=place: net.populations[at], network, inner)
            index -= len(each.layers)
    layer = network.layers[index]

    def times(connections: Any) -> Any:
        weights = {route: factor * each for route, each in connections.weights.items()}
        return stored(layer.neuron, weights, layer.name, connections.exists)

    if isinstance(network, FeedForward):
        return eqx.tree_at(lambda net: net.raw_weights[index].weights, network, times(layer.inputs))
    assert isinstance(network, Recurrent)
    return eqx.tree_at(
        lambda net: (net.raw_input_weights.weights, net.raw_recurrent_weights.weights),
        network,
        (times(layer.inputs), times(layer.recurrent)),
    )


def _spikes_of(network: Any, index: int, inputs: Spikes, values: Any) -> Spikes:
    """Return the spikes of a layer, in few sizes of arrays."""
    room = given_capacities(network, None)[index]
    capacity = _enough(network, index, network.layers[index], values, inputs, room)
    spikes = _emitted(network, index, values, inputs, capacity)
    most = int(np.isfinite(np.asarray(known(spikes.times))).sum(-1).max(initial=0))
    room = max(8, 1 << max(0, most - 1).bit_length())
    times, sources = jax.lax.sort_key_val(spikes.times, spikes.sources)
    return Spikes(times[:, :room], sources[:, :room])
