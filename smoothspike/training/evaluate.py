"""`evaluate`: accuracy by first output spike or largest voltage, with and without pseudospikes, and activity."""

from collections.abc import Callable
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int

from ..datasets import AbstractDataset
from ..networks import Network, simulate
from ..networks._arguments import CapacityLike, given_capacities
from ..networks._capacity import Capacities, with_capacity
from ..networks._execute import enough
from ..networks.recording import Recording
from ..parallel.devices import replicate, shard_batch
from ..spikes import Spikes
from .checks import require_count, require_dataset, require_network
from .step import Loss


def evaluate(
    network: Network,
    dataset: AbstractDataset,
    *,
    batch_size: int = 256,
    readout: Callable[[Recording], Any] | None = None,
    mesh: Mesh | None = None,
    capacity: CapacityLike | None = None,
    loss: Loss | None = None,
) -> dict[str, float]:
    """Classify every sample by the output neuron that spikes first, or the readout whose voltage is largest.

    Args:
        network: The network.
        dataset: The samples.
        batch_size: How many to simulate at a time.
        readout: What the loss is a function of (see `fit`). For a network that ends in a readout it returns one number
            for each class, of which the largest decides; by default `max_over_time`.
        mesh: Devices to share out every batch among, such as `data_mesh()`.
        capacity: The capacity of each population at the start; it grows automatically.
        loss: The loss of one sample, `loss(readout, label)`, to evaluate as well.

    Returns:
        `accuracy_without_pseudospikes`: ordinary spikes only, a sample without any counting as wrong, and the same as
        `accuracy` for a network that ends in a readout, which no pseudospikes reach; `accuracy`: with pseudospikes;
        `loss`: its mean, if one is given; for every spiking layer `silent_fraction_<layer>`: the share of neurons, over
        all samples, without an ordinary spike, and `spikes_per_neuron_<layer>`.

    Raises:
        TypeError: if an argument is of the wrong type.
        ValueError: if there are no samples, or they have more channels than the network, or labels that are no outputs.

    Example:
        >>> import jax
        >>> from symbolic import models
        >>> from smoothspike import Neuron, FeedForward
        >>> from smoothspike.datasets import Dataset
        >>> data = Dataset(Spikes([[0.5], [1.0]], [[0], [1]]), [0, 1], num_classes=2, num_sources=2)
        >>> net = FeedForward(Neuron(models.qif()), (2, 2), 4.0, weights=[4.0 * jnp.eye(2)])
        >>> evaluate(net, data)["accuracy"]
        1.0
    """
    require_network(network)
    require_count("batch_size", batch_size, 1)
    require_dataset("dataset", dataset, network, default_readout(network), every_input=False)
    readout = default_readout(network) if readout is None else readout
    spiking = [number for number, layer in enumerate(network.layers) if not layer.is_readout]
    totals = np.zeros(3 + 2 * len(spiking))
    capacities = given_capacities(network, capacity)
    if mesh is not None:
        network = replicate(network, mesh)
    for spikes, labels in dataset.batches(min(batch_size, len(dataset)), drop_last=False):
        if mesh is not None:
            spikes, labels = shard_batch(_filled_up(spikes, labels, mesh.size), mesh)
        measure = partial(enough, network, spikes, network.states(None)) if mesh is None else None
        result, capacities, _ = with_capacity(
            partial(_sums, network, spikes, labels, loss, readout), capacities, measure=measure
        )
        totals += np.asarray(result)
    means = (totals / len(dataset)).tolist()
    named = {"accuracy_without_pseudospikes": means[0], "accuracy": means[1]} | (
        {} if loss is None else {"loss": means[2]}
    )
    for place, layer in enumerate(spiking):
        named |= {f"silent_fraction_{layer}": means[3 + 2 * place], f"spikes_per_neuron_{layer}": means[4 + 2 * place]}
    return named


def default_readout(network: Network) -> Callable[[Recording], Any]:
    """Return what a network is read out by: spike times, or the voltages of a readout."""
    kind = network.records
    return kind.max_over_time if network.layers[-1].is_readout else kind.first_spike_times


def _by_voltage(recording: Recording, readout: Callable, network: Network) -> Int[Array, " samples"]:
    """Return the class of the largest voltage; by the maximum over time if the readout gives no number per class."""
    batch = recording.spikes[0].times.shape[:-1]
    shape = jax.eval_shape(readout, recording)
    if getattr(shape, "shape", None) != (*batch, network.sizes[-1]):
        readout = default_readout(network)
    return readout(recording).argmax(-1)


def _filled_up(spikes: Spikes, labels: Int[Array, " samples"], devices: int) -> tuple[Spikes, Int[Array, " more"]]:
    """Pad a batch with silent trials of class -1, which do not count, to a multiple of the number of devices."""
    missing = -len(labels) % devices
    times = jnp.pad(spikes.times, ((0, missing), (0, 0)), constant_values=jnp.inf)
    sources = jnp.pad(spikes.sources, ((0, missing), (0, 0)))
    return Spikes(times, sources), jnp.pad(labels, (0, missing), constant_values=-1)


@eqx.filter_jit
def _sums(
    network: Network,
    spikes: Spikes,
    labels: Int[Array, " samples"],
    loss: Loss | None,
    readout: Callable[[Recording], Any],
    capacities: Capacities,
) -> tuple[Float[Array, " metrics"], Int[Array, "samples layers 2"]]:
    recording, needed = simulate(network, spikes, capacities)
    is_sample = labels >= 0
    losses = 0.0 if loss is None else jax.vmap(loss)(readout(recording), jnp.maximum(labels, 0))
    if recording.layers[-1].is_readout:
        sums = [(_by_voltage(recording, readout, network) == labels).sum()] * 2
    else:
        ordinary = recording.ordinary_spike_times(1)[..., 0]
        spoke = jnp.isfinite(ordinary).any(-1)
        sums = [
            (spoke & (ordinary.argmin(-1) == labels)).sum(),
            (recording.first_spike_times().argmin(-1) == labels).sum(),
        ]
    sums.append(jnp.where(is_sample, losses, 0.0).sum())
    for spikes, record in zip(recording.spikes, recording.layers, strict=True):
        if record.is_readout:
            continue
        counts = spikes.counts(record.size)
        sums += [
            (is_sample * (counts == 0).mean(-1, dtype=float)).sum(),
            (is_sample * counts.mean(-1, dtype=float)).sum(),
        ]
    return jnp.stack([jnp.asarray(value, float) for value in sums]), needed
