"""`evaluate`: accuracy by first output spike or largest voltage, with and without pseudospikes, and activity."""

from collections.abc import Callable
from functools import partial
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Bool, Float, Int

from ..datasets import AbstractDataset
from ..networks import Network, simulate
from ..networks._arguments import CapacityLike, given_capacities
from ..networks._capacity import Capacities, with_capacity
from ..networks.recording import Recording
from ..parallel.devices import replicate, shard_batch
from .batch import Batch
from .checks import classes_of, require_count, require_dataset, require_network
from .step import Loss, of_samples


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

    A network is driven by the currents of the data set, too, where it has some. Without classes, where the labels are
    targets, nothing is classified: pass the loss that compares with them.

    Args:
        network: The network.
        dataset: The samples.
        batch_size: How many to simulate at a time.
        readout: What the loss is a function of (see `fit`). For a network that ends in a readout it returns one number
            for each class, of which the largest decides, or a tuple that begins with them; by default `max_over_time`.
        mesh: Devices to share out every batch among, such as `data_mesh()`.
        capacity: The capacity of each population at the start; it grows automatically.
        loss: The loss of one sample, `loss(readout, label)`, to evaluate as well.

    Returns:
        With classes, `accuracy_without_pseudospikes`: ordinary spikes only, a sample without any counting as wrong, and
        the same as `accuracy` for a network that ends in a readout, which no pseudospikes reach; `accuracy`: with
        pseudospikes;
        `loss`: its mean, if one is given; for every spiking layer `silent_fraction_<layer>`: the share of neurons, over
        all samples, without an ordinary spike, and `spikes_per_neuron_<layer>`.

    Raises:
        TypeError: if an argument is of the wrong type.
        ValueError: if there are no samples, or they have more channels than the network, or labels that are no outputs.

    Example:
        >>> import jax
        >>> from symbolic import models
        >>> from smoothspike import FeedForward, Neuron, Spikes
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
    size, classes = _even_size(len(dataset), batch_size, 1 if mesh is None else mesh.size), classes_of(dataset)
    for parts in dataset.batches(min(size, len(dataset)), drop_last=False):
        # batches of one size are compiled once
        batch, is_sample = Batch.of(parts).filled_up(size)
        measure = partial(batch.measured, network) if mesh is None else None
        if mesh is not None:
            batch, is_sample = batch.on(mesh), shard_batch(is_sample, mesh)
        sums = partial(_sums, network, batch, is_sample, loss, readout, dataset.num_classes is not None, classes)
        result, capacities, _ = with_capacity(sums, capacities, measure=measure)
        totals += np.asarray(result)
    means = (totals / len(dataset)).tolist()
    named = {} if dataset.num_classes is None else {"accuracy_without_pseudospikes": means[0], "accuracy": means[1]}
    named |= {} if loss is None else {"loss": means[2]}
    for place, layer in enumerate(spiking):
        named |= {f"silent_fraction_{layer}": means[3 + 2 * place], f"spikes_per_neuron_{layer}": means[4 + 2 * place]}
    return named


def _even_size(samples: int, most: int, devices: int) -> int:
    """Return the size of as few batches as possible, all of the same size and with few samples missing.

    Example:
        >>> _even_size(300, 256, 1), _even_size(300, 256, 8), _even_size(10, 256, 1)
        (150, 152, 10)
    """
    batches = -(-samples // most)
    return -(-samples // (batches * devices)) * devices


def default_readout(network: Network) -> Callable[[Recording], Any]:
    """Return what a network is read out by: spike times, or the voltages of a readout."""
    kind = network.records
    return kind.max_over_time if network.layers[-1].is_readout else kind.first_spike_times


def _by_voltage(recording: Recording, readout: Callable, network: Network) -> Int[Array, " samples"]:
    """Return the class of the largest voltage; by the maximum over time if the readout gives no number per class."""
    batch = recording.spikes[0].times.shape[:-1]
    found = readout(recording)
    found = found[0] if isinstance(found, tuple) else found
    if getattr(found, "shape", None) != (*batch, network.sizes[-1]):
        found = default_readout(network)(recording)
    return found.argmax(-1)


@eqx.filter_jit
def _sums(
    network: Network,
    batch: Batch,
    is_sample: Bool[Array, " samples"],
    loss: Loss | None,
    readout: Callable[[Recording], Any],
    is_classified: bool,
    classes: int | None,
    capacities: Capacities,
) -> tuple[Float[Array, " metrics"], Int[Array, "samples layers 2"]]:
    recording, needed = simulate(network, batch.spikes, capacities, batch.currents)
    labels = batch.labels
    losses = 0.0 if loss is None else of_samples(loss, readout(recording), labels, classes)
    right = (jnp.zeros_like(is_sample),) * 2
    if is_classified and recording.layers[-1].is_readout:
        right = (_by_voltage(recording, readout, network) == labels,) * 2
    elif is_classified:
        ordinary = recording.ordinary_spike_times(1)[..., 0]
        spoke = jnp.isfinite(ordinary).any(-1)
        right = spoke & (ordinary.argmin(-1) == labels), recording.first_spike_times().argmin(-1) == labels
    sums = [(is_sample & each).sum() for each in right]
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
