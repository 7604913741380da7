"""The weights of a network: what is accepted, and how it is stored so that no step of an optimiser breaks a bound."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.experimental.sparse import BCOO
from jaxtyping import Array, Float

from .._checks import first_entry, floating, require_finite
from .._tracing import revealed
from ..engine import Connections
from ..neurons.neuron import Neuron
from ..numerics.positive import any_real, positive
from ._arguments import given_delays
from ._capacity import is_known
from .initialisation import normal

Weights = dict[str, Float[Array, "*shape"]]


def given_connections(
    neuron: Neuron, given: Any, delays: Any, shape: tuple[int, int], name: str, delays_name: str
) -> Connections:
    """Check weights, and delays that are given beside matrices; store them as connections with named routes."""
    if isinstance(given, BCOO):
        if given.shape != shape:
            raise ValueError(f"{name}: a matrix of shape {given.shape}, but (neurons, sources) is {shape}")
        given = Connections.from_bcoo(given)
    if isinstance(given, Connections) and not given.is_dense:
        if delays is not None:
            raise ValueError(
                f"{delays_name} are for matrices; pass those of lists as Connections(targets, weights, delays=...)"
            )
        return _given_lists(neuron, given, shape, name)
    if isinstance(given, Connections):
        if delays is not None and given.delays is not None:
            raise ValueError(f"{delays_name} are given twice: {name} have delays of their own")
        given, delays = given.weights, given.delays if delays is None else delays
    arrays = {route: floating(f"{name}: weights for {route}", each) for route, each in _named(neuron, given, name)}
    for route, matrix in arrays.items():
        if matrix.shape != shape:
            raise ValueError(
                f"{name}: weights for {route} have shape {matrix.shape}, but (neurons, sources) is {shape}"
            )
    return Connections.dense(stored(neuron, arrays, name), given_delays(delays, shape, delays_name))


def _named(neuron: Neuron, given: Any, name: str) -> list[tuple[str, Any]]:
    named = given if isinstance(given, Mapping) else dict.fromkeys(neuron.routes, given)
    if len(neuron.routes) > 1 and named is not given:
        raise ValueError(f"{name}: pass weights for the routes {', '.join(neuron.routes)} by name")
    if set(named) != set(neuron.routes):
        raise ValueError(f"{name}: weights for routes {sorted(named)}, but the routes are {sorted(neuron.routes)}")
    return list(named.items())


def _given_lists(neuron: Neuron, given: Connections, shape: tuple[int, int], name: str) -> Connections:
    size, sources = shape
    if given.sources != sources:
        raise ValueError(f"{name}: lists for {given.sources} sources, but there are {sources}")
    weights = dict(_named(neuron, given.weights, name))
    # numpy, since inside jit JAX would not tell
    last = np.asarray(given.targets).max(initial=-1) if is_known(given.targets) else -1
    if last >= size:
        raise ValueError(f"{name}: a target is {last}, but there are only {size} neurons")
    return Connections(given.targets, stored(neuron, weights, name, given.exists), given.delays)


def drawn_connections(
    neuron: Neuron, shape: tuple[int, int], duration: float, key: Any, delays: Any, delays_name: str, **options: float
) -> Connections:
    """Draw weights; see `initialisation.normal`."""
    weights = stored(neuron, normal(neuron, shape, duration, key, **options), "weights to start from")
    return Connections.dense(weights, given_delays(delays, shape, delays_name))


def stored(neuron: Neuron, weights: Weights, name: str, counts: Any = True) -> Weights:
    """Return weights as networks store them: any real numbers, on routes whose weights have only one sign, too.

    Raises:
        ValueError: if a weight that counts has the wrong sign or is known not to be a finite number.
    """
    return {
        route: _stored(values, neuron, route, f"{name}: weights for {route}", counts)
        for route, values in weights.items()
    }


def _stored(values: Array, neuron: Neuron, route: str, where: str, counts: Any) -> Array:
    require_finite(where, jnp.where(counts, values, 0.0))
    sign = neuron.weight_sign(route)
    if not sign:
        return values
    ranges = ", ".join(f"{state} in {ends}" for state, ends in neuron.model.bounds.items())
    reason = f"weights must be at {'least' if sign > 0 else 'most'} 0 by the declared range of states, {ranges}"
    sizes = jnp.where(counts, sign * values, 0.0)
    known = revealed(sizes)
    if known is None:
        sizes = eqx.error_if(sizes, sizes < 0, f"{where}: {reason}")
    elif (known < 0).any():
        raise ValueError(f"{first_entry(where, sign * known, known < 0)}, but {reason}")
    return any_real(sizes)


def actual(neuron: Neuron, stored: Connections) -> Connections:
    """Return connections with the weights themselves; the same object where they are stored as they are."""
    weights = _actual(neuron, stored.weights)
    return stored if weights is stored.weights else eqx.tree_at(lambda each: each.weights, stored, weights)


def _actual(neuron: Neuron, raw: Any) -> Any:
    # masks and labels in the structure of a network hold no weights
    if not isinstance(raw, Mapping) or not any(neuron.weight_sign(route) for route in raw):
        return raw
    if not all(eqx.is_inexact_array(values) for values in raw.values()):
        return raw
    signs = {route: neuron.weight_sign(route) for route in raw}
    return {route: signs[route] * positive(values) if signs[route] else values for route, values in raw.items()}


def largest_weight(weights: Mapping[str, Any]) -> tuple[float, str]:
    """Return the largest size of a weight, and a sentence about it; nothing of weights that are not known."""
    largest = (0.0, "")
    for name, values in weights.items():
        numbers = revealed(values)
        if numbers is not None and numbers.size:
            sizes = np.abs(numbers)
            largest = max(largest, (float(sizes.max()), f"{first_entry(name, numbers, sizes == sizes.max())}. "))
    return largest[0], largest[1] and f"The largest weight: {largest[1]}"
