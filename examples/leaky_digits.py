"""Leaky neurons that read images, with exact and with surrogate gradients, for mnist_from_silence.py."""

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from silent_digits import Answer, Parameters, built, counts_of

import smoothspike as ss
from smoothspike.engine import Capacity

#: In membrane time constants: from input to output potentials take their time to rise; and the step of surrogates.
LEAKY_DURATION, STEP = 4.0, 0.05
#: Spikes of a neuron in a trial, on average, in a network that starts with spikes.
AWAKE = 0.5
_LEAKY = ss.Neuron(ss.models.lif(tau_m=1.0, tau_s=0.5), allow_discontinuous=True)


def leaky(parameters: Parameters, pixels: Array) -> Answer:
    """Run leaky neurons exactly; a missing spike has no gradient."""
    net, event = built(_LEAKY, parameters, pixels, LEAKY_DURATION)
    rooms = tuple(Capacity(4 * each.shape[0], 16) for each in parameters["weights"])
    found = net(event, capacity=rooms)
    ordinary = found.ordinary_spike_times(1)[:, 0]
    return Answer(ordinary, ordinary, counts_of(found))


def surrogate(parameters: Parameters, pixels: Array) -> Answer:
    """Run leaky neurons step by step, with the derivative of a fast sigmoid in place of that of a spike."""
    found = _stepped(parameters, pixels)
    times = found.first_spike_times()
    counts = jnp.stack([found.counts(layer) for layer in range(len(parameters["weights"]) - 1)])
    return Answer(times, jnp.where(times <= LEAKY_DURATION, times, jnp.inf), counts.astype(int))


def awake(parameters: Parameters, pixels: np.ndarray) -> Parameters:
    """Scale the weights of leaky neurons layer by layer until neurons spike `AWAKE` times in a trial, on average."""
    weights = list(parameters["weights"])
    for layer in range(len(weights)):
        low, high = 0.0, 8.0  # powers of two
        for _ in range(8):
            power = (low + high) / 2
            tried = [each * np.float32(2**power) if place == layer else each for place, each in enumerate(weights)]
            is_more = float(_activity()({**parameters, "weights": tried}, pixels)[:, layer].mean()) > AWAKE
            low, high = (low, power) if is_more else (power, high)
        weights[layer] = (weights[layer] * 2**high).astype(np.float32)
    return {**parameters, "weights": weights}


@cache
def _activity() -> Any:
    def counts(parameters: Parameters, pixels: Array) -> Float[Array, " layers"]:
        found = _stepped(parameters, pixels)
        return jnp.stack([found.counts(layer).mean() for layer in range(len(parameters["weights"]))])

    return jax.jit(jax.vmap(counts, (None, 0)))


def _stepped(parameters: Parameters, pixels: Array) -> Any:
    net, event = built(_LEAKY, parameters, pixels, LEAKY_DURATION)
    return ss.baselines.surrogate(net, dt=STEP)(event)
