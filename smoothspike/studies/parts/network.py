"""The network of a configuration."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from symbolic import NeuronModel, models

from ...engine import Connections
from ...networks import FeedForward, Network, Recurrent, Sequential
from ...networks.initialisation import normal
from ...neurons.neuron import Neuron
from ...training import initialise
from ..config import schema
from ..config.places import ConfigError, Source
from .data import Splits
from .objects import explained, from_file

_DECLARED = ("spike", "reset", "inputs", "initial", "bounds", "refractory")


def build_network(config: schema.Config, data: Splits, seed: int, source: Source) -> Network:
    """Build the network, with weights by the seed.

    Raises:
        ConfigError: if the neurons, layers or rates do not fit together, with the line.
    """
    neurons = {name: build_neuron(name, each, source) for name, each in config.neurons.items()}
    layers = config.network.layers
    place = ("network", "layers")
    if not neurons:
        raise ConfigError(f"{source.name}: there are no neurons; there must be a table [neurons.NAME] with a model")
    if not layers:
        raise ConfigError(f"{source.at(place)}: there are no layers; there must be a table [[network.layers]] for each")
    chosen = [_chosen(layer, neurons, (*place, number), source) for number, layer in enumerate(layers)]
    classes = data.train.num_classes
    sizes = [data.train.num_sources]
    for number, layer in enumerate(layers):
        is_last = number == len(layers) - 1
        if layer.size is None and not is_last:
            raise ConfigError(f"{source.at((*place, number))}: network.layers[{number}].size is missing; it must be a "
                              "whole number, as only the last layer has the number of classes by default")  # fmt: skip
        sizes.append(layer.size or classes)
    with explained(source, ("network",)):
        network = _populations(config.network, chosen, sizes, jax.random.key(seed))
    if config.network.initialise is not None:
        wanted = config.network.initialise
        with explained(source, ("network", "initialise")):
            network = initialise(network, data.train, rate=wanted.rate, samples=wanted.samples)
    return network


def build_neuron(name: str, table: schema.Neuron, source: Source) -> Neuron:
    """Build a neuron.

    Raises:
        ConfigError: if the model cannot be declared, or is refused.
    """
    place = ("neurons", name)
    with explained(source, place):
        model = _model(name, table, source)
        return Neuron(
            model, trainable=table.trainable, per_neuron=table.per_neuron, method=table.method, beyond=table.beyond,
            allow_discontinuous=table.allow_discontinuous,
        )  # fmt: skip


def _model(name: str, table: schema.Neuron, source: Source) -> NeuronModel:
    if (table.model is None) == (table.equations is None):
        raise ValueError("a neuron must have either model or equations")
    given = {key: value for key in _DECLARED if (value := getattr(table, key))}
    if table.equations is not None:
        return NeuronModel.from_equations(table.equations, name=name, parameters=dict(table.parameters), **given)
    assert table.model is not None
    if given:
        raise ValueError(f"{next(iter(given))} goes with equations, not with a model; it must be left out")
    if table.model in models.names():
        return getattr(models, table.model)(**table.parameters)
    found = from_file(table.model, source)
    found = found() if callable(found) and not isinstance(found, NeuronModel) else found
    if not isinstance(found, NeuronModel):
        raise TypeError(f"{table.model} is of type {type(found).__name__}; it must be a model, or return one")
    return found.with_parameters(**table.parameters) if table.parameters else found


def _chosen(layer: schema.Layer, neurons: Mapping[str, Neuron], place: Any, source: Source) -> Neuron:
    if layer.neuron is None and len(neurons) == 1:
        return next(iter(neurons.values()))
    if layer.neuron is None or layer.neuron not in neurons:
        what = "is missing" if layer.neuron is None else f'is "{layer.neuron}"'
        raise ConfigError(
            f"{source.at((*place, 'neuron'))}: network.layers[{place[-1]}].neuron {what}, but must be one of "
            f"{', '.join(neurons)}"
        )
    return neurons[layer.neuron]


def _populations(table: schema.Network, neurons: Sequence[Neuron], sizes: Sequence[int], key: PRNGKeyArray) -> Network:
    """Build one network for each run of layers that are alike: feed-forward ones of equal spread, or one recurrent."""
    numbers = range(len(table.layers))

    def alike(number: int) -> Any:
        layer = table.layers[number]
        return (number, "recurrent") if layer.recurrent else (layer.scale, layer.mean)

    runs = [list(run) for _, run in itertools.groupby(numbers, alike)]
    keys = [key] if len(runs) == 1 else list(jax.random.split(key, len(runs)))
    parts = []
    for run, own in zip(runs, keys, strict=True):
        layers = [table.layers[number] for number in run]
        used, shape = [neurons[number] for number in run], sizes[run[0] : run[-1] + 2]
        build = _recurrent if layers[0].recurrent else _feed_forward
        parts.append(build(layers, used, shape, table.duration, own))
    return parts[0] if len(parts) == 1 else Sequential(*parts)


def _feed_forward(layers: Any, neurons: Any, sizes: Any, duration: float, key: PRNGKeyArray) -> FeedForward:
    spread = {"scale": layers[0].scale, "mean": layers[0].mean}
    for layer in layers:
        if layer.recurrent_delays is not None:
            raise ValueError("recurrent_delays must be those of a layer with recurrent = true")
    shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
    delays = [_delays(layer.delays, shape, layer, jax.random.fold_in(key, place)) for place, (layer, shape) in
              enumerate(zip(layers, shapes, strict=True))]  # fmt: skip
    late = None if all(each is None for each in delays) else delays
    if all(layer.out_degree is None for layer in layers):
        return FeedForward(neurons, sizes, duration, key=key, delays=late, **spread)
    keys = jax.random.split(key, len(layers))
    weights = [
        _weights(layer, neuron, shape, duration, own, delay)
        for layer, neuron, shape, own, delay in zip(layers, neurons, shapes, keys, delays, strict=True)
    ]
    late = [None if layer.out_degree is not None else delay for layer, delay in zip(layers, delays, strict=True)]
    return FeedForward(neurons, sizes, duration, weights=weights, delays=late)


def _recurrent(layers: Any, neurons: Any, sizes: Any, duration: float, key: PRNGKeyArray) -> Recurrent:
    (layer,), (neuron,), (inputs, size) = layers, neurons, sizes
    own = [jax.random.fold_in(key, place) for place in range(2)]
    late = _delays(layer.delays, (size, inputs), layer, own[0])
    between = _delays(layer.recurrent_delays, (size, size), layer, own[1])
    if layer.out_degree is None:
        return Recurrent(
            neuron, size, inputs, duration, key=key, scale=layer.scale, mean=layer.mean, input_delays=late,
            recurrent_delays=between,
        )  # fmt: skip
    keys = jax.random.split(key, 2)
    return Recurrent(
        neuron, size, inputs, duration,
        recurrent_weights=_weights(layer, neuron, (size, size), duration, keys[0], between),
        input_weights=_weights(layer, neuron, (size, inputs), duration, keys[1], late),
    )  # fmt: skip


def _delays(table: schema.Delays | None, shape: tuple[int, int], layer: schema.Layer, key: PRNGKeyArray) -> Any:
    """Draw delays in the shape in which connections take them."""
    if table is None:
        return None
    if table.high < table.low:
        raise ValueError(f"delays are from {table.low} to {table.high}; high must be at least low")
    _, sources = shape
    if layer.out_degree is None:
        sized = {"connection": shape, "source": (1, sources), "layer": ()}[table.per]
    else:
        sized = {"connection": (sources, layer.out_degree), "source": (sources, 1), "layer": ()}[table.per]
    return jax.random.uniform(key, sized, minval=table.low, maxval=table.high)


def _weights(
    layer: schema.Layer, neuron: Neuron, shape: tuple[int, int], duration: float, key: PRNGKeyArray, delays: Any
) -> Any:
    """Draw weights: sparse ones to random neurons, with the spread of as many inputs as a neuron has on average."""
    if layer.out_degree is None:
        return normal(neuron, shape, duration, key, scale=layer.scale, mean=layer.mean)
    size, sources = shape
    if layer.out_degree > size:
        raise ValueError(f"out_degree is {layer.out_degree}, but must be at most the {size} neurons of the layer")
    generator = np.random.default_rng(np.asarray(jax.random.key_data(key)).tolist())
    targets = np.stack([np.sort(generator.permutation(size)[: layer.out_degree]) for _ in range(sources)])
    drawn = normal(neuron, (layer.out_degree, sources), duration, key, scale=layer.scale, mean=layer.mean)
    share = size / layer.out_degree
    weights = {
        route: jnp.transpose(each) * (share if neuron.weight_sign(route) else share**0.5)
        for route, each in drawn.items()
    }
    return Connections(targets, weights, delays)
