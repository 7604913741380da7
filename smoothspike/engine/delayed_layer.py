"""Feed-forward layers with delays, simulated as one single-neuron layer per neuron."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Float, Int

from ..neurons import AbstractDynamics, State
from ..spikes import Spikes
from .events import Capacity, Drive, Population, Trajectory, gathered, not_after
from .layer import count_spikes, simulate_layer


def simulate_delayed_layer(
    dynamics: AbstractDynamics,
    initial: State,
    spikes: Spikes,
    weights: dict[str, Float[Array, "neurons sources"]],
    delays: Float[Array, "*#neurons #sources"],
    duration: Float[Array, ""],
    capacity: Capacity,
    *,
    inside: bool,
) -> Population:
    """Simulate the neurons of a layer in one trial, each with the times at which its inputs arrive.

    Arrivals at or after the trial end do nothing. Of spikes that another layer emitted `inside` the trial, one that
    rounding puts at its very end counts, as in `Drive`.
    """
    alike = Capacity(capacity.per_neuron, capacity.per_neuron)

    def alone(dynamics: AbstractDynamics, initial: State, drive: Drive) -> Population:
        return simulate_layer(dynamics, initial, drive, duration, alike)

    found = _each_alone(alone, dynamics, initial, spikes, weights, delays, duration, inside)
    starts, states = jax.tree.map(lambda leaf: leaf[..., 0].T, (found.trajectory.starts, found.trajectory.states))
    end = jax.tree.map(lambda leaf: leaf[:, 0], found.trajectory.end)
    ordered = gathered(found.spikes.times.T, capacity.total)
    return Population(ordered, Trajectory(starts, states, end), found.total.sum(), found.per_neuron.max(initial=0))


def count_delayed_spikes(
    dynamics: AbstractDynamics,
    initial: State,
    spikes: Spikes,
    weights: dict[str, Float[Array, "neurons sources"]],
    delays: Float[Array, "*#neurons #sources"],
    duration: Float[Array, ""],
    *,
    inside: bool,
) -> tuple[Int[Array, ""], Int[Array, ""]]:
    """Count the spikes of a layer with delays, and of the neuron with the most; see `count_spikes`."""

    def alone(dynamics: AbstractDynamics, initial: State, drive: Drive) -> tuple[Array, Array]:
        return count_spikes(dynamics, initial, drive, duration)

    total, per_neuron = _each_alone(alone, dynamics, initial, spikes, weights, delays, duration, inside)
    return total.sum(), per_neuron.max(initial=0)


def _each_alone(
    run: Callable[..., Any],
    dynamics: AbstractDynamics,
    initial: State,
    spikes: Spikes,
    weights: dict[str, Float[Array, "neurons sources"]],
    delays: Float[Array, "*#neurons #sources"],
    duration: Float[Array, ""],
    inside: bool,
) -> Any:
    """Run every neuron as a layer of its own, with what arrives at it."""
    shape = next(iter(weights.values())).shape

    def alone(dynamics: AbstractDynamics, initial: State, weights: Any, delays: Float[Array, " sources"]) -> Any:
        came = arrivals(spikes, delays, duration, inside=inside)
        drive = Drive(came, {route: row[None] for route, row in weights.items()}, duration, inside=True)
        return run(dynamics, initial, drive)

    def each(tree: Any) -> Any:
        return jax.tree.map(lambda leaf: leaf[:, None] if jnp.ndim(leaf) else leaf, tree)

    axes = jax.tree.map(lambda leaf: 0 if jnp.ndim(leaf) else None, dynamics)
    return jax.vmap(alone, (axes, 0, 0, 0))(each(dynamics), each(initial), weights, jnp.broadcast_to(delays, shape))


def arrivals(spikes: Spikes, delays: Float[Array, " sources"], duration: Float[Array, ""], *, inside: bool) -> Spikes:
    """Return when spikes arrive at one neuron, ascending; those that come too late are padding.

    Differentiation:
        Every arrival moves as its spike and its delay.
    """
    # rounding may have put the spike of another layer just beyond the end
    sent = jnp.where(spikes.is_spike, not_after(spikes.times, duration), jnp.inf) if inside else spikes.times
    times = sent + delays[jnp.where(spikes.is_spike, spikes.sources, 0)]
    in_time = times <= duration if inside else times < duration
    order = jnp.argsort(stop_gradient(jnp.where(in_time, times, jnp.inf)), stable=True)
    return Spikes(jnp.where(in_time, times, jnp.inf)[order], spikes.sources[order])
