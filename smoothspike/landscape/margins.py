"""How far neurons with a finite threshold and affine equations are from grazing it.

Between two events of a neuron, its spikes and what arrives, its potential is a sum of exponentials, of which all
stationary points are known (`numerics.stationary_points`). A spike appears where the largest value in an interval
reaches the threshold, at a stationary point or where an arrival ends the rise; seen from the other side, a spike
vanishes where the potential crosses the threshold with a slope of zero.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from ..neurons.linear import LinearDynamics
from ..numerics.propagator import Structure
from ..numerics.stationary_points import Search


class Grazing(NamedTuple):
    """How far neurons are from grazing the threshold; infinite where that does not apply.

    Attributes:
        below: How far below the threshold the potential stays in every interval between events, in their order.
        steepness: The square of the slope with which the potential crosses the threshold, for every spike: unlike the
            slope, it changes in proportion to a parameter where it vanishes.
    """

    below: Float[Any, "*batch neurons intervals"]
    steepness: Float[Any, "*batch neurons spikes"]

    @classmethod
    def nothing(cls, spikes: Float[Array, "neurons spikes"]) -> "Grazing":
        """Where it cannot happen."""
        return cls(jnp.zeros((spikes.shape[0], 0)), jnp.full_like(spikes, jnp.inf))


def grazing(
    dynamics: LinearDynamics,
    start: Any,
    spikes: Float[Array, "neurons spikes"],
    arrivals: Float[Array, "rows arrivals"],
    is_own: Bool[Array, "neurons arrivals"],
    columns: dict[str, Float[Array, "neurons arrivals"]],
    duration: Float[Array, ""],
    limit: int,
) -> Grazing:
    """Follow the potentials of a population through its trial, from given spikes and arrivals, also of own spikes.

    No more than `limit` arrivals exist.
    """
    neurons, most = spikes.shape
    incoming = jnp.broadcast_to(arrivals, (neurons, arrivals.shape[1]))
    times = jnp.concatenate([incoming, spikes], 1)
    # what arrives at the time of a spike has caused it, unless that is the spike itself
    rank = jnp.concatenate([2 * is_own, jnp.ones_like(spikes, int)], 1)
    order = jnp.lexsort((rank, times), axis=1)[:, : limit + most]
    times = jnp.take_along_axis(times, order, 1)
    happens = jnp.isfinite(times)
    times = jnp.where(happens, times, duration)
    is_spike = happens & (order >= incoming.shape[1])
    added = {
        route: jnp.where(
            happens & ~is_spike,
            jnp.take_along_axis(each, jnp.minimum(order, incoming.shape[1] - 1), 1) if incoming.shape[1] else 0.0,
            0.0,
        )
        for route, each in columns.items()
    }
    lengths = jnp.diff(times, axis=1, prepend=0.0, append=duration)
    search = _search(dynamics)

    def event(state: Any, now: Any) -> tuple[Any, Any]:
        length, fires, weights = now
        before = dynamics.flow_without_spikes(state, length)
        after = jax.tree.map(lambda a, b: jnp.where(fires, a, b), dynamics.reset(before), before)
        return dynamics.jump(after, weights), (state, before)

    # the trial end is an event that does nothing
    fires, *added = (jnp.pad(each, ((0, 0), (0, 1))).T for each in (is_spike, *added.values()))
    steps = lengths.T, fires, dict(zip(columns, added, strict=True))
    _, (states, ends) = lax.scan(event, start, steps)
    below = _room(dynamics, search, states, ends, lengths.T, fires).T
    slopes = jnp.where(fires, _slope(dynamics, ends) ** 2, jnp.inf)[:-1].T
    # spikes of a neuron come in their order
    place = jnp.argsort(jnp.where(is_spike, jnp.arange(order.shape[1]), order.shape[1]), 1, stable=True)[:, :most]
    return Grazing(below, jnp.take_along_axis(slopes, place, 1))


def _search(dynamics: LinearDynamics) -> Search:
    """Stationary points of the first state; a state that is always 1 stands for constant parts."""
    place = {name: index for index, name in enumerate(dynamics.order)}
    entries = {
        (place[name], place[other]): rate for name, row in dynamics.couplings.items() for other, rate in row.items()
    }
    entries |= {(place[name], len(place)): source for name, source in dynamics.sources.items()}
    structure = Structure(len(place) + bool(dynamics.sources), tuple(entries))
    return Search.of(structure, tuple(entries.values()))


def _values(dynamics: LinearDynamics, state: Any) -> list[Array]:
    values = [state[name] for name in dynamics.order]
    return [*values, jnp.ones_like(values[0])] if dynamics.sources else values


def _slope(dynamics: LinearDynamics, state: Any) -> Float[Array, "intervals neurons"]:
    """The derivative of the potential."""
    variable = dynamics.order[0]
    slope = dynamics.sources.get(variable, jnp.zeros_like(state[variable]))
    for name, rate in dynamics.couplings[variable].items():
        slope = slope + rate * state[name]
    return slope


def _room(
    dynamics: LinearDynamics,
    search: Search,
    states: Any,
    ends: Any,
    lengths: Float[Array, "intervals neurons"],
    fires: Bool[Array, "intervals neurons"],
) -> Float[Array, "intervals neurons"]:
    """How far the potential stays below the threshold in intervals; at a spike, until the rise that leads to it."""
    variable, threshold = dynamics.order[0], dynamics.threshold
    values, size = lax.stop_gradient((_values(dynamics, states), lengths))
    values = [jnp.broadcast_to(each, size.shape) for each in values]
    place, _ = search.inside([values[kept] for kept in search.kept], size)
    # the end of an interval, where the potential may be at the threshold, is no stationary point
    is_inside = (place > 0) & (place < size * (1 - 1e-9))
    # held fixed: at a stationary point the potential does not depend on it
    peak = dynamics.flow_without_spikes(states, jnp.where(is_inside, place, 0.0))[variable]
    inner = jnp.where(is_inside, threshold - peak, jnp.inf)
    outer = jnp.where(fires, jnp.inf, threshold - jnp.maximum(ends[variable], states[variable]))
    # a potential above the threshold just after an arrival spikes there, and has no rise
    return jnp.where(fires & (states[variable] >= threshold), jnp.inf, jnp.minimum(inner, outer))
