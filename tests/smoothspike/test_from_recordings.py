"""Spikes from recordings: trials of different lengths, lists of events, rasters."""

import time

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothspike.spikes import Spikes

INF = float("inf")


@st.composite
def recordings(draw):
    """Trials with integral times, many of which tie, in any order."""
    event = st.tuples(st.integers(0, 5), st.integers(0, 3))
    return draw(st.lists(st.lists(event, max_size=6), min_size=1, max_size=4))


def plainly(trials):
    """Sort and pad without NumPy; simultaneous spikes keep their order."""
    ordered = [sorted(trial, key=lambda event: event[0]) for trial in trials]
    longest = max(map(len, ordered))
    padded = [trial + [(INF, 0)] * (longest - len(trial)) for trial in ordered]
    return [[time for time, _ in trial] for trial in padded], [[source for _, source in trial] for trial in padded]


@given(recordings(), st.sampled_from([np.float16, np.float32, np.float64, np.uint8, np.int64]))
def test_trials_and_events_give_the_same_as_plain_sorting(trials, dtype):
    times, sources = plainly(trials)
    columns = [(np.array([t for t, _ in trial], dtype), np.array([s for _, s in trial], np.uint16)) for trial in trials]
    from_trials = Spikes.from_trials(columns)
    numbers = np.repeat(np.arange(len(trials)), [len(trial) for trial in trials])
    # interleaved trials, each in its own order
    order = np.argsort(np.concatenate([np.arange(len(trial)) for trial in trials]), kind="stable")
    events = [np.concatenate(each)[order] for each in zip(*columns, strict=True)]
    from_events = Spikes.from_events(*events, numbers[order], num_trials=len(trials))
    for spikes in (from_trials, from_events):
        assert spikes.times.tolist() == times
        assert spikes.sources.tolist() == sources


def test_a_raster_is_undone_by_counting():
    counts = np.random.default_rng(0).integers(0, 3, size=(2, 3, 7, 4))
    spikes = Spikes.from_raster(counts, dt=0.5)
    assert spikes.times.shape[:2] == (2, 3)
    rebuilt = np.zeros_like(counts)
    for index in np.ndindex(spikes.times.shape):
        if np.isfinite(spikes.times[index]):
            rebuilt[(*index[:2], int(2 * spikes.times[index]), int(spikes.sources[index]))] += 1
    np.testing.assert_array_equal(rebuilt, counts)


@pytest.mark.parametrize(
    ("unit", "to", "factor"),
    [
        ("s", "ms", 1e3), ("us", "ms", 1e-3), ("µs", "s", 1e-6), ("ms", "20 ms", 0.05), ("0.5 ms", "ms", 0.5),
        (30.0, "ms", 30.0), (None, "ms", 1.0),
    ],
)  # fmt: skip
def test_units(unit, to, factor):
    times = np.array([0.25, 1.5])
    expected = (times * factor).tolist()
    got = Spikes.from_trials([(times, [0, 1])], unit=unit, to=to).times[0]
    np.testing.assert_allclose(got, expected, rtol=1e-7)
    np.testing.assert_allclose(
        Spikes.from_events(times, [0, 1], [0, 0], unit=unit, to=to).times[0], expected, rtol=1e-7
    )
    raster = Spikes.from_raster(np.eye(2, dtype=bool), 0.5, unit=unit, to=to)
    np.testing.assert_allclose(raster.times, [0.0, 0.5 * factor], rtol=1e-7)


@pytest.mark.parametrize(
    ("unit", "to"),
    [("parsec", "ms"), ("s", "-1 ms"), ("s", "0 ms"), ("s", 3), (0, "ms"), (-1.0, "ms"), (None, "20 ms"), (2.0, "s")],
)
def test_refuses_units(unit, to):
    with pytest.raises(ValueError, match=r"(unit|to) is .* (must be|has a meaning only)"):
        Spikes.from_trials([([1.0], [0])], unit=unit, to=to)


def test_half_precision_is_cast_before_its_unit_changes():
    """SHD stores seconds in half precision: 1000 of them would be infinite milliseconds."""
    spikes = Spikes.from_trials([(np.array([100.0], np.float16), [0])], unit="s")
    assert spikes.times.tolist() == [[100_000.0]]


def test_padding_that_is_given_is_left_out():
    spikes = Spikes.from_trials([([INF, 1.0, INF], [-1, 2, 0]), ([INF], [9])])
    assert spikes.times.tolist() == [[1.0], [INF]]
    assert spikes.sources.tolist() == [[2], [0]]


def test_nothing():
    assert Spikes.from_trials([]).times.shape == (0, 0)
    assert Spikes.from_events([], [], [], num_trials=2).times.shape == (2, 0)
    assert Spikes.from_raster(np.zeros((3, 0, 2)), 1.0).times.shape == (3, 0)


@pytest.mark.parametrize(
    ("trials", "message"),
    [
        ([([1.0], [0]), ([1.0, -2.0], [0, 1])], r"trials\[1\]: times\[1\] is -2.0, but spike times must be at least 0"),
        ([([np.nan], [0])], r"trials\[0\]: times\[0\] is nan"),
        ([([1.0], [0]), ([1.0], [-1])], r"trials\[1\]: sources\[0\] is -1, but sources must be numbered from 0"),
        ([([1.0], [2**40])], r"trials\[0\]: sources\[0\] is 1099511627776"),
        ([([1.0], np.array([2**63], np.uint64))], r"trials\[0\]: sources\[0\] is 9223372036854775808"),
        ([([1.0], [0.5])], r"trials\[0\]: sources are of type float64, but must be integers"),
        ([([1.0 + 1j], [0])], r"trials\[0\]: times are of type complex128"),
        ([([1.0], [1, 2])], r"trials\[0\] has 1 times and 2 sources"),
        ([([[1.0]], [0])], r"trials\[0\]: times have shape \(1, 1\)"),
        ([[1.0]], r"trials\[0\] is no pair \(times, sources\)"),
        ([([1e300], [0])], r"trials\[0\]: times\[0\] is 1e\+300"),
    ],
)  # fmt: skip
def test_refuses_trials(trials, message, float32):
    with pytest.raises(ValueError, match=message):
        Spikes.from_trials(trials)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([2.0, -1.0], [0, 0], [1, 0]), r"times\[1\] of trial 0 is -1.0"),
        (([1.0], [0, 0], [0]), "1, 2 and 1 entries"),
        (([1.0], [0], [-1]), r"trials\[0\] is -1, but must be at least 0"),
        (([1.0, 1.0], [0, 0], [0, 2], 2), r"trials\[1\] is 2, but must be below num_trials, 2"),
    ],
)
def test_refuses_events(arguments, message):
    number = {"num_trials": arguments[3]} if len(arguments) > 3 else {}
    with pytest.raises(ValueError, match=message):
        Spikes.from_events(*arguments[:3], **number)


@pytest.mark.parametrize(
    ("raster", "dt", "message"),
    [
        ([[0, -1]], 1.0, r"raster\[0, 1\] is -1, but must be the count"),
        ([[0.5]], 1.0, r"raster\[0, 0\] is 0.5"),
        ([[np.nan]], 1.0, r"raster\[0, 0\] is nan"),
        ([0, 1], 1.0, r"shape \(2,\), but must have the shape \(\.\.\., bins, sources\)"),
        ([[1]], 0.0, "dt is 0.0"),
    ],
)
def test_refuses_rasters(raster, dt, message):
    with pytest.raises(ValueError, match=message):
        Spikes.from_raster(raster, dt)


def test_says_that_traced_times_are_not_known():
    with pytest.raises(ValueError, match="outside jit"):
        jax.jit(lambda times: Spikes.from_trials([(times, [0])]).times)(np.ones(1))


def test_is_fast():
    """400 trials as long as spoken digits; nothing is compiled for a length."""
    generator = np.random.default_rng(0)
    lengths = generator.integers(1000, 8000, 400)
    trials = [(np.sort(generator.random(n)).astype(np.float16), generator.integers(0, 700, n)) for n in lengths]
    start = time.process_time()
    spikes = Spikes.from_trials(trials, unit="s")
    assert time.process_time() - start < 1
    assert spikes.num_events.tolist() == lengths.tolist()
    single = [spikes[number] for number in range(40)]
    trimmed = [Spikes(each.times[:n], each.sources[:n]) for each, n in zip(single, lengths, strict=False)]
    start = time.process_time()
    together = Spikes.stack(trimmed)
    assert time.process_time() - start < 1
    np.testing.assert_array_equal(together.times, spikes.times[:40, : together.capacity])
