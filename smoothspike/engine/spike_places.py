"""The places of spikes that exist, among those of all that neurons may have: what is computed of spikes is for them."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int


class SpikePlaces(NamedTuple):
    """Where the spikes of a population are in arrays over the first spikes of every neuron.

    Attributes:
        number: Which of the spikes of its neuron each is; the last one's for padding.
        neuron: Whose it is.
        rank: For the first spikes of every neuron, where they are in this list.
    """

    number: Int[Array, " total *trials"]
    neuron: Int[Array, " total *trials"]
    rank: Int[Array, "most neurons *trials"]

    @classmethod
    def of(cls, spiked: Int[Array, " neurons *trials"], most: int, total: int) -> "SpikePlaces":
        """List the spikes of neurons that have spiked so often, up to `most` of each, and `total` of all."""
        noted = jnp.minimum(spiked, most)
        beyond = jnp.cumsum(noted, axis=0)
        wanted = jnp.arange(total, dtype=spiked.dtype).reshape(-1, *(1,) * (spiked.ndim - 1))
        wanted = jnp.clip(wanted, 0, jnp.maximum(beyond[-1] - 1, 0))
        neuron = jnp.minimum(first_above(beyond, wanted), len(spiked) - 1)
        first = beyond - noted
        numbers = jnp.arange(most, dtype=spiked.dtype).reshape(-1, *(1,) * spiked.ndim)
        return cls(wanted - _along(first, neuron), neuron, jnp.minimum(first + numbers, total - 1))

    def gathered(self, tree: Any) -> Any:
        """Return what arrays over the first spikes of every neuron hold of those that exist."""

        def chosen(leaf: Array) -> Array:
            return _along(leaf.reshape(-1, *leaf.shape[2:]), self.number * leaf.shape[1] + self.neuron)

        return jax.tree.map(chosen, tree)

    def of_neurons(self, tree: Any) -> Any:
        """Return what arrays over neurons hold of those whose spikes they are."""
        size = self.rank.shape[1]

        def chosen(leaf: Array) -> Array:
            if not jnp.ndim(leaf):
                return leaf
            return jnp.broadcast_to(leaf, (size, *leaf.shape[1:]))[self.neuron].reshape(self.neuron.shape)

        return jax.tree.map(chosen, tree)

    def spread(self, tree: Any) -> Any:
        """Return to arrays over the first spikes of every neuron; those that do not exist get some other's value."""
        return jax.tree.map(lambda leaf: _along(leaf, self.rank), tree)


def _along(values: Array, places: Array) -> Array:
    """Return values of the first axis, for each trial its own."""
    flat = places.reshape(-1, *places.shape[places.ndim - values.ndim + 1 :])
    return jnp.take_along_axis(values, flat, 0, mode="promise_in_bounds").reshape(places.shape)


def first_above(ascending: Int[Array, " size *trials"], values: Int[Array, " total *trials"]) -> Array:
    """Return where each trial's ascending numbers are first above each value, by bisection; else their number."""
    low, high = jnp.zeros_like(values), jnp.full_like(values, len(ascending))
    for _ in range(len(ascending).bit_length()):
        middle = (low + high) // 2
        above = _along(ascending, jnp.minimum(middle, len(ascending) - 1)) > values
        low, high = jnp.where(above, low, jnp.minimum(middle + 1, high)), jnp.where(above, middle, high)
    return low
