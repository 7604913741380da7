"""Images, and deep networks that start silent, for mnist_from_silence.py.

All networks have the same parameters: weights, and of oscillating neurons the phases at which they start. All bright
pixels of an image arrive in one event, whose weights are summed.
"""

import itertools
import sys
from collections.abc import Callable
from functools import partial
from math import pi
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

import smoothspike as ss
from smoothspike.engine import Capacity

DURATION, INPUT_TIME, PERIOD = 2.0, 2 * np.log(1 / 0.99), 6.0
HIDDEN, CLASSES = 100, 10
Parameters = dict[str, Any]


class Images(NamedTuple):
    """Binary images and their labels."""

    pixels: np.ndarray
    labels: np.ndarray


class Answer(NamedTuple):
    """Of a trial: first spike times of the outputs, with pseudospikes and without, and spikes of each hidden neuron."""

    times: Float[Array, " classes"]
    ordinary: Float[Array, " classes"]
    counts: Int[Array, "layers neurons"]


#: From parameters and the pixels of an image.
Network = Callable[[Parameters, Array], Answer]


def images(folder: Path | None) -> tuple[list[Images], str]:
    """Return images for training, validation and test, and what they are of; bright pixels are those above half."""

    def binary(brightness: np.ndarray) -> ss.Spikes:
        places = np.broadcast_to(np.arange(brightness.shape[1]), brightness.shape)
        return ss.Spikes(np.where(brightness >= 0.5, INPUT_TIME, np.inf), places)

    if folder is None:
        learnt, test = ss.datasets.digits(duration=2.0)
        name, until, parts = "8 x 8 digits of scikit-learn", 1.0, (learnt[:1200], learnt[1200:], test)
    else:
        parts = ss.datasets.mnist(folder, encode=binary, split=(7000, 1000, 2000))
        name, until = "MNIST, 10,000 images", INPUT_TIME
    found = []
    for part in parts:
        pixels = np.zeros((len(part), part.num_sources or 0), bool)
        times, sources = np.asarray(part.spikes.times), np.asarray(part.spikes.sources)
        rows, places = np.nonzero(times <= until + 1e-6)
        pixels[rows, sources[rows, places]] = True
        found.append(Images(pixels, np.asarray(part.labels)))
    return found, name


def silent(seed: int, pixels: int, depth: int) -> Parameters:
    """Return parameters at the start: small weights, and neurons at half their period."""
    generator = np.random.default_rng(seed)
    sizes = (pixels, *[HIDDEN] * depth, CLASSES)
    weights = [
        (generator.uniform(-0.5, 0.5, (after, before)) / np.sqrt(before)).astype(np.float32)
        for before, after in itertools.pairwise(sizes)
    ]
    return {"weights": weights, "phases": [np.full(size, PERIOD / 2, np.float32) for size in sizes[1:]]}


def within_period(parameters: Parameters) -> Parameters:
    """Keep phases within the period."""
    return {**parameters, "phases": [jnp.clip(each, 0.0, PERIOD) for each in parameters["phases"]]}


def built(neuron: ss.Neuron, parameters: Parameters, pixels: Array, duration: float) -> tuple[Any, ss.Spikes]:
    """Return a network with the weights of some parameters, and the event of an image."""
    first, *others = parameters["weights"]
    kick = (first @ pixels.astype(first.dtype))[:, None]
    sizes = (1, *(each.shape[0] for each in parameters["weights"]))
    event = ss.Spikes(jnp.full(1, INPUT_TIME, kick.dtype), jnp.zeros(1, int))
    return ss.FeedForward(neuron, sizes, duration, weights=[kick, *others]), event


def _rooms(parameters: Parameters, per_neuron: int) -> tuple[Capacity, ...]:
    return tuple(Capacity(per_neuron * each.shape[0], per_neuron) for each in parameters["weights"])


def counts_of(recording: Any) -> Int[Array, "layers neurons"]:
    """Return how many spikes each hidden neuron emits."""
    return jnp.stack([spikes.counts(HIDDEN) for spikes in recording.spikes[:-1]])


def _answer(recording: Any) -> Answer:
    return Answer(recording.first_spike_times(), recording.ordinary_spike_times(1)[:, 0], counts_of(recording))


_OSCILLATOR = ss.Neuron(ss.models.theta_neuron(tau_m=PERIOD / pi, I_0=1.0), beyond="own")


def oscillating(parameters: Parameters, pixels: Array) -> Answer:
    """Run the network of the paper: its tau V' = V (V - 1) + 5/4 is the theta neuron with I_0 = 1."""
    net, event = built(_OSCILLATOR, parameters, pixels, DURATION)
    initial = [{"theta": (phase / PERIOD - 0.5) * 2 * pi} for phase in parameters["phases"]]
    return _answer(net(event, capacity=_rooms(parameters, 2), initial=initial))


def spikegd(folder: Path) -> Network:
    """Return the network of the paper as its authors' package runs it."""
    sys.path.append(str(Path(folder).resolve()))
    from spikegd.theta import ThetaNeuron  # pyright: ignore[reportMissingImports]

    return partial(_by_spikegd, ThetaNeuron(PERIOD / pi, 5 / 4))


def _by_spikegd(neuron: Any, parameters: Parameters, pixels: Array) -> Answer:
    weights = parameters["weights"]
    sizes = [each.shape[0] for each in weights]
    ends = np.cumsum(sizes)
    layers = [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]
    kick = jnp.zeros((ends[-1], 1)).at[layers[0], 0].set(weights[0] @ pixels.astype(weights[0].dtype))
    inner = jnp.zeros((ends[-1], ends[-1]))
    for before, after, matrix in zip(layers[:-1], layers[1:], weights[1:], strict=True):
        inner = inner.at[after, before].set(matrix)
    event = jnp.full(1, INPUT_TIME), jnp.zeros(1, int)
    settings = {"T": DURATION, "K": 200}
    start = jnp.concatenate(parameters["phases"])[None]
    times, is_input, which, states = neuron.event(start, inner, kick, event, settings)
    end = states[jnp.sum(which >= 0)]
    arriving = jnp.zeros(sizes[0])
    for layer, matrix in zip(layers[:-1], weights[1:], strict=True):
        arriving = neuron.linear(neuron.construct_ratefn(end[:, layer])(arriving), matrix)
    is_own = (which[:, None] == np.arange(ends[-1])) & ~is_input[:, None]
    has_spike, first = is_own[:, layers[-1]].any(0), times[jnp.argmax(is_own[:, layers[-1]], 0)]
    beyond = neuron.t_pseudo(end[:, layers[-1]], arriving, 1, settings)
    counts = is_own[:, : ends[-2]].sum(0).reshape(-1, HIDDEN)
    return Answer(jnp.where(has_spike, first, beyond), jnp.where(has_spike, first, jnp.inf), counts)
