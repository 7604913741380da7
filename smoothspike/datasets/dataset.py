"""`Dataset`: trials of input spikes with class labels."""

from collections.abc import Iterator
from typing import Any, final, overload

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jaxtyping import Array, Int, PRNGKeyArray

from .._checks import first_entry, is_whole, known
from ..spikes import Spikes


@final
class Dataset(eqx.Module):
    """Trials of input spikes with class labels.

    Args:
        spikes: The inputs, with one batch axis: the samples.
        labels: The class of each sample, counted from 0.
        num_classes: The number of classes.
        num_sources: The number of input channels.

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

    def __init__(self, spikes: Spikes, labels: npt.ArrayLike, *, num_classes: int, num_sources: int) -> None:
        if not isinstance(spikes, Spikes):
            raise TypeError(f"spikes must be ss.Spikes(times, sources), not {type(spikes).__name__}")
        for name, number in (("num_classes", num_classes), ("num_sources", num_sources)):
            if not is_whole(number) or number < 1:
                raise ValueError(f"{name} is {number!r}, but must be an integer, at least 1.")
        # inputs that arrive together are then one event
        self.spikes = spikes if known(spikes.times) is None else spikes.grouped()
        self.labels = _as_labels(labels, num_classes)
        self.num_classes = int(num_classes)
        self.num_sources = int(num_sources)
        if spikes.times.shape[:-1] != self.labels.shape or self.labels.ndim != 1:
            raise ValueError(
                f"spikes have shape {spikes.times.shape} and labels {self.labels.shape}, but must have one label per "
                "trial: shapes (samples, events) and (samples,)."
            )
        spikes.check_sources(num_sources)

    def __len__(self) -> int:
        return self.labels.shape[0]

    @overload
    def __getitem__(self, index: int) -> tuple[Spikes, Int[Array, ""]]: ...
    @overload
    def __getitem__(self, index: slice | npt.NDArray[Any] | Array) -> "Dataset": ...
    def __getitem__(self, index: Any) -> "tuple[Spikes, Int[Array, '']] | Dataset":
        """Return one sample's spikes and label, or the data set of the samples in a slice or index array."""
        spikes, labels = self.spikes[index], self.labels[index]
        if labels.ndim == 0:
            return spikes, labels
        return Dataset(spikes, labels, num_classes=self.num_classes, num_sources=self.num_sources)

    def batches(
        self, batch_size: int, key: PRNGKeyArray | None = None, *, drop_last: bool = True
    ) -> Iterator[tuple[Spikes, Int[Array, " batch"]]]:
        """Iterate once over the data set in minibatches of spikes and labels.

        Args:
            batch_size: The number of samples in a minibatch.
            key: Random key for shuffling; None keeps the order.
            drop_last: Whether to omit the samples that do not fill a minibatch, so that all have one shape and nothing
                is compiled twice. Useful in training, not in evaluation.

        Raises:
            ValueError: if there would be no minibatch.
        """
        if not 1 <= batch_size <= len(self) and (drop_last or batch_size < 1):
            raise ValueError(
                f"batch_size is {batch_size}, but the data set has {len(self)} samples; use at most that many, or "
                "drop_last=False for a smaller minibatch."
            )
        order = jnp.arange(len(self)) if key is None else jax.random.permutation(key, len(self))
        end = len(self) - len(self) % batch_size if drop_last else len(self)
        selections = (order[start : start + batch_size] for start in range(0, end, batch_size))
        return ((self.spikes[selection], self.labels[selection]) for selection in selections)


def _as_labels(labels: npt.ArrayLike, num_classes: int) -> Int[Array, " samples"]:
    """Check labels and convert them to 32-bit integers."""
    values = known(labels)
    if values is None:
        values = jnp.asarray(labels)
    if values.size and not (jnp.issubdtype(values.dtype, jnp.integer) or values.dtype == bool):
        raise ValueError(
            f"labels are of type {values.dtype}, but must be integers that number classes from 0; convert integral "
            "values with .astype(int)."
        )
    if isinstance(values, np.ndarray):
        is_wrong = (values < 0) | (values >= num_classes)
        if is_wrong.any():
            raise ValueError(
                f"{first_entry('labels', values, is_wrong)}, but there are {num_classes} classes, 0 to "
                f"{num_classes - 1}."
            )
    return jnp.asarray(values).astype(jnp.int32)
