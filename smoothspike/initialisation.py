"""Weights to start from, in units of what the neuron itself needs to spike."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from .neuron import Neuron


def critical_weight(neuron: Neuron, route: str, duration: float) -> Float[Array, ""]:
    """Return the smallest weight of one input at time 0 after which the neuron spikes in the first half of a trial.

    For a neuron that fires by itself it is the weight that halves the time to its first spike. Found on a grid of
    powers of 2 to the 1/4, by asking the neuron's own solver; with one value per neuron, the median.

    Example:
        >>> from symbolic import models
        >>> bool(2 < critical_weight(Neuron(models.qif()), "I", 8.0) < 4)
        True
    """
    size = neuron.per_neuron_size() or 1
    dynamics = neuron.dynamics()
    state = dynamics.initial_state(neuron.initial(size))
    sizes = 2.0 ** jnp.arange(-12, 16, 0.25)

    def first_spike(weight):
        weights = {name: jnp.full(size, weight if name == route else 0.0) for name in dynamics.routes}
        return dynamics.time_to_spike(dynamics.jump(state, weights), jnp.zeros(size), jnp.full(size, duration))

    alone = jnp.minimum(first_spike(0.0), duration)
    enough = jax.vmap(first_spike)(sizes) <= alone / 2
    return jnp.median(jnp.where(enough.any(0), sizes[jnp.argmax(enough, 0)], 1.0))


def normal(
    neuron: Neuron, shape: tuple[int, int], duration: float, key: PRNGKeyArray, *, scale: float, mean: float = 0.0
) -> dict[str, Float[Array, "neurons sources"]]:
    """Draw Gaussian weights for every route, in units of `critical_weight / sqrt(sources)`.

    At a scale well below 1 a layer starts silent and stays so until learning wakes it.
    """
    keys = jax.random.split(key, len(neuron.routes))
    return {
        route: critical_weight(neuron, route, duration)
        / shape[1] ** 0.5
        * (mean + scale * jax.random.normal(route_key, shape))
        for route, route_key in zip(neuron.routes, keys, strict=True)
    }
