import itertools

import jax
import numpy as np
import pytest

from smoothspike.datasets import Dataset, blend, shift_channels
from smoothspike.spikes import Spikes

CHANNELS = 20


@pytest.fixture(scope="module")
def data():
    generator = np.random.default_rng(0)
    trials = [(10 + generator.random(n), generator.integers(8, 12, n)) for n in generator.integers(1, 200, 12)]
    return Dataset(Spikes.from_trials(trials), np.arange(12) % 2, num_classes=2, num_sources=CHANNELS)


def test_channels_of_a_trial_shift_together(data, key):
    shifted = shift_channels(data.spikes, key, most=15, num_sources=CHANNELS)
    shifts = set()
    for before, after in zip(
        *(list(zip(s.times, s.sources, strict=True)) for s in (data.spikes, shifted)), strict=True
    ):
        is_spike = np.isfinite(before[0])
        stays = np.isfinite(after[0])
        moved = np.asarray(after[1] - before[1])[stays]
        assert len(set(moved.tolist())) <= 1
        if stays.any():
            shift = int(moved[0])
            shifts.add(shift)
            sources = np.asarray(before[1]) + shift
            np.testing.assert_array_equal(stays, is_spike & (sources >= 0) & (sources < CHANNELS))
            np.testing.assert_array_equal(np.asarray(after[0])[stays], np.asarray(before[0])[stays])
    assert len(shifts) > 4
    assert max(map(abs, shifts)) <= 15


def test_shifts_are_equally_likely(key):
    spikes = Spikes(np.ones((3000, 1)), np.full((3000, 1), 5))
    shifts = np.asarray(shift_channels(spikes, key, most=2, num_sources=CHANNELS).sources).ravel() - 5
    counts = np.bincount(shifts + 2, minlength=5)
    assert (np.abs(counts - 600) < 5 * np.sqrt(480)).all()


def test_shift_inside_jit(data, key):
    def shift(spikes, key):
        return shift_channels(spikes, key, most=3, num_sources=CHANNELS)

    np.testing.assert_array_equal(jax.jit(shift)(data.spikes, key).sources, shift(data.spikes, key).sources)


def test_blends_are_aligned_and_of_one_class(data):
    together = blend(data, extra=6, seed=1)
    assert len(together) == 18
    np.testing.assert_array_equal(together[:12].spikes.num_events, data.spikes.num_events)
    assert together[:12].labels.tolist() == data.labels.tolist()
    for number in range(12, 18):
        spikes, label = together[number]
        source, target = blended_from(data, spikes, int(label))
        assert source is not None
        assert target is not None


def blended_from(data, spikes, label):
    """Find the pair of samples whose moved spikes contain all spikes of a blend."""
    kept = np.isfinite(spikes.times)
    found = np.stack([spikes.times[kept], spikes.sources[kept]], axis=1)
    members = np.flatnonzero(np.asarray(data.labels) == label)
    for first, second in itertools.product(members, members):
        pair = [(np.asarray(s.times), np.asarray(s.sources)) for s in (data[int(first)][0], data[int(second)][0])]
        pair = [(times[np.isfinite(times)], sources[np.isfinite(times)]) for times, sources in pair]
        time = sum(times.mean() for times, _ in pair) / 2
        channel = sum(sources.mean() for _, sources in pair) / 2
        moved = [(times + time - times.mean(), sources + int(channel - sources.mean())) for times, sources in pair]
        times, sources = (np.concatenate(each) for each in zip(*moved, strict=True))
        is_there = (np.abs(found[:, :1] - times) < 1e-4) & (found[:, 1:] == sources)
        if is_there.any(1).all():
            return first, second
    return None, None


def test_every_spike_is_kept_with_a_probability():
    spikes = Spikes(np.tile(np.linspace(1, 2, 1000), (2, 1)), np.full((2, 1000), 3))
    data = Dataset(spikes, [0, 0], num_classes=1, num_sources=4)
    counts = np.asarray(blend(data, extra=30, keep=0.25).spikes.num_events)[2:]
    assert abs(counts.mean() - 500) < 5 * np.sqrt(375 / 30)
    assert int(blend(data, extra=1, keep=1.0).spikes.num_events[2]) == 2000
    assert int(blend(data, extra=1, keep=1.0, end=1.5).spikes.num_events[2]) == 1000


def test_silent_samples_and_none(data):
    silent = Dataset(Spikes(np.full((2, 3), np.inf), np.zeros((2, 3), int)), [0, 0], num_classes=1, num_sources=4)
    assert blend(silent, extra=2).spikes.num_events.tolist() == [0] * 4
    assert len(blend(data, extra=0)) == 12
    with pytest.raises(ValueError, match="no samples to blend"):
        blend(silent[:0], extra=1)
    with pytest.raises(ValueError, match=r"keep is 2\.0"):
        blend(data, extra=1, keep=2.0)
    with pytest.raises(ValueError, match="most is -1"):
        shift_channels(data.spikes, jax.random.key(0), most=-1, num_sources=CHANNELS)
