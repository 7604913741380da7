"""`StreamedDataset`: trials that are read, minibatch by minibatch, while a network trains."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, final, overload

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jaxtyping import Array, Float, Int

from .._ragged import Flat, flat_from_trials, padded
from .._time_units import MILLISECONDS, time_factor
from .._typing import ArrayLike, PRNGKeyArray
from ..spikes import Spikes
from .abstract import AbstractDataset, as_count, as_labels
from .batching import by_length, check_batch_size
from .dataset import Dataset

#: Returns times and sources of the trials with these numbers, in this order.
Read = Callable[[Int[np.ndarray, " trials"]], Sequence[tuple[ArrayLike, ArrayLike]]]
_AT_ONCE = 256


@final
class StreamedDataset(AbstractDataset):
    """Labelled trials larger than memory: only the current minibatch and the next one are in it.

    All trials are read once when it is made, to check them and to count their spikes: errors come before training,
    and minibatches consist of trials of similar length. Spikes that come together are one event, as those of a
    `Dataset` are. While a network trains, the next minibatch is read in the background. `fit` describes it by a
    digest of all spikes, so a training resumes wherever the data are then.

    Args:
        read: A function of an array of trial numbers that returns a pair (times, sources) for each, of any numeric
            types and in any order of time, always the same.
        labels: The class of each trial, counted from 0.
        num_classes: The number of classes.
        num_sources: The number of input channels.
        buckets: How many capacities minibatches may have; see `Dataset`.
        unit: The unit of the times that are read; see `Spikes.from_trials`.
        to: The time unit of the network; see `Spikes.from_trials`.

    Raises:
        ValueError: naming the trial and entry that is wrong.

    Example:
        >>> trials = [([0.001, 0.002], [0, 1]), ([0.003], [1])]
        >>> data = StreamedDataset(
        ...     lambda numbers: [trials[n] for n in numbers], [0, 1], num_classes=2, num_sources=2, unit="s"
        ... )
        >>> data[:].spikes.times.tolist()
        [[1.0, 2.0], [3.0, inf]]
    """

    trials: "_Trials" = eqx.field(static=True)
    labels: Int[Array, " samples"]
    num_classes: int = eqx.field(static=True)
    num_sources: int = eqx.field(static=True)
    buckets: int = eqx.field(static=True)

    def __init__(
        self,
        read: Read,
        labels: ArrayLike,
        *,
        num_classes: int,
        num_sources: int,
        buckets: int = 8,
        unit: str | float | None = None,
        to: str = MILLISECONDS,
    ) -> None:
        self.num_classes = as_count("num_classes", num_classes)
        self.num_sources = as_count("num_sources", num_sources)
        self.buckets = as_count("buckets", buckets)
        self.labels = as_labels(labels, self.num_classes)
        self.trials = _Trials(read, len(self.labels), self.num_sources, time_factor(unit, to))

    @property
    def currents(self) -> None:
        """None: data that stream are spikes alone."""

    @property
    def lengths(self) -> Int[np.ndarray, " samples"]:
        """The number of spikes in each trial."""
        return self.trials.lengths

    @property
    def first_times(self) -> Float[np.ndarray, " samples"]:
        """The time of each trial's first spike; inf in a trial without spikes."""
        return self.trials.first_times

    @property
    def median_times(self) -> Float[np.ndarray, " samples"]:
        """The time by which half of each trial's spikes came; inf in a trial without spikes."""
        return self.trials.median_times

    @overload
    def __getitem__(self, index: int) -> tuple[Spikes, Int[Array, ""]]: ...
    @overload
    def __getitem__(self, index: slice | npt.NDArray[Any] | Array) -> Dataset: ...
    def __getitem__(self, index: Any) -> tuple[Spikes, Int[Array, ""]] | Dataset:
        """Read one sample's spikes and label, or those in a slice or index array as a data set in memory."""
        numbers = np.arange(len(self))[index]
        spikes = Spikes(*padded(self.trials.flat(np.atleast_1d(numbers))))
        if numbers.ndim == 0:
            return spikes[0], self.labels[numbers]
        return Dataset(
            spikes, self.labels[numbers], num_classes=self.num_classes, num_sources=self.num_sources,
            buckets=self.buckets,
        )  # fmt: skip

    def batches(
        self, batch_size: int, key: PRNGKeyArray | None = None, *, drop_last: bool = True
    ) -> Iterator[tuple[Spikes, Int[Array, " batch"]]]:
        """Iterate once over the data set in minibatches of spikes and labels, read one ahead.

        Args:
            batch_size: The number of samples in a minibatch.
            key: Random key for shuffling; None for always the same order, from short trials to long ones.
            drop_last: Whether to omit the samples that do not fill a minibatch.

        Raises:
            ValueError: if there would be no minibatch.
            RuntimeError: if the data differ from what was read at the beginning.
        """
        check_batch_size(batch_size, len(self), drop_last)
        return self._read_ahead(by_length(self.lengths, batch_size, self.buckets, key, drop_last))

    def _read_ahead(self, plan: Iterator[tuple[np.ndarray, int]]) -> Iterator[tuple[Spikes, Int[Array, " batch"]]]:
        labels = np.asarray(self.labels)

        def arrays(batch: tuple[np.ndarray, int]) -> tuple[np.ndarray, ...]:
            numbers, capacity = batch
            return *padded(self.trials.flat(numbers), capacity), labels[numbers]

        with ThreadPoolExecutor(1) as reader:
            waiting = None
            for batch in plan:
                following = reader.submit(arrays, batch)
                if waiting is not None:
                    yield self._on_device(*waiting.result())
                waiting = following
            if waiting is not None:
                yield self._on_device(*waiting.result())

    def _on_device(
        self, times: np.ndarray, sources: np.ndarray, labels: np.ndarray
    ) -> tuple[Spikes, Int[Array, " batch"]]:
        # one number for all minibatches: each capacity is compiled once
        return Spikes(times, sources, distinct_times=self.trials.distinct_times), jnp.asarray(labels)


class _Trials:
    """Trials by number, checked. Equal data have one `repr`, which is how a training knows them again."""

    __slots__ = (
        "digest", "distinct_times", "factor", "first_times", "lengths", "median_times", "num_sources", "read",
    )  # fmt: skip

    def __init__(self, read: Read, number: int, num_sources: int, factor: float) -> None:
        self.read, self.num_sources, self.factor = read, num_sources, factor
        digest, lengths, self.distinct_times = hashlib.blake2b(digest_size=16), [np.zeros(0, np.int64)], 0
        first, median = [np.zeros(0)], [np.zeros(0)]
        for start in range(0, number, _AT_ONCE):
            part = self._checked(np.arange(start, min(start + _AT_ONCE, number)))
            for array in part:
                digest.update(np.ascontiguousarray(array).tobytes())
            lengths.append(part.lengths)
            first.append(part.times_at(0 * part.lengths))
            median.append(part.times_at((part.lengths - 1) // 2))
            self.distinct_times = max(self.distinct_times, int(part.distinct_times.max(initial=0)))
        self.lengths, self.digest = np.concatenate(lengths), digest.hexdigest()
        self.first_times, self.median_times = np.concatenate(first), np.concatenate(median)

    def __repr__(self) -> str:
        return f"{len(self.lengths)} trials with digest {self.digest}"

    def flat(self, numbers: Int[np.ndarray, " trials"]) -> Flat:
        """Read trials again.

        Raises:
            RuntimeError: if they have other numbers of spikes than at first.
        """
        found = self._checked(numbers)
        if (found.lengths != self.lengths[numbers]).any():
            trial = numbers[np.argmax(found.lengths != self.lengths[numbers])]
            raise RuntimeError(f"trial {trial} has changed since the data set was made: has its file been replaced?")
        return found

    def _checked(self, numbers: Int[np.ndarray, " trials"]) -> Flat:
        trials = self.read(numbers)
        if len(trials) != len(numbers):
            raise ValueError(f"read returned {len(trials)} trials, but {len(numbers)} were asked for")
        flat = flat_from_trials(trials, self.factor, lambda position: f"trial {numbers[position]}")
        is_beyond = flat.sources >= self.num_sources
        if is_beyond.any():
            place = int(np.argmax(is_beyond))
            trial = numbers[np.searchsorted(flat.starts, place, side="right") - 1]
            raise ValueError(
                f"trial {trial} has source {flat.sources[place]}, but there are only {self.num_sources} sources, 0 to "
                f"{self.num_sources - 1}"
            )
        return flat
