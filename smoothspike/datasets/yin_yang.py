"""The Yin-Yang task: points in a plane that are not linearly separable."""

from typing import Literal

import numpy as np

from .._checks import require_positive
from ..encoding import encode_latency
from ..spikes import Spikes
from .dataset import Dataset

Split = Literal["train", "validation", "test"]

_SIZES: dict[str, int] = {"train": 5000, "validation": 1000, "test": 1000}
_CENTRE, _RADIUS, _DOT_RADIUS = 0.5, 0.5, 0.1
_YIN, _YANG, _DOTS = 0, 1, 2


def yin_yang(
    size: int | None = None,
    *,
    seed: int = 0,
    duration: float = 2.0,
    split: Split = "train",
    bias_time: float | None = None,
) -> Dataset:
    """Draw points of the Yin-Yang symbol, encoded in the spike times of four input channels.

    A point (x, y) lies in the disc of radius 0.5 around (0.5, 0.5). It belongs to the dots (class 2) if it is within
    0.1 of (0.25, 0.5) or (0.75, 0.5). Otherwise it is yin (class 0) in the upper half of the disc and within 0.25 of
    the left dot's centre, except within 0.25 of the right one's; else it is yang (class 1), the image of yin under
    the reflection through the centre. Classes are equally frequent. Channels 0 to 3 encode x, y, 1 - x and 1 - y:
    the larger the number, the earlier the spike.

    Source: Kriener, Goeltz & Petrovici, "The Yin-Yang dataset", NICE 2022, arXiv:2102.08211.

    Args:
        size: The number of points; by default 5000 for training and 1000 for validation and test.
        seed: Seed of the points. Each split has its own random stream, so splits share no points.
        duration: The spike time of a channel that encodes 0; 1 is encoded as time 0.
        split: `"train"`, `"validation"` or `"test"`.
        bias_time: Spike time of a fifth channel in every trial; None omits the channel.

    Raises:
        ValueError: if the split is unknown, or a number is out of range.

    Example:
        >>> data = yin_yang(300, split="test")
        >>> len(data), data.num_sources, data.num_classes
        (300, 4, 3)
    """
    require_positive("duration", duration)
    if split not in _SIZES:
        raise ValueError(f"split is {split!r}, but must be one of {', '.join(map(repr, _SIZES))}.")
    size = _SIZES[split] if size is None else size
    if size < 1:
        raise ValueError(f"size is {size}, but must be at least 1.")
    rng = np.random.default_rng([seed, list(_SIZES).index(split)])
    labels = rng.permutation(np.arange(size) % 3)
    points = np.empty((size, 2))
    for label in (_YIN, _YANG, _DOTS):
        points[labels == label] = _sample(label, int(np.sum(labels == label)), rng)
    spikes = _encode(points, duration, bias_time)
    return Dataset(spikes, labels, num_classes=3, num_sources=spikes.capacity)


def classify(points: np.ndarray) -> np.ndarray:
    """Return the class of each point, given in shape (points, 2); -1 outside the disc.

    Example:
        >>> classify(np.array([[0.5, 0.9], [0.5, 0.1], [0.25, 0.5], [0.0, 0.0]])).tolist()
        [0, 1, 2, -1]
    """
    x, y = points.T - _CENTRE
    to_left, to_right = np.hypot(x + _RADIUS / 2, y), np.hypot(x - _RADIUS / 2, y)
    is_yin = (to_left <= _RADIUS / 2) | ((y > 0) & (to_right > _RADIUS / 2))
    labels = np.where(is_yin, _YIN, _YANG)
    labels[np.minimum(to_left, to_right) <= _DOT_RADIUS] = _DOTS
    labels[np.hypot(x, y) > _RADIUS] = -1
    return labels


def _sample(label: int, number: int, rng: np.random.Generator) -> np.ndarray:
    """Draw points of one class, uniformly, by rejection."""
    accepted = np.empty((0, 2))
    while len(accepted) < number:
        candidates = rng.uniform(_CENTRE - _RADIUS, _CENTRE + _RADIUS, size=(16 * number, 2))
        accepted = np.concatenate([accepted, candidates[classify(candidates) == label]])
    return accepted[:number]


def _encode(points: np.ndarray, duration: float, bias_time: float | None) -> Spikes:
    """Encode coordinates and their complements; every channel spikes, as the threshold is below all intensities."""
    spikes = encode_latency(np.concatenate([points, 1 - points], axis=1), duration, threshold=-1.0)
    if bias_time is None:
        return spikes
    with_bias = spikes.padded(spikes.capacity + 1)
    return Spikes(with_bias.times.at[:, -1].set(bias_time), with_bias.sources.at[:, -1].set(spikes.capacity))
