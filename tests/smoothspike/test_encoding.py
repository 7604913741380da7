import jax
import numpy as np
import pytest
from scipy import stats

from smoothspike.encoding import encode_level_crossings, encode_rate


def followed(samples, dt, step):
    """Send-on-delta, one sample and level after the other."""
    heights, level, events = (samples - samples[0]) / step, 0, []
    for number in range(len(heights) - 1):
        start, end = heights[number], heights[number + 1]
        while end >= level + 1 or end <= level - 1:
            direction = 1 if end > level else -1
            level += direction
            events.append((dt * (number + (level - start) / (end - start)), direction))
    return events


@pytest.mark.parametrize("grid", [None, 0.25], ids=["any", "samples on levels"])
def test_level_crossings_follow_the_signal(grid, float64):
    generator = np.random.default_rng(0)
    signal = np.cumsum(generator.normal(size=(4, 80, 3)), axis=1)
    signal = signal if grid is None else grid * np.round(signal / grid)
    spikes = encode_level_crossings(signal, dt=0.1, step=0.5)
    assert spikes.times.shape[0] == 4
    for number in range(4):
        trains = spikes[number].to_trains(6)
        for channel in range(3):
            expected = followed(signal[number, :, channel], 0.1, 0.5)
            for train, direction in zip(trains[2 * channel : 2 * channel + 2], (1, -1), strict=True):
                np.testing.assert_allclose(train, [time for time, way in expected if way == direction], rtol=1e-12)


def test_level_crossings_rebuild_the_signal_to_a_step(float64):
    signal = np.cumsum(np.random.default_rng(1).normal(size=(300, 1)), axis=0)
    up, down = encode_level_crossings(signal, dt=1.0, step=0.7).to_trains(2)
    times = np.arange(300.0)
    rebuilt = signal[0] + 0.7 * (np.searchsorted(up, times, "right") - np.searchsorted(down, times, "right"))
    assert np.abs(rebuilt - signal[:, 0]).max() < 0.7 + 1e-12


@pytest.mark.parametrize(
    ("samples", "up", "down"),
    [
        ([0, 2, 2, 0], [0.5, 1.0], [2.5, 3.0]),  # reached at a sample, once
        ([0, 1, 0.5, 1.5, 0.9, 1.1], [1.0], []),  # the same level again
        ([0, 1, 0, 1], [1.0, 3.0], [2.0]),
        ([5, 5, 5], [], []),
        ([0, -3], [], [1 / 3, 2 / 3, 1.0]),
        ([1.5], [], []),
    ],
)
def test_level_crossings_by_hand(samples, up, down, float64):
    trains = encode_level_crossings(np.array(samples, float)[:, None], dt=1.0, step=1.0).to_trains(2)
    np.testing.assert_allclose(trains[0], up)
    np.testing.assert_allclose(trains[1], down)


def test_integers_reach_their_levels_exactly():
    """Readings in steps of 3 from 100 on: no level is missed by rounding, nor reached twice."""
    readings = np.array([[100], [103], [109], [100], [97]], np.uint8)
    up, down = encode_level_crossings(readings, dt=1.0, step=3).to_trains(2)
    np.testing.assert_allclose(up, [1, 1.5, 2])
    np.testing.assert_allclose(down, [2 + 1 / 3, 2 + 2 / 3, 3, 4], rtol=1e-6)


@pytest.mark.parametrize(
    ("signal", "options", "message"),
    [
        ([[0.0], [np.nan]], {}, r"signal\[1, 0\] is nan, but samples must be finite"),
        ([0.0, 1.0], {}, r"signal has shape \(2,\)"),
        ([[0.0]], {"step": 0.0}, "step is 0.0"),
        ([[0.0]], {"dt": -1.0}, "dt is -1.0"),
    ],
)
def test_level_crossings_refuse(signal, options, message):
    with pytest.raises(ValueError, match=message):
        encode_level_crossings(signal, **({"dt": 1.0, "step": 1.0} | options))


def test_rates_are_poisson(key):
    rates, duration, trials = np.array([0.0, 3.0, 40.0]), 2.0, 400
    spikes = encode_rate(np.tile(rates, (trials, 1)), duration, key=key)
    counts = np.asarray(spikes.counts(3))
    assert (counts[:, 0] == 0).all()
    for channel in (1, 2):
        mean = rates[channel] * duration
        # the mean of 400 counts within 4 standard errors, and the variance of a Poisson distribution
        assert abs(counts[:, channel].mean() - mean) < 4 * np.sqrt(mean / trials)
        assert 0.75 < counts[:, channel].var() / mean < 1.3
    times = np.asarray(spikes.times)
    assert stats.kstest(times[np.isfinite(times)] / duration, "uniform").pvalue > 1e-3
    assert (np.diff(np.nan_to_num(times, posinf=9.0)) >= 0).all()


def test_rates_follow_the_key(key):
    first, again, other = (encode_rate([[5.0, 9.0]], 2.0, key=k) for k in (key, key, jax.random.key(1)))
    assert first.times.tolist() == again.times.tolist()
    assert first.sources.tolist() == again.sources.tolist()
    assert first.times.tolist() != other.times.tolist()
    raw = encode_rate([[5.0, 9.0]], 2.0, key=jax.random.key_data(key))
    assert raw.times.tolist() == first.times.tolist()


@pytest.mark.parametrize(
    ("rates", "duration", "message"),
    [
        ([1.0, -1.0], 1.0, r"rates\[1\] is -1.0, but rates must be finite and not negative"),
        ([np.inf], 1.0, r"rates\[0\] is inf"),
        (1.0, 1.0, "rates is a single number"),
        ([1.0], 0.0, "duration is 0.0"),
    ],
)
def test_rates_refuse(rates, duration, message, key):
    with pytest.raises(ValueError, match=message):
        encode_rate(rates, duration, key=key)


def test_both_say_that_traced_numbers_are_not_known(key):
    with pytest.raises(ValueError, match="encode outside jit"):
        jax.jit(lambda rates: encode_rate(rates, 1.0, key=key).times)(np.ones(2))
    with pytest.raises(ValueError, match="encode outside jit"):
        jax.jit(lambda signal: encode_level_crossings(signal, 1.0, 1.0).times)(np.ones((2, 1)))
