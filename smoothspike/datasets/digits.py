"""Handwritten digits from scikit-learn, without a download."""

import numpy as np

from .._checks import require_positive
from ..encoding import encode_latency
from .dataset import Dataset

_BRIGHTEST = 16


def digits(duration: float = 2.0, *, seed: int = 0, test_fraction: float = 0.2) -> tuple[Dataset, Dataset]:
    """Load 1797 handwritten digits of 8 x 8 pixels, one input channel per pixel.

    The brighter a pixel, the earlier its only spike: the brightest at time 0, the faintest shortly before `duration`,
    a dark one never. The split into training and test data is random and stratified by class.

    Source: Alpaydin & Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository (1998);
    the part in `sklearn.datasets.load_digits`.

    Args:
        duration: The time of a spike of zero brightness.
        seed: Seed of the split.
        test_fraction: The held-out fraction of the data, between 0 and 1.

    Returns:
        Training and test data, of equal capacity.

    Raises:
        ImportError: if scikit-learn is not installed.
        ValueError: if the duration or the fraction is out of range.

    Example:
        >>> train, test = digits()
        >>> len(train), len(test), train.num_sources, train.num_classes
        (1438, 359, 64, 10)
    """
    require_positive("duration", duration)
    if not 0 < test_fraction < 1:
        raise ValueError(f"test_fraction is {test_fraction}, but must lie between 0 and 1.")
    images, labels = _load()
    spikes = encode_latency(images / _BRIGHTEST, duration).trimmed()
    whole = Dataset(spikes, labels, num_classes=10, num_sources=images.shape[1])
    is_test = _stratified(labels, test_fraction, np.random.default_rng(seed))
    return whole[np.flatnonzero(~is_test)], whole[np.flatnonzero(is_test)]


def _load() -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels, 0 to 16, in shape (samples, 64) and the labels."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            'digits are part of scikit-learn, which is not installed; run pip install "smoothspike[datasets]"'
        ) from error
    images, labels = load_digits(return_X_y=True)
    return np.asarray(images), np.asarray(labels)


def _stratified(labels: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Mark a random fraction of each class."""
    is_marked = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        is_marked[members[: round(fraction * len(members))]] = True
    return is_marked
