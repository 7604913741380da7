"""Augmentation of spoken words as spikes: shifted channels, and blends of two samples of a class."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._ragged import Flat, padded
from .._typing import PRNGKeyArray
from ..spikes import Spikes
from .abstract import as_count
from .dataset import Dataset


def shift_channels(spikes: Spikes, key: PRNGKeyArray, *, most: int, num_sources: int) -> Spikes:
    """Shift all channels of each trial by a random number, and leave out spikes that are shifted beyond the ends.

    For `fit(..., augment=partial(shift_channels, most=40, num_sources=700))`, which shifts anew in every epoch.

    Source: Nowotny, Turner & Knight, "Loss shaping enhances exact gradient learning with EventProp in spiking neural
    networks", arXiv:2212.01232, with 40 of 700 channels.

    Args:
        spikes: One trial or a batch.
        key: Random key.
        most: The largest shift; shifts are whole numbers, equally likely from `-most` to `most`.
        num_sources: The number of channels.

    Raises:
        ValueError: if a number is not whole, or too small.

    Example:
        >>> shift_channels(Spikes([0.5, 1.0], [0, 5]), jax.random.key(0), most=0, num_sources=6).sources.tolist()
        [0, 5]
    """
    most, num_sources = as_count("most", most, 0), as_count("num_sources", num_sources)
    shift = jax.random.randint(key, (*spikes.times.shape[:-1], 1), -most, most + 1)
    sources = spikes.sources + shift
    is_inside = (sources >= 0) & (sources < num_sources)
    return Spikes(jnp.where(is_inside, spikes.times, jnp.inf), jnp.where(is_inside, sources, 0))


def blend(dataset: Dataset, extra: int, *, seed: int = 0, keep: float = 0.5, end: float | None = None) -> Dataset:
    """Add samples, each a blend of two of the same class.

    Both are moved in time and across channels to the mean of their mean times and channels, and every spike is kept
    with a probability. The first sample is any of the data, the second any of its class.

    Source: Nowotny, Turner & Knight, arXiv:2212.01232, who add 7,644 samples to the training data of SHD.

    Args:
        dataset: The samples.
        extra: How many to add, after the others.
        seed: Seed of the choices.
        keep: The probability.
        end: Spikes that are moved to this time or later are left out, as those before 0 are; None for no end.

    Raises:
        ValueError: if a number is out of range, or there are no samples, or no classes, or currents.

    Example:
        >>> spikes = Spikes([[1.0, 3.0], [2.0, 6.0]], [[0, 2], [0, 2]])
        >>> data = Dataset(spikes, [0, 0], num_classes=1, num_sources=3)
        >>> len(blend(data, extra=10))
        12
    """
    extra = as_count("extra", extra, 0)
    if not 0 <= keep <= 1:
        raise ValueError(f"keep is {keep!r}, but must be a probability, from 0 to 1")
    if len(dataset) == 0:
        raise ValueError("dataset has no samples to blend; pass at least one")
    if dataset.num_classes is None or dataset.currents is not None:
        raise ValueError("blend joins spikes of samples of a class: the data must have classes, and no currents")
    generator = np.random.default_rng(seed)
    times, sources, labels = (
        np.asarray(each) for each in (dataset.spikes.times, dataset.spikes.sources, dataset.labels)
    )
    lengths = np.isfinite(times).sum(-1)
    firsts = generator.integers(len(labels), size=extra)
    members = [np.flatnonzero(labels == label) for label in range(dataset.num_classes)]
    parts = []
    for first in firsts:
        pair = [first, generator.choice(members[labels[first]])]
        trials = [(times[n, : lengths[n]], sources[n, : lengths[n]]) for n in pair]
        parts.append(_blended(trials, generator, keep, dataset.num_sources, np.inf if end is None else end))
    added = _flat(parts, times.dtype)
    added_times, added_sources = padded(added, max(dataset.spikes.capacity, int(added.lengths.max(initial=0))))
    together = Spikes(added_times, added_sources)
    old = dataset.spikes.padded(together.capacity)
    return Dataset(
        Spikes(np.concatenate([old.times, together.times]), np.concatenate([old.sources, together.sources])),
        np.concatenate([labels, labels[firsts]]),
        num_classes=dataset.num_classes,
        num_sources=dataset.num_sources,
        buckets=dataset.buckets,
    )


def _blended(
    trials: list[tuple[np.ndarray, np.ndarray]], generator: Any, keep: float, num_sources: int, end: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return times, sorted, and sources of a blend of two trials."""
    filled = [trial for trial in trials if trial[0].size]
    if not filled:
        return trials[0]
    time, channel = (np.mean([each[axis].mean(dtype=float) for each in filled]) for axis in (0, 1))
    moved = []
    for times, sources in filled:
        times = times + (time - times.mean(dtype=float)).astype(times.dtype)
        # whole channels, rounded towards zero as in the source
        sources = sources + int(channel - sources.mean(dtype=float))
        is_kept = (times >= 0) & (times < end) & (sources >= 0) & (sources < num_sources)
        is_kept &= generator.random(len(times)) < keep
        moved.append((times[is_kept], sources[is_kept]))
    times, sources = (np.concatenate(each) for each in zip(*moved, strict=True))
    order = np.argsort(times, kind="stable")
    return times[order], sources[order]


def _flat(trials: list[tuple[np.ndarray, np.ndarray]], dtype: Any) -> Flat:
    starts = np.concatenate([[0], np.cumsum([len(times) for times, _ in trials], dtype=np.int64)])
    times = np.concatenate([np.zeros(0, dtype), *(times for times, _ in trials)])
    return Flat(times, np.concatenate([np.zeros(0, np.int32), *(sources for _, sources in trials)]), starts)
