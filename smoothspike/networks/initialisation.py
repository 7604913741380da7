"""Weights to start from, in units of what the neuron itself needs to spike."""

from functools import lru_cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from .._typing import PRNGKeyArray
from ..engine import Trajectory
from ..neurons import ReadoutDynamics
from ..neurons.neuron import Neuron
from .voltages import largest


def critical_weight(neuron: Neuron, route: str, duration: float) -> Float[Array, ""]:
    """Return the smallest weight of one input at time 0 after which the neuron spikes in the first half of a trial.

    For a readout it is the weight of an input to which the response is at most 1.

    For a neuron that fires by itself it is the weight that halves the time to its first spike. Found on a grid of
    powers of 2 to the 1/4, by asking the neuron's own solver; with one value per neuron, the median. It is computed
    once for every neuron, route and duration.

    Example:
        >>> from symbolic import models
        >>> bool(2 < critical_weight(Neuron(models.qif()), "I", 8.0) < 4)
        True
    """
    values = jax.tree.leaves(neuron)
    if any(isinstance(value, Tracer) for value in values):
        return _critical_weight(neuron, route, jnp.asarray(duration, float))
    key = tuple(np.asarray(value).tobytes() for value in values)
    return jnp.asarray(_remembered(_Same(neuron, key), route, float(duration), jnp.result_type(float)))


class _Same:
    """A neuron that is equal to others with the same model, solver and values."""

    def __init__(self, neuron: Neuron, values: tuple[bytes, ...]) -> None:
        self.neuron = neuron
        self._key = values, jax.tree.structure(neuron)

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self._key == other._key


@lru_cache(maxsize=256)
def _remembered(neuron: _Same, route: str, duration: float, _: object) -> float:
    with jax.ensure_compile_time_eval():
        # an array, since a number would be compiled anew
        return float(_critical_weight(neuron.neuron, route, jnp.asarray(duration, float)))


@eqx.filter_jit
def _critical_weight(neuron: Neuron, route: str, duration: Float[Array, ""]) -> Float[Array, ""]:
    size = neuron.per_neuron_size() or 1
    dynamics = neuron.dynamics()
    if isinstance(dynamics, ReadoutDynamics):
        return _unit_response(dynamics, route, duration, size)
    state = dynamics.initial_state(neuron.initial(size))
    sizes = 2.0 ** jnp.arange(-12, 16, 0.25)

    def first_spike(weight):
        weights = {name: jnp.full(size, weight if name == route else 0.0) for name in dynamics.routes}
        return dynamics.time_to_spike(dynamics.jump(state, weights), jnp.zeros(size), jnp.full(size, duration))

    # without an input, too, in the same program
    found = jax.vmap(first_spike)(jnp.append(sizes, 0.0))
    enough = found[:-1] <= jnp.minimum(found[-1], duration) / 2
    return jnp.median(jnp.where(enough.any(0), sizes[jnp.argmax(enough, 0)], 1.0))


def _unit_response(dynamics: ReadoutDynamics, route: str, duration: Float[Array, ""], size: int) -> Float[Array, ""]:
    """Return the weight of one input whose response, upwards or downwards, is at most 1 in a trial."""
    still = eqx.tree_at(lambda each: each.sources, dynamics, {})
    weights = {name: jnp.full(size, float(name == route)) for name in dynamics.routes}
    start = still.jump(dict.fromkeys(dynamics.order, jnp.zeros(size)), weights)
    trajectory = Trajectory(jnp.zeros((1, 1)), {name: value[None] for name, value in start.items()}, start)
    turned = jax.tree.map(jnp.negative, trajectory)
    response = jnp.maximum(*(largest(still, each, duration) for each in (trajectory, turned)))
    return jnp.median(jnp.where(response > 0, 1 / jnp.where(response > 0, response, 1.0), 1.0))


def normal(
    neuron: Neuron, shape: tuple[int, int], duration: float, key: PRNGKeyArray, *, scale: float, mean: float = 0.0
) -> dict[str, Float[Array, "neurons sources"]]:
    """Draw Gaussian weights for every route, in units of `critical_weight / sqrt(sources)`.

    At a scale well below 1 a layer starts silent and stays so until learning wakes it. Where a declared range allows
    only one sign, the sizes of these numbers are taken, in units of `critical_weight / sources`, as they add up.
    """
    keys = jax.random.split(key, len(neuron.routes))

    def drawn(route: str, route_key: PRNGKeyArray) -> Float[Array, "neurons sources"]:
        sign, unit = neuron.weight_sign(route), critical_weight(neuron, route, duration)
        values = mean + scale * jax.random.normal(route_key, shape)
        if sign:
            return sign * unit / shape[1] * jnp.abs(values)
        return unit / shape[1] ** 0.5 * values

    return {route: drawn(route, route_key) for route, route_key in zip(neuron.routes, keys, strict=True)}
