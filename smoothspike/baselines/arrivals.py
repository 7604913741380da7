"""What arrives at a population in every step: spikes of its sources after their delays, which are rounded to steps."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Float

from ..engine import Connections
from ..spikes import Spikes

#: Sums of weights that arrive, by route.
Drive = dict[str, Array]


def rasterised(spikes: Spikes, sources: int, dt: float, steps: int) -> Float[Array, "instants sources"]:
    """Count the input spikes of one trial at the nearest instant of the grid; those at or beyond its end do nothing."""
    nearest = jnp.round(jnp.where(spikes.is_spike, spikes.times, 0.0) / dt).astype(jnp.int32)
    is_within = spikes.is_spike & (spikes.times < dt * steps)
    # one that is rounded to the trial end still counts, at it
    places = jnp.where(is_within, jnp.minimum(nearest, steps), steps + 1)
    raster = jnp.zeros((steps + 1, sources), spikes.times.dtype)
    return raster.at[places, spikes.sources].add(1.0, mode="drop")


def steps_of(delays: Any, dt: float) -> Array:
    """Round delays to steps; they have no derivative then."""
    return jnp.round(stop_gradient(jnp.asarray(delays)) / dt).astype(jnp.int32)


def through(connections: Connections, spikes: Float[Array, "*batch sources"], size: int) -> Drive:
    """Sum weights of spikes that arrive at once."""
    if connections.is_dense:
        return {route: spikes @ matrix.T for route, matrix in connections.weights.items()}
    assert connections.targets is not None
    targets = jnp.where(connections.exists, connections.targets, size)
    return {
        route: jnp.zeros((*spikes.shape[:-1], size), spikes.dtype)
        .at[..., targets].add(each * spikes[..., None], mode="drop")
        for route, each in connections.weights.items()
    }  # fmt: skip


def with_delays(connections: Connections, raster: Float[Array, "instants sources"], size: int, dt: float) -> Drive:
    """Sum weights of all spikes of a trial at the instants at which they arrive."""
    if connections.delays is None:
        return through(connections, raster, size)
    instants = jnp.arange(raster.shape[0])
    if connections.arrives_at_once:
        sent = instants[:, None] - steps_of(connections.source_delays(), dt)
        shifted = jnp.where(sent >= 0, jnp.take_along_axis(raster, jnp.maximum(sent, 0), axis=0), 0.0)
        return through(connections, shifted, size)

    def at(instant: Array) -> Drive:
        sent = instant - lags(connections, dt)
        return along(connections, raster, sent, sent >= 0, size)

    return jax.lax.map(at, instants)


def lags(connections: Connections, dt: float) -> Array:
    """Return the delay of each connection in steps, in the shape of the weights."""
    delays = 0.0 if connections.delays is None else connections.delays
    return jnp.broadcast_to(steps_of(delays, dt), connections.shape)


def along(
    connections: Connections, history: Float[Array, "rows sources"], row: Array, counts: Array, size: int
) -> Drive:
    """Sum weights of spikes that are looked up in a history, for each connection in a row of its own."""
    own_axis = 1 if connections.is_dense else 0
    shape = connections.shape
    source = jnp.broadcast_to(jnp.expand_dims(jnp.arange(connections.sources), 1 - own_axis), shape)
    spikes = jnp.where(counts & connections.exists, history[jnp.clip(row, 0, history.shape[0] - 1), source], 0.0)
    if connections.is_dense:
        return {route: (matrix * spikes).sum(1) for route, matrix in connections.weights.items()}
    assert connections.targets is not None
    targets = jnp.where(connections.exists, connections.targets, size)
    return {
        route: jnp.zeros(size, spikes.dtype).at[targets].add(each * spikes, mode="drop")
        for route, each in connections.weights.items()
    }
