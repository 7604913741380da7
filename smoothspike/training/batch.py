"""A minibatch as training and evaluation take it, with its currents."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Array, Bool, Shaped

from ..datasets.trial_currents import is_current
from ..networks import Network
from ..networks._capacity import Capacities
from ..networks._driven import driven_by_currents
from ..networks._execute import enough
from ..parallel.devices import replicate, shard_batch
from ..spikes import Spikes


class Batch(NamedTuple):
    """Spikes and labels of some samples, and the currents that drive them.

    Attributes:
        spikes: The inputs.
        labels: The classes or targets.
        own: The currents of which each sample has its own; None in place of others.
        shared: Those which all samples share; None in place of others.
    """

    spikes: Spikes
    labels: Shaped[Array, " samples *target"]
    own: Any
    shared: Any

    @classmethod
    def of(cls, parts: Sequence[Any]) -> "Batch":
        """Make one of what a data set yields: spikes, labels and, where it has some, currents."""
        spikes, labels, *given = parts
        currents = given[0] if given else None
        own, shared = (
            jax.tree.map(lambda one, of=of: one if bool(one.batch) is of else None, currents, is_leaf=is_current)
            for of in (True, False)
        )
        return cls(spikes, labels, own, shared)

    @property
    def currents(self) -> Any:
        """All currents, as a network takes them."""
        return together(self.own, self.shared)

    def measured(self, network: Network, capacities: Capacities) -> Capacities:
        """Return the capacity that these samples need, at least that which is given."""
        driven, spikes, _ = driven_by_currents(network, self.currents, self.spikes)
        return enough(driven, spikes, network.states(None), capacities)

    def on(self, mesh: Mesh | None) -> "Batch":
        """Share the samples out among devices; their number must be a multiple of that of the devices."""
        if mesh is None:
            return self
        return Batch(*shard_batch(self[:3], mesh), replicate(self.shared, mesh))

    def filled_up(self, multiple_of: int) -> tuple["Batch", Bool[Array, " more"]]:
        """Pad with copies of the last sample to a multiple of a number; say which samples were there before."""
        samples = self.labels.shape[0]
        missing = -samples % multiple_of
        if missing == 0:
            return self, jnp.ones(samples, bool)

        def padded(leaf: Array) -> Array:
            return jnp.pad(leaf, ((0, missing), *((0, 0),) * (leaf.ndim - 1)), mode="edge")

        times, sources = padded(self.spikes.times), padded(self.spikes.sources)
        spikes = Spikes(times, sources, distinct_times=self.spikes.distinct_times)
        labels, own = jax.tree.map(padded, (self.labels, self.own))
        return Batch(spikes, labels, own, self.shared), jnp.arange(samples + missing) < samples


def together(own: Any, shared: Any) -> Any:
    """Return all currents."""
    return eqx.combine(own, shared, is_leaf=is_current)
