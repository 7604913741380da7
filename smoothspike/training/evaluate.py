"""How well a network classifies by its first output spike, with and without pseudospikes, and how active it is."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..capacity import Capacities, with_room
from ..datasets import Dataset
from ..networks import Network, simulate
from ..spikes import Spikes


def evaluate(network: Network, dataset: Dataset, *, batch_size: int = 256) -> dict[str, float]:
    """Classify every sample by the output neuron that spikes first.

    Returns:
        `accuracy`: with pseudospikes; `accuracy_without_pseudospikes`: ordinary spikes only, a sample without any
        counting as wrong; for every layer `silent_fraction_<layer>`: the share of neurons, over all samples, without
        an ordinary spike, and `spikes_per_neuron_<layer>`.

    Example:
        >>> import jax
        >>> from symbolic import models
        >>> from smoothspike import Neuron, FeedForward
        >>> data = Dataset(Spikes([[0.5], [1.0]], [[0], [1]]), [0, 1], num_classes=2, num_sources=2)
        >>> net = FeedForward(Neuron(models.qif()), (2, 2), 4.0, weights=[4.0 * jnp.eye(2)])
        >>> evaluate(net, data)["accuracy"]
        1.0
    """
    totals: Float[Array, " metrics"] = jnp.zeros(2 + 2 * (len(network.sizes) - 1))
    room = network.capacity
    for spikes, labels in dataset.batches(min(batch_size, len(dataset)), drop_last=False):
        result, room = with_room(lambda room, s=spikes, y=labels: _sums(network, s, y, room), room)
        totals = totals + result
    means = (totals / len(dataset)).tolist()
    named = {"accuracy": means[0], "accuracy_without_pseudospikes": means[1]}
    for layer in range(len(network.sizes) - 1):
        named |= {f"silent_fraction_{layer}": means[2 + 2 * layer], f"spikes_per_neuron_{layer}": means[3 + 2 * layer]}
    return named


@eqx.filter_jit
def _sums(
    network: Network, spikes: Spikes, labels: Int[Array, " samples"], room: Capacities
) -> tuple[Float[Array, " metrics"], Int[Array, "samples layers 2"]]:
    recording, needed = simulate(network, spikes, room)
    ordinary = recording.ordinary_spike_times(1)[..., 0]
    spoke = jnp.isfinite(ordinary).any(-1)
    sums = [
        (recording.first_spike_times().argmin(-1) == labels).sum(),
        (spoke & (ordinary.argmin(-1) == labels)).sum(),
    ]
    for layer, size in zip(recording.spikes, network.sizes[1:], strict=True):
        counts = layer.counts(size)
        sums += [(counts == 0).mean(-1).sum(), counts.mean(-1).sum()]
    return jnp.stack([jnp.asarray(value, float) for value in sums]), needed
