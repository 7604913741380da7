"""`AbstractDataset`: what training and evaluation need of a data set, in memory or on disk."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Shaped

from .._checks import first_entry, is_whole, known
from .._typing import ArrayLike, PRNGKeyArray
from .trial_currents import Currents


class AbstractDataset(eqx.Module):
    """Trials of input spikes with class labels, which `fit` and `evaluate` read in minibatches.

    Attributes:
        labels: The class of each sample, counted from 0; or its target, where there are no classes.
        num_classes: The number of classes; None where labels are targets.
        num_sources: The number of input channels.
        currents: The input currents; None for none.
    """

    labels: eqx.AbstractVar[Shaped[Array | np.ndarray, " samples *target"]]
    num_classes: eqx.AbstractVar[int | None]
    num_sources: eqx.AbstractVar[int]
    currents: eqx.AbstractVar[Currents | None]

    def __len__(self) -> int:
        return self.labels.shape[0]

    @abstractmethod
    def __getitem__(self, index: Any) -> Any:
        """Return one sample as in a minibatch, or the data set of the samples in a slice or index array."""

    @abstractmethod
    def batches(
        self, batch_size: int, key: PRNGKeyArray | None = None, *, drop_last: bool = True
    ) -> Iterator[tuple[Any, ...]]:
        """Iterate once over the data set in minibatches: spikes, labels and, where the data have some, currents.

        Args:
            batch_size: The number of samples in a minibatch.
            key: Random key for shuffling; None for always the same order.
            drop_last: Whether to omit the samples that do not fill a minibatch, chosen at random, so that all have the
                same number of samples and nothing is compiled twice. Useful in training, not in evaluation.

        Raises:
            ValueError: if there would be no minibatch.
        """


def as_count(name: str, number: Any, least: int = 1) -> int:
    """Return a whole number.

    Raises:
        ValueError: if it is not whole, or too small.
    """
    if not is_whole(number) or number < least:
        raise ValueError(f"{name} is {number!r}, but must be an integer, at least {least}.")
    return int(number)


def as_labels(labels: ArrayLike, num_classes: int | None) -> Shaped[Array, " samples *target"]:
    """Check labels and convert them to 32-bit integers; targets, without classes, are any numbers."""
    values = known(labels)
    if values is None:
        values = jnp.asarray(labels)
    if num_classes is None:
        if isinstance(values, np.ndarray) and (is_wrong := np.isnan(values)).any():
            raise ValueError(f"{first_entry('labels', values, is_wrong)}; pad targets with inf.")
        return jnp.asarray(values)
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
