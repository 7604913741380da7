import sys

import numpy as np
import pytest

from smoothspike.datasets import digits

sklearn_datasets = pytest.importorskip("sklearn.datasets")


def as_images(dataset, duration):
    """Decode every trial, as rows in a set: the digits are all different."""
    images = np.zeros((len(dataset), 64))
    times, sources = np.asarray(dataset.spikes.times), np.asarray(dataset.spikes.sources)
    rows, events = np.nonzero(np.isfinite(times))
    images[rows, sources[rows, events]] = 16 * (1 - times[rows, events] / duration)
    return {(*np.round(image).astype(int), label) for image, label in zip(images, dataset.labels.tolist(), strict=True)}


def test_the_spikes_encode_the_images_and_the_split_is_a_partition():
    train, test = digits(duration=3.0)
    pixels, labels = sklearn_datasets.load_digits(return_X_y=True)
    original = {(*row.astype(int), label) for row, label in zip(pixels, labels.tolist(), strict=True)}
    decoded_train, decoded_test = as_images(train, 3.0), as_images(test, 3.0)
    assert decoded_train | decoded_test == original
    assert not decoded_train & decoded_test
    assert len(train) + len(test) == 1797


def test_capacity_fits_the_longest_trial():
    train, test = digits()
    assert train.spikes.capacity == test.spikes.capacity
    assert max(train.spikes.num_events.max(), test.spikes.num_events.max()) == train.spikes.capacity
    assert bool((np.diff(np.nan_to_num(train.spikes.times, posinf=9.0)) >= 0).all())


@pytest.mark.parametrize("test_fraction", [0.2, 0.5])
def test_every_class_has_its_share(test_fraction):
    train, test = digits(test_fraction=test_fraction)
    in_train, in_test = np.bincount(train.labels), np.bincount(test.labels)
    np.testing.assert_allclose(in_test / (in_train + in_test), test_fraction, atol=0.5 / 170)


def test_the_split_follows_the_seed():
    (_, first), (_, again), (_, other) = digits(), digits(), digits(seed=1)
    assert first.spikes.times.tolist() == again.spikes.times.tolist()
    assert first.spikes.times.tolist() != other.spikes.times.tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [({"duration": 0.0}, "duration is 0.0"), ({"test_fraction": 1.0}, "test_fraction is 1.0.*between 0 and 1")],
)
def test_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        digits(**options)


def test_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r'pip install "smoothspike\[datasets\]"'):
        digits()
