"""Minibatches of trials of similar length."""

from collections.abc import Iterator

import jax
import numpy as np
from jaxtyping import Array, Int, PRNGKeyArray

#: Among so many lengths at most are the capacities chosen.
_CANDIDATES = 256


def check_batch_size(batch_size: int, samples: int, drop_last: bool) -> None:
    """Raise a ValueError if there would be no minibatch."""
    if not 1 <= batch_size <= samples and (drop_last or batch_size < 1):
        raise ValueError(
            f"batch_size is {batch_size}, but the data set has {samples} samples; use at most that many, or "
            "drop_last=False for a smaller minibatch."
        )


def in_any_length(
    samples: int, batch_size: int, key: PRNGKeyArray | None, drop_last: bool
) -> Iterator[Int[np.ndarray | Array, " batch"]]:
    """Yield the indices of each minibatch, whatever the lengths of the trials."""
    order = np.arange(samples) if key is None else jax.random.permutation(key, samples)
    end = samples - samples % batch_size if drop_last else samples
    return (order[start : start + batch_size] for start in range(0, end, batch_size))


def by_length(
    lengths: Int[np.ndarray, " samples"], batch_size: int, buckets: int, key: PRNGKeyArray | None, drop_last: bool
) -> Iterator[tuple[Int[np.ndarray, " batch"], int]]:
    """Yield the indices of each minibatch and a capacity that fits its trials, one of at most `buckets`.

    Which samples are omitted, which of similar length come together, and the order of minibatches are random. Samples
    are ordered by bucket, and cut into minibatches; one that reaches into the next bucket has its capacity.
    """
    capacities = capacities_for(lengths, buckets)
    samples = len(lengths)
    order_key, batch_key = (None, None) if key is None else jax.random.split(key)
    order = np.arange(samples) if order_key is None else np.asarray(jax.random.permutation(order_key, samples))
    if drop_last:
        order = order[: samples - samples % batch_size]
    bucket = np.searchsorted(capacities, lengths[order])
    order = order[np.argsort(bucket, kind="stable")]
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    numbers = np.arange(len(batches))
    if batch_key is not None:
        numbers = np.asarray(jax.random.permutation(batch_key, len(batches)))
    for number in numbers:
        batch = batches[number]
        yield batch, int(capacities[np.searchsorted(capacities, lengths[batch].max())])


def capacities_for(lengths: Int[np.ndarray, " samples"], buckets: int) -> Int[np.ndarray, " buckets"]:
    """Return at most `buckets` ascending capacities with the least padding, the last of which fits every trial.

    Example:
        >>> capacities_for(np.array([3, 4, 4, 5, 90, 100]), 2).tolist()
        [5, 100]
    """
    distinct = np.unique(lengths)
    if len(distinct) > _CANDIDATES:
        # as many trials between any two, and the longest
        distinct = np.unique(np.sort(lengths)[np.linspace(0, len(lengths) - 1, _CANDIDATES).astype(int)])
    # trials up to each candidate
    counts = np.concatenate([[0], np.searchsorted(np.sort(lengths), distinct, side="right")])
    # cost[i, j]: entries of one bucket for the trials above candidate i - 1, up to candidate j
    cost = (counts[None, 1:] - counts[:-1, None]) * distinct[None, :].astype(float)
    is_later = np.tri(len(distinct), k=-1, dtype=bool).T
    # least[j]: entries of all trials up to candidate j, in the best of so many buckets
    least, chosen = cost[:1].ravel(), []
    for _ in range(min(buckets, len(distinct)) - 1):
        # the last bucket begins after candidate i
        through = np.where(is_later, least[:, None] + np.roll(cost, -1, axis=0), np.inf)
        start = np.argmin(through, axis=0)
        shorter = through[start, np.arange(len(distinct))]
        chosen.append(np.where(shorter < least, start, -1))
        least = np.minimum(least, shorter)
    end, found = len(distinct) - 1, [int(distinct[-1])] if len(distinct) else []
    for starts in reversed(chosen):
        if starts[end] >= 0:
            end = int(starts[end])
            found.append(int(distinct[end]))
    return np.array(found[::-1], dtype=np.int64)
