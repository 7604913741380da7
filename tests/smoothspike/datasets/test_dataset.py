import jax
import numpy as np
import pytest

from smoothspike.datasets import Dataset
from smoothspike.spikes import Spikes

SIZE = 10


@pytest.fixture
def dataset():
    times = np.arange(2 * SIZE, dtype=float).reshape(SIZE, 2)
    spikes = Spikes(times, np.tile([0, 1], (SIZE, 1)))
    return Dataset(spikes, np.arange(SIZE) % 3, num_classes=3, num_sources=2)


def test_selection(dataset):
    spikes, label = dataset[4]
    assert spikes.times.tolist() == [8.0, 9.0]
    assert int(label) == 1
    part = dataset[2:5]
    assert isinstance(part, Dataset)
    assert len(part) == 3
    assert (part.num_classes, part.num_sources) == (3, 2)
    assert dataset[np.array([9, 0])].labels.tolist() == [0, 0]
    assert len(dataset[dataset.labels == 2]) == 3
    assert len(list(dataset)) == SIZE
    assert dataset[[3, 1]].labels.tolist() == [0, 1]
    for index in (SIZE, np.int64(SIZE), [0, SIZE], -SIZE - 1):
        with pytest.raises(IndexError, match=r"does not exist|out of bounds"):
            dataset[index]


def test_every_minibatch_has_one_shape(dataset):
    batches = list(dataset.batches(4))
    assert [labels.shape for _, labels in batches] == [(4,), (4,)]
    assert batches[1][0].times[0].tolist() == [8.0, 9.0]


def test_evaluation_sees_every_sample_once(dataset, key):
    batches = list(dataset.batches(4, key, drop_last=False))
    assert [len(labels) for _, labels in batches] == [4, 4, 2]
    first_times = np.concatenate([spikes.times[:, 0] for spikes, _ in batches])
    assert sorted(first_times) == list(range(0, 2 * SIZE, 2))
    labels = np.concatenate([labels for _, labels in batches])
    np.testing.assert_array_equal(labels, (first_times / 2) % 3)


def test_shuffling_follows_the_key(dataset, key):
    def order(key):
        return np.concatenate([labels for _, labels in dataset.batches(5, key)]).tolist()

    assert order(key) == order(key)
    assert len({tuple(order(k)) for k in jax.random.split(key, 5)}) > 1


def test_one_minibatch_larger_than_the_data_is_for_evaluation_only(dataset):
    assert [len(labels) for _, labels in dataset.batches(99, drop_last=False)] == [SIZE]
    for batch_size in (0, 99):
        with pytest.raises(ValueError, match=f"batch_size is {batch_size}, but the data set has 10"):
            dataset.batches(batch_size)
    with pytest.raises(ValueError, match="batch_size is 0"):
        dataset.batches(0, drop_last=False)


def test_is_a_pytree(dataset):
    assert jax.jit(lambda data: data.spikes.num_events.sum())(dataset) == 2 * SIZE


@pytest.mark.parametrize(
    ("labels", "num_sources", "message"),
    [
        ([0] * 9, 2, "one label per trial"),
        ([0] * 9 + [3], 2, r"labels\[9\] is 3, but there are 3 classes"),
        ([-1] + [0] * 9, 2, r"labels\[0\] is -1"),
        ([0] * 10, 1, r"sources\[0, 1\] is 1, but there are only 1 sources"),
    ],
)
def test_refuses(dataset, labels, num_sources, message):
    with pytest.raises(ValueError, match=message):
        Dataset(dataset.spikes, labels, num_classes=3, num_sources=num_sources)


def test_trials_are_sorted_once():
    """Simultaneous spikes keep their order, as in a network."""
    spikes = Spikes([[2.0, 1.0, float("inf"), 1.0]], [[0, 3, 9, 1]])
    data = Dataset(spikes, [0], num_classes=1, num_sources=4)
    assert data.spikes.times.tolist() == [[1.0, 1.0, 2.0, float("inf")]]
    assert data.spikes.sources.tolist() == [[3, 1, 0, 9]]
    assert data.spikes.sorted() is data.spikes
