"""Connections with delays in one list, in which a spike travels from one to the next."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Float, Int

from .connections import Connections
from .rows import NOBODY


class Ways(NamedTuple):
    """All connections in one list: those of a source together, in the order of their delays, then one to nobody.

    Attributes:
        targets: Whom each reaches.
        delays: How long it takes; `inf` where it reaches nobody.
        weights: What it adds there, for every route.
        first: Where the connections of each source begin: neurons first, then input channels.
    """

    targets: Int[Array, " connections"]
    delays: Float[Array, " connections"]
    weights: dict[str, Float[Array, " connections"]]
    first: Int[Array, " sources"]


def ordered_by_delay(recurrent: Connections, inputs: Connections, dtype: Any) -> Ways:
    """Put the connections of every source in the order of their delays.

    Differentiation:
        Weights and delays keep their derivatives; the order has none.
    """
    parts = [_in_order(each, dtype) for each in (recurrent, inputs)]
    targets, delays, weights = jax.tree.map(lambda *both: jnp.concatenate([each.ravel() for each in both]), *parts)
    widths = [part[0].shape[1] for part in parts]
    own = jnp.arange(recurrent.sources) * widths[0]
    entering = recurrent.sources * widths[0] + jnp.arange(inputs.sources) * widths[1]
    return Ways(targets, delays, weights, jnp.concatenate([own, entering]).astype(jnp.int32))


def room_for(recurrent: Connections, inputs: Connections, num_inputs: int, spikes: int) -> int:
    """Return how many events there can be: all spikes and all their arrivals."""
    return num_inputs * inputs.out_degree + spikes * (1 + recurrent.out_degree)


def _in_order(connections: Connections, dtype: Any) -> tuple[Array, Array, dict[str, Array]]:
    """Order every source's connections by delay, and end them with one to nobody."""
    is_there = connections.targets >= 0
    delays = jnp.where(is_there, 0.0 if connections.delays is None else connections.delays, jnp.inf).astype(dtype)
    order = jnp.argsort(stop_gradient(delays), axis=1, stable=True)

    def ordered(values: Array, end: float) -> Array:
        return jnp.pad(jnp.take_along_axis(values, order, 1), ((0, 0), (0, 1)), constant_values=end)

    weights = {route: ordered(each, 0.0) for route, each in connections.weights.items()}
    return ordered(jnp.where(is_there, connections.targets, NOBODY), NOBODY), ordered(delays, jnp.inf), weights
