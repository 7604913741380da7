"""Minibatches of trials of similar length, in memory and from disk."""

import itertools

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothspike.datasets import Dataset, StreamedDataset
from smoothspike.spikes import Spikes

SAMPLES, CHANNELS, BATCH = 50, 4, 8


@pytest.fixture(scope="module")
def trials():
    """Trials of very different lengths; the first time of each tells its number."""
    generator = np.random.default_rng(0)
    lengths = np.where(np.arange(SAMPLES) % 7 == 0, 60, generator.integers(1, 12, SAMPLES))
    return [
        (np.append(number / 100, 1 + generator.random(n - 1)), generator.integers(0, CHANNELS, n))
        for number, n in enumerate(lengths)
    ]


def in_memory(trials, buckets=3):
    labels = np.arange(len(trials)) % 3
    return Dataset(Spikes.from_trials(trials), labels, num_classes=3, num_sources=CHANNELS, buckets=buckets)


def streamed(trials, buckets=3, **options):
    return StreamedDataset(
        lambda numbers: [trials[number] for number in numbers],
        np.arange(len(trials)) % 3, num_classes=3, num_sources=CHANNELS, buckets=buckets, **options,
    )  # fmt: skip


def numbers_of(batch):
    return np.round(100 * np.asarray(batch[0].times[:, 0])).astype(int)


@pytest.mark.parametrize("kind", [in_memory, streamed])
@pytest.mark.parametrize("shuffled", [False, True])
def test_every_sample_comes_once_with_its_label(trials, kind, shuffled, key):
    batches = list(kind(trials).batches(BATCH, key if shuffled else None, drop_last=False))
    numbers = np.concatenate([numbers_of(batch) for batch in batches])
    assert sorted(numbers) == list(range(SAMPLES))
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in batches]), numbers % 3)
    for batch, number in ((b, n) for b in batches for n in range(len(b[1]))):
        times, sources = trials[numbers_of(batch)[number]]
        kept = np.isfinite(np.asarray(batch[0].times[number]))
        order = np.argsort(times, kind="stable")
        np.testing.assert_allclose(np.asarray(batch[0].times[number])[kept], times[order], rtol=1e-6)
        np.testing.assert_array_equal(np.asarray(batch[0].sources[number])[kept], sources[order])


def test_long_trials_do_not_pad_short_ones(trials, key):
    entries = {buckets: 0 for buckets in (1, 3)}
    for buckets in entries:
        batches = list(in_memory(trials, buckets).batches(BATCH, key))
        assert len(batches) == SAMPLES // BATCH
        assert len({spikes.capacity for spikes, _ in batches}) <= buckets
        entries[buckets] = sum(spikes.times.size for spikes, _ in batches)
    assert entries[3] < 0.5 * entries[1]


def test_shapes_stay_the_same_from_epoch_to_epoch(trials):
    data = in_memory(trials)
    shapes = {spikes.times.shape for epoch in range(10) for spikes, _ in data.batches(BATCH, jax.random.key(epoch))}
    assert len(shapes) <= 3


def test_order_and_omitted_samples_follow_the_key(trials):
    data = in_memory(trials)

    def order(seed):
        return [tuple(numbers_of(batch)) for batch in data.batches(BATCH, jax.random.key(seed))]

    assert order(0) == order(0)
    # 2 of 50 samples are omitted in an epoch, not always the longest or the same
    omitted = [set(range(SAMPLES)) - set(itertools.chain(*order(seed))) for seed in range(20)]
    assert all(len(each) == SAMPLES % BATCH for each in omitted)
    assert len(set.union(*omitted)) > 15


@pytest.mark.parametrize("tied", [False, True])
def test_streams_the_same_as_in_memory(trials, key, tied):
    """Spikes at few times are as many events in both."""
    trials = [(np.round(times, 1) if tied else times, sources) for times, sources in trials]
    for (spikes, labels), (others, other_labels) in zip(
        streamed(trials).batches(BATCH, key), in_memory(trials).batches(BATCH, key), strict=True
    ):
        np.testing.assert_array_equal(spikes.times, others.times)
        np.testing.assert_array_equal(spikes.sources, others.sources)
        np.testing.assert_array_equal(labels, other_labels)
        assert spikes.distinct_times == others.distinct_times
        assert spikes.distinct_times is not None
        assert spikes.distinct_times <= (12 if tied else 60)


def least_padding(lengths, buckets):
    """Try all choices of capacities."""
    largest, distinct = max(lengths), sorted(set(lengths))
    choices = itertools.chain(*(itertools.combinations(distinct, n) for n in range(1, buckets + 1)))
    return min(sum(min(c for c in chosen if c >= n) for n in lengths) for chosen in choices if largest in chosen)


@given(st.lists(st.integers(0, 12), min_size=1, max_size=12), st.integers(1, 4))
def test_capacities_have_the_least_padding(lengths, buckets):
    trials = [(np.arange(float(n)), np.zeros(n, int)) for n in lengths]
    data = StreamedDataset(
        lambda numbers: [trials[n] for n in numbers], np.zeros(len(trials), int), num_classes=1, num_sources=1,
        buckets=buckets,
    )  # fmt: skip
    # one sample at a time: each has the capacity of its own bucket
    padded = [spikes.capacity for spikes, _ in data.batches(1)]
    assert len(set(padded)) <= buckets
    assert sum(padded) == least_padding(lengths, buckets)


class TestStreamed:
    def test_spikes_come_together_within_a_trial_only(self):
        """Trials without spikes, and ones that begin when the one before ends."""
        trials = [([], []), ([0.5, 0.5, 0.7], [0, 1, 0]), ([0.7, 0.7], [0, 1]), ([], []), ([0.7], [0]), ([], [])]
        data = streamed(trials)
        assert [next(streamed([trial]).batches(1))[0].distinct_times for trial in trials] == [0, 2, 1, 0, 1, 0]
        assert next(data.batches(6))[0].distinct_times == 2

    def test_selection_reads_into_memory(self, trials):
        data = streamed(trials)
        part = data[[3, 0]]
        assert isinstance(part, Dataset)
        assert part.labels.tolist() == [0, 0]
        np.testing.assert_allclose(part.spikes.times[:, 0], [0.03, 0.0], atol=1e-7)
        spikes, label = data[4]
        assert spikes.capacity == len(trials[4][0])
        assert int(label) == 1
        assert len(data[:]) == len(data) == SAMPLES

    def test_converts_units(self, trials):
        np.testing.assert_allclose(streamed(trials, unit="s")[1][0].times[0], 10.0, rtol=1e-6)

    def test_names_the_trial_that_is_wrong(self, trials):
        with pytest.raises(ValueError, match=r"trial 2: times\[1\] is -1.0, but spike times must be at least 0"):
            streamed([*trials[:2], ([1.0, -1.0], [0, 0])])
        with pytest.raises(ValueError, match="trial 1 has source 4, but there are only 4 sources, 0 to 3"):
            streamed([trials[0], ([1.0], [4]), trials[1]])
        with pytest.raises(ValueError, match="read returned 0 trials, but 2 were asked for"):
            StreamedDataset(lambda numbers: [], [0, 0], num_classes=1, num_sources=1)

    def test_refuses_data_that_change(self, trials):
        changing = list(trials)
        data = streamed(changing)
        changing[5] = ([1.0] * 99, [0] * 99)
        with pytest.raises(RuntimeError, match="trial 5 has changed"):
            list(data.batches(BATCH, drop_last=False))

    def test_an_error_while_reading_ahead_is_raised(self, trials):
        data = streamed(trials)
        batches = data.batches(BATCH)
        next(batches)
        batches.close()  # the reader ends with the loop
        with pytest.raises(ValueError, match="batch_size is 99"):
            data.batches(99)

    def test_equal_data_are_described_equally(self, trials):
        from smoothspike.training.fingerprint import described

        assert described(streamed(trials)) == described(streamed(list(trials)))
        other = [*trials[:-1], (trials[-1][0] + 0.25, trials[-1][1])]
        assert described(streamed(trials)) != described(streamed(other))
