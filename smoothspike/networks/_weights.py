"""The weights of a network: what is accepted, and how it is stored so that no step of an optimiser breaks a bound."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.experimental.sparse import BCOO
from jaxtyping import Array

from .._checks import first_entry, floating, require_finite
from .._tracing import revealed
from ..engine import Connections
from ..neurons.neuron import Neuron
from ..numerics.positive import any_real, positive
from ._capacity import is_known
from .initialisation import normal
from .pseudospikes import Weights


def given_weights(neuron: Neuron, weights: Any, shape: tuple[int, int], name: str) -> Weights:
    """Check weights in matrices, and name their routes."""
    if isinstance(weights, Connections | BCOO):
        raise TypeError(
            f"{name}: sparse weights are for Recurrent(..., recurrent_weights=..., input_weights=...); give a layer a "
            "matrix (neurons, sources), such as BCOO.todense()"
        )
    named = weights if isinstance(weights, Mapping) else dict.fromkeys(neuron.routes, weights)
    if len(neuron.routes) > 1 and named is not weights:
        raise ValueError(f"{name}: give weights for the routes {', '.join(neuron.routes)} by name")
    if set(named) != set(neuron.routes):
        raise ValueError(f"{name}: weights for routes {sorted(named)}, but the routes are {sorted(neuron.routes)}")
    arrays = {route: floating(f"{name}: weights for {route}", matrix) for route, matrix in named.items()}
    for route, matrix in arrays.items():
        if matrix.shape != shape:
            raise ValueError(
                f"{name}: weights for {route} have shape {matrix.shape}, but (neurons, sources) is {shape}"
            )
    return stored(neuron, arrays, name)


def drawn_weights(neuron: Neuron, shape: tuple[int, int], duration: float, key: Any, **options: float) -> Weights:
    """Draw weights; see `initialisation.normal`."""
    return stored(neuron, normal(neuron, shape, duration, key, **options), "weights to start from")


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
    reason = f"weights have to be at {'least' if sign > 0 else 'most'} 0 by the declared range of states, {ranges}"
    sizes = jnp.where(counts, sign * values, 0.0)
    known = revealed(sizes)
    if known is None:
        sizes = eqx.error_if(sizes, sizes < 0, f"{where}: {reason}")
    elif (known < 0).any():
        raise ValueError(f"{first_entry(where, sign * known, known < 0)}, but {reason}")
    return any_real(sizes)


def actual(neuron: Neuron, raw: Any) -> Any:
    """Undo `stored`; what is stored as it is, is returned as it is.

    So are masks and labels in the structure of a network, which hold no weights.
    """
    if isinstance(raw, Connections):
        weights = actual(neuron, raw.weights)
        return raw if weights is raw.weights else eqx.tree_at(lambda each: each.weights, raw, weights)
    if not isinstance(raw, Mapping) or not any(neuron.weight_sign(route) for route in raw):
        return raw
    if not all(eqx.is_inexact_array(values) for values in raw.values()):
        return raw
    signs = {route: neuron.weight_sign(route) for route in raw}
    return {route: signs[route] * positive(values) if signs[route] else values for route, values in raw.items()}


def given_connections(neuron: Neuron, given: Connections | BCOO, size: int, sources: int, name: str) -> Connections:
    """Check sparse weights, and name their routes."""
    if isinstance(given, BCOO):
        if given.shape != (size, sources):
            raise ValueError(f"{name}: a matrix of shape {given.shape}, but (neurons, sources) is {(size, sources)}")
        given = Connections.from_bcoo(given)
    if given.sources != sources:
        raise ValueError(f"{name}: lists for {given.sources} sources, but there are {sources}")
    if not isinstance(given.weights, Mapping):
        if len(neuron.routes) > 1:
            raise ValueError(f"{name}: give weights for the routes {', '.join(neuron.routes)} by name")
        given = Connections(given.targets, {route: given.weights for route in neuron.routes}, given.delays)
    if set(given.weights) != set(neuron.routes):
        raise ValueError(
            f"{name}: weights for routes {sorted(given.weights)}, but the routes are {sorted(neuron.routes)}"
        )
    # numpy, since inside jit JAX would not tell
    last = np.asarray(given.targets).max(initial=-1) if is_known(given.targets) else -1
    if last >= size:
        raise ValueError(f"{name}: a target is {last}, but there are only {size} neurons")
    weights = stored(neuron, dict(given.weights), name, given.targets >= 0)
    return eqx.tree_at(lambda each: each.weights, given, weights)


def largest_weight(weights: Mapping[str, Any]) -> tuple[float, str]:
    """Return the largest size of a weight, and a sentence about it; nothing of weights that are not known."""
    largest = (0.0, "")
    for name, values in weights.items():
        numbers = revealed(values)
        if numbers is not None and numbers.size:
            sizes = np.abs(numbers)
            largest = max(largest, (float(sizes.max()), f"{first_entry(name, numbers, sizes == sizes.max())}. "))
    return largest[0], largest[1] and f"The largest weight: {largest[1]}"
