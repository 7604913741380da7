"""Leaky neurons that read images, with exact and with surrogate gradients, for mnist_from_silence.py."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array
from silent_digits import Answer, Parameters, built, counts_of

import smoothspike as ss
from smoothspike.engine import Capacity

#: In membrane time constants: from input to output potentials take their time to rise; and the step of surrogates.
LEAKY_DURATION, STEP = 4.0, 0.05
_LEAKY = ss.Neuron(ss.models.lif(tau_m=1.0, tau_s=0.5), allow_discontinuous=True)


def leaky(parameters: Parameters, pixels: Array) -> Answer:
    """Run leaky neurons exactly; a missing spike has no gradient."""
    net, event = built(_LEAKY, parameters, pixels, LEAKY_DURATION)
    rooms = tuple(Capacity(4 * each.shape[0], 16) for each in parameters["weights"])  # more is an error
    found = net(event, capacity=rooms)
    ordinary = found.ordinary_spike_times(1)[:, 0]
    return Answer(ordinary, ordinary, counts_of(found))


def surrogate(parameters: Parameters, pixels: Array) -> Answer:
    """Run leaky neurons step by step, with the derivative of a fast sigmoid in place of that of a spike."""
    found = _stepped(parameters, pixels)
    times = found.first_spike_times()
    counts = jnp.stack([found.counts(layer) for layer in range(len(parameters["weights"]) - 1)])
    return Answer(times, jnp.where(times <= LEAKY_DURATION, times, jnp.inf), counts.astype(int))


def _stepped(parameters: Parameters, pixels: Array) -> Any:
    net, event = built(_LEAKY, parameters, pixels, LEAKY_DURATION)
    return ss.baselines.surrogate(net, dt=STEP)(event)
