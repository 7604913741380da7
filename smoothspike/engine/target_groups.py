"""Connections cut into groups of targets that one event reaches together.

An event is a spike or the arrival of a group. Without delays a spike reaches its targets itself; with one delay for all
targets of a source they are one group; with delays of their own each is a group, and the groups of a source are ordered
by delay, so that of all arrivals of a spike only the next one waits in the queue.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Float, Int

from .connections import OUT_OF_RANGE, Connections


class Arrivals(NamedTuple):
    """The arrivals of inputs, ascending; those at the trial end are padding.

    Attributes:
        times: When each arrives.
        groups: Which group of targets it reaches.
    """

    times: Float[Array, " arrivals"]
    groups: Int[Array, " arrivals"]


class TargetGroups(NamedTuple):
    """All groups: those of spikes (the neuron itself in front), those of inputs, then those that spikes reach late.

    Attributes:
        targets: Of every group; `OUT_OF_RANGE` for none. The last group is empty.
        weights: What each adds there, for every route.
        delays: After which time a spike reaches each late group, the groups of one neuron in the order of their delays,
            then `inf`; (neurons, 0) without delays.
    """

    targets: Int[Array, "groups width"]
    weights: dict[str, Float[Array, "groups width"]]
    delays: Float[Array, "neurons late"]

    @property
    def num_late(self) -> int:
        """How many late groups a neuron has, the empty one that ends them included."""
        return self.delays.shape[1]

    @property
    def first_late(self) -> int:
        """Where late groups begin."""
        return self.targets.shape[0] - 1 - self.delays.size


def target_groups(
    recurrent: Connections,
    inputs: Connections,
    times: Float[Array, " inputs"],
    sources: Int[Array, " inputs"],
    duration: Float[Array, ""],
) -> tuple[TargetGroups, Arrivals]:
    """Cut connections into groups, and list when those of inputs are reached.

    Args:
        recurrent: From every neuron.
        inputs: From every input channel.
        times: Of inputs, ascending, `duration` for padding.
        sources: Of inputs.
        duration: The trial end.

    Differentiation:
        Weights, delays and times keep their derivatives; the order has none.
    """
    recurrent, inputs = recurrent.to_lists(), inputs.to_lists()
    size, dtype = recurrent.sources, times.dtype
    at_once = recurrent.delays is None
    one_each = not recurrent.arrives_at_once
    # at least two: what XLA reads of one row it reads again after the row is written, and copies all of them for it,
    # which takes 2.6 times as long in a network of 10,000 neurons
    width = max(2, 1 + recurrent.out_degree if at_once else 1 if one_each else recurrent.out_degree)
    reached = Connections(jnp.full((size, 0), -1), {route: each[:, :0] for route, each in recurrent.weights.items()})
    own = _own_first(recurrent if at_once else reached, width)
    entering, input_delays = _grouped(inputs, width, dtype)
    parts, delays = [own, entering], jnp.zeros((size, 0), dtype)
    if not at_once:
        late, delays = _ordered(*_grouped(recurrent, width, dtype))
        parts.append(late)
    rows = [(each[0].reshape(-1, width), {r: w.reshape(-1, width) for r, w in each[1].items()}) for each in parts]
    rows.append((jnp.full((1, width), -1), {route: jnp.zeros((1, width), dtype) for route in recurrent.weights}))
    targets = jnp.concatenate([each for each, _ in rows])
    weights = {route: jnp.concatenate([each[route] for _, each in rows]) for route in recurrent.weights}
    groups = TargetGroups(jnp.where(targets < 0, OUT_OF_RANGE, targets), weights, delays)
    return groups, _arrivals(size, input_delays, inputs.delays is not None, times, sources, duration)


_Grouped = tuple[Int[Array, "sources groups width"], dict[str, Float[Array, "sources groups width"]]]


def _own_first(connections: Connections, width: int) -> _Grouped:
    """Put every neuron in front of its targets, and what it adds to itself with it."""
    reached = jnp.asarray(connections.targets)
    own = jnp.arange(connections.sources, dtype=reached.dtype)[:, None]
    itself = reached == own
    targets = jnp.concatenate([own, jnp.where(itself, -1, reached)], 1)
    weights = {
        route: jnp.concatenate([jnp.where(itself, each, 0.0).sum(1, keepdims=True), each], 1)
        for route, each in connections.weights.items()
    }
    return _cut(targets, width, -1), {route: _cut(each, width, 0.0) for route, each in weights.items()}


def _grouped(connections: Connections, width: int, dtype: Any) -> tuple[_Grouped, Float[Array, "sources groups"]]:
    """Cut the targets of every source into groups, and return the delay of each, `inf` for empty groups."""

    def cut(values: Array, fill: float) -> Array:
        if connections.arrives_at_once:
            return _cut(values, width, fill)
        return jnp.pad(values[..., None], ((0, 0), (0, 0), (0, width - 1)), constant_values=fill)

    targets = cut(jnp.asarray(connections.targets), -1)
    delays = jnp.zeros((), dtype) if connections.delays is None else connections.delays
    delays = jnp.where((targets >= 0).any(-1), delays, jnp.inf).astype(dtype)
    return (targets, {route: cut(each, 0.0) for route, each in connections.weights.items()}), delays


def _cut(rows: Array, width: int, fill: float) -> Array:
    """Fill rows up to a multiple of the width, and cut them."""
    padded = jnp.pad(rows, ((0, 0), (0, -rows.shape[1] % width)), constant_values=fill)
    return padded.reshape(rows.shape[0], -1, width)


def _ordered(
    grouped: _Grouped, delays: Float[Array, "sources groups"]
) -> tuple[tuple[Array, dict[str, Array]], Float[Array, "sources late"]]:
    """Order the groups of every source by delay, and end them with an empty one that is never reached."""
    targets, weights = grouped
    order = jnp.argsort(stop_gradient(delays), axis=1, stable=True)

    def ordered(values: Array, end: float) -> Array:
        places = order.reshape(*order.shape, *(1,) * (values.ndim - 2))
        rows = jnp.take_along_axis(values, places, 1)
        return jnp.pad(rows, ((0, 0), (0, 1), *((0, 0),) * (values.ndim - 2)), constant_values=end)

    weights = {route: ordered(each, 0.0) for route, each in weights.items()}
    return (ordered(targets, -1), weights), ordered(delays, jnp.inf)


def _arrivals(
    size: int,
    delays: Float[Array, "sources groups"],
    are_late: bool,
    times: Float[Array, " inputs"],
    sources: Int[Array, " inputs"],
    duration: Float[Array, ""],
) -> Arrivals:
    """List when every group of every input is reached; of simultaneous ones those of earlier inputs come first."""
    number = delays.shape[1]
    groups = (size + sources[:, None] * number + jnp.arange(number)).ravel()
    at = (times[:, None] + delays[sources]).ravel()
    at = jnp.where((at < duration) & jnp.repeat(times < duration, number), at, duration)
    if not are_late:
        # a group of no targets comes last in its row, and changes nothing
        return Arrivals(jnp.repeat(times, number), groups)
    order = jnp.argsort(stop_gradient(at), stable=True)
    return Arrivals(at[order], groups[order])
