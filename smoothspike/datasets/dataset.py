"""`Dataset`: trials of input spikes with class labels, in memory."""

from collections.abc import Iterator
from typing import Any, final, overload

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jaxtyping import Array, Int, PRNGKeyArray

from .._checks import known
from ..spikes import Spikes
from .abstract import AbstractDataset, as_count, as_labels
from .batching import by_length, check_batch_size, in_any_length


@final
class Dataset(AbstractDataset):
    """Trials of input spikes with class labels.

    Args:
        spikes: The inputs, with one batch axis: the samples. Each is sorted by time once, here.
        labels: The class of each sample, counted from 0.
        num_classes: The number of classes.
        num_sources: The number of input channels.
        buckets: How many capacities minibatches may have. With 1, all have that of `spikes`. With more, a minibatch
            consists of trials of similar length, so that long ones do not pad short ones: each capacity is compiled
            once, and they are chosen for the least padding.

    Raises:
        ValueError: if spikes and labels differ in the number of samples, or a label or source is out of range.

    Example:
        >>> spikes = Spikes(times=[[0.0], [0.5], [1.0]], sources=[[0], [1], [0]])
        >>> dataset = Dataset(spikes, labels=[0, 1, 0], num_classes=2, num_sources=2)
        >>> len(dataset), len(dataset[:2])
        (3, 2)
        >>> [labels.tolist() for _, labels in dataset.batches(2, drop_last=False)]
        [[0, 1], [0]]
    """

    spikes: Spikes
    labels: Int[Array, " samples"]
    num_classes: int = eqx.field(static=True)
    num_sources: int = eqx.field(static=True)
    buckets: int = eqx.field(static=True)

    def __init__(
        self, spikes: Spikes, labels: npt.ArrayLike, *, num_classes: int, num_sources: int, buckets: int = 1
    ) -> None:
        if not isinstance(spikes, Spikes):
            raise TypeError(f"spikes must be ss.Spikes(times, sources), not {type(spikes).__name__}")
        self.num_classes = as_count("num_classes", num_classes)
        self.num_sources = as_count("num_sources", num_sources)
        self.buckets = as_count("buckets", buckets)
        self.labels = as_labels(labels, self.num_classes)
        if spikes.times.shape[:-1] != self.labels.shape or self.labels.ndim != 1:
            raise ValueError(
                f"spikes have shape {spikes.times.shape} and labels {self.labels.shape}, but must have one label per "
                "trial: shapes (samples, events) and (samples,)."
            )
        spikes.check_sources(self.num_sources)
        is_known = known(spikes.times) is not None and known(spikes.sources) is not None
        # inputs that arrive together are then one event
        self.spikes = spikes.grouped() if is_known else spikes

    @overload
    def __getitem__(self, index: int) -> tuple[Spikes, Int[Array, ""]]: ...
    @overload
    def __getitem__(self, index: slice | npt.NDArray[Any] | Array) -> "Dataset": ...
    def __getitem__(self, index: Any) -> "tuple[Spikes, Int[Array, '']] | Dataset":
        """Return one sample's spikes and label, or the data set of the samples in a slice or index array."""
        index = np.asarray(index) if isinstance(index, list) else index
        spikes, labels = self.spikes[index], self.labels[index]
        if labels.ndim == 0:
            return spikes, labels
        return Dataset(spikes, labels, num_classes=self.num_classes, num_sources=self.num_sources, buckets=self.buckets)

    def batches(
        self, batch_size: int, key: PRNGKeyArray | None = None, *, drop_last: bool = True
    ) -> Iterator[tuple[Spikes, Int[Array, " batch"]]]:
        """Iterate once over the data set in minibatches of spikes and labels.

        Args:
            batch_size: The number of samples in a minibatch.
            key: Random key for shuffling; None keeps the order, but for several buckets, which follow one another.
            drop_last: Whether to omit the samples that do not fill a minibatch, so that all have one shape and nothing
                is compiled twice. Useful in training, not in evaluation.

        Raises:
            ValueError: if there would be no minibatch.
        """
        check_batch_size(batch_size, len(self), drop_last)
        times, sources, labels = (known(each) for each in (self.spikes.times, self.spikes.sources, self.labels))
        if times is None or sources is None or labels is None or self.buckets == 1:
            selections = in_any_length(len(self), batch_size, key, drop_last)
            return ((self.spikes[selection], self.labels[selection]) for selection in selections)
        lengths = np.isfinite(times).sum(-1)
        most = self.spikes.distinct_times
        return (
            (
                Spikes(times[chosen, :capacity], sources[chosen, :capacity], distinct_times=most),
                jnp.asarray(labels[chosen]),
            )
            for chosen, capacity in by_length(lengths, batch_size, self.buckets, key, drop_last)
        )
