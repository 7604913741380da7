"""`Dataset`: trials of input spikes with class labels, in memory."""

from collections.abc import Iterator
from typing import Any, final, overload

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jaxtyping import Array, Shaped

from .._checks import known
from .._describe import described_dataset
from .._typing import ArrayLike, PRNGKeyArray
from ..spikes import Spikes
from .abstract import AbstractDataset, as_count, as_labels
from .batching import by_length, check_batch_size, in_any_length
from .trial_currents import Currents, as_currents, of_trials


@final
class Dataset(AbstractDataset):
    """Trials of input spikes with class labels or other targets, and with input currents where they have some.

    Args:
        spikes: The inputs, with one batch axis: the samples. Each is sorted by time once, here.
        labels: The class of each sample, counted from 0; without classes, its target: any numbers, (samples, ...), such
            as the spike times that are wanted, which the loss is given.
        num_classes: The number of classes; None for targets.
        num_sources: The number of input channels.
        buckets: How many capacities minibatches may have. With 1, all have that of `spikes`. With more, a minibatch
            consists of trials of similar length, so that long ones do not pad short ones: each capacity is compiled
            once, and they are chosen for the least padding.
        currents: As in a call of the network: a current by the name that a model declares, or a mapping (or None) for
            each population. Without a leading axis it serves all samples; with one, each has its own, which come along
            in minibatches as their third part. `PiecewiseConstant.stack` pads those of different lengths.

    Raises:
        TypeError: if an argument is of the wrong type.
        ValueError: if spikes, labels and currents differ in the number of samples, a label or source is out of range,
            or a target is not a number.

    Example:
        >>> spikes = Spikes(times=[[0.0], [0.5], [1.0]], sources=[[0], [1], [0]])
        >>> dataset = Dataset(spikes, labels=[0, 1, 0], num_classes=2, num_sources=2)
        >>> len(dataset), len(dataset[:2])
        (3, 2)
        >>> [labels.tolist() for _, labels in dataset.batches(2, drop_last=False)]
        [[0, 1], [0]]
    """

    spikes: Spikes
    labels: Shaped[Array, " samples *target"]
    num_classes: int | None = eqx.field(static=True)
    num_sources: int = eqx.field(static=True)
    buckets: int = eqx.field(static=True)
    currents: Currents | None

    def __init__(
        self,
        spikes: Spikes,
        labels: ArrayLike,
        *,
        num_classes: int | None,
        num_sources: int,
        buckets: int = 1,
        currents: Currents | None = None,
    ) -> None:
        if not isinstance(spikes, Spikes):
            raise TypeError(f"spikes must be ss.Spikes(times, sources), not {type(spikes).__name__}")
        self.num_classes = None if num_classes is None else as_count("num_classes", num_classes)
        self.num_sources = as_count("num_sources", num_sources)
        self.buckets = as_count("buckets", buckets)
        self.labels = as_labels(labels, self.num_classes)
        is_fitting = spikes.times.ndim == 2 and spikes.times.shape[:1] == self.labels.shape[:1]
        if not is_fitting or (self.labels.ndim != 1 and num_classes is not None):
            raise ValueError(
                f"spikes have shape {spikes.times.shape} and labels {self.labels.shape}, but must have one label per "
                "trial: shapes (samples, events) and (samples,), or (samples, ...) for targets with num_classes=None."
            )
        self.currents = as_currents(currents, len(self.labels))
        spikes.check_sources(self.num_sources)
        is_known = known(spikes.times) is not None and known(spikes.sources) is not None
        # inputs that arrive together are then one event
        self.spikes = spikes.grouped() if is_known else spikes

    def __repr__(self) -> str:
        return described_dataset(self)

    @overload
    def __getitem__(self, index: int) -> tuple[Any, ...]: ...
    @overload
    def __getitem__(self, index: slice | npt.NDArray[Any] | Array) -> "Dataset": ...
    def __getitem__(self, index: Any) -> "tuple[Any, ...] | Dataset":
        """Return one sample as in a minibatch, or the data set of the samples in a slice or index array."""
        index = np.asarray(index) if isinstance(index, list) else index
        spikes, labels = self.spikes[index], self.labels[index]
        if spikes.times.ndim == 1:
            return self._with_currents(spikes, labels, index)
        return Dataset(
            spikes, labels, num_classes=self.num_classes, num_sources=self.num_sources, buckets=self.buckets,
            currents=of_trials(self.currents, index),
        )  # fmt: skip

    def _with_currents(self, spikes: Spikes, labels: Array, index: Any) -> tuple[Any, ...]:
        return (spikes, labels) if self.currents is None else (spikes, labels, of_trials(self.currents, index))

    def batches(
        self, batch_size: int, key: PRNGKeyArray | None = None, *, drop_last: bool = True
    ) -> Iterator[tuple[Any, ...]]:
        """Iterate once over the data set in minibatches: spikes, labels and, where the data have some, currents.

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
            return (self._with_currents(self.spikes[each], self.labels[each], each) for each in selections)
        lengths = np.isfinite(times).sum(-1)
        most = self.spikes.distinct_times
        return (
            self._with_currents(
                Spikes(times[chosen, :capacity], sources[chosen, :capacity], distinct_times=most),
                jnp.asarray(labels[chosen]),
                chosen,
            )
            for chosen, capacity in by_length(lengths, batch_size, self.buckets, key, drop_last)
        )
