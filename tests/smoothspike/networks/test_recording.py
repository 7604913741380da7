import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import QuadraticCurrent, number, simulate_single

import smoothspike as ss

T, SIZE, ROUNDING = 4.0, 3, 1e-12
TIMES, WEIGHTS = [0.3, 0.7, 1.1], [[12.0, 9.0, 9.0], [3.0, -2.0, 4.0], [-3.0, 0.0, 0.0]]


@pytest.fixture(scope="module")
def net():
    return ss.FeedForward(ss.Neuron(ss.models.qif()), (3, SIZE), T, weights=[WEIGHTS])


@pytest.fixture(scope="module")
def record(net):
    return net(ss.Spikes(TIMES, [0, 1, 2]))


@pytest.fixture(scope="module")
def batch(net):
    return net(ss.Spikes([TIMES, [0.1, 0.2, 0.3]], [[0, 1, 2]] * 2))


def test_ordinary_spikes_come_first_then_pseudospikes(record):
    counts = np.asarray(record.spikes[0].counts(SIZE))
    assert counts.max() >= 2 > counts.min() == 0
    times, ordinary = np.asarray(record.spike_times(5)), np.asarray(record.ordinary_spike_times(5))
    assert times.shape == ordinary.shape == (SIZE, 5)
    trains = record.spikes[0].to_trains(SIZE)
    for row, known, train, count in zip(times, ordinary, trains, counts, strict=True):
        np.testing.assert_array_equal(row[:count], train)
        np.testing.assert_array_equal(known[:count], train)
        assert (known[count:] == np.inf).all()
        assert (row[count:] >= T).all()
        np.testing.assert_allclose(np.diff(row[count:], 2), 0, atol=ROUNDING)  # pseudospikes are regular
        assert (np.diff(row) > 0).all()


def test_fewer_spikes_than_there_are(record):
    np.testing.assert_array_equal(record.spike_times(1), record.spike_times(5)[:, :1])
    np.testing.assert_array_equal(record.first_spike_times(), record.spike_times(1)[:, 0])
    assert record.spike_times(0).shape == (SIZE, 0)


def test_pseudo_rates(record):
    pseudospikes = record.layers[0].pseudospikes
    rates = np.asarray(record.pseudo_rates())
    assert ((rates >= 0) & (rates <= 1)).all()
    np.testing.assert_allclose(rates, 1 - pseudospikes.first / pseudospikes.period, atol=ROUNDING)


def test_states_against_the_oracle(record):
    """Also at the very start, right at an input, and at the trial end."""
    samples = [0.0, 0.15, 0.3, 0.9, 1.7, 2.9, T]
    states = record.states_at(samples)
    assert set(states) == {"V", "I"}
    assert states["V"].shape == (len(samples), SIZE)
    neuron = QuadraticCurrent(1.0, 0.5)
    for index, row in enumerate(WEIGHTS):
        for place, sample in enumerate(samples):
            before = [(time, weight) for time, weight in zip(TIMES, row, strict=True) if time < sample]
            expected = neuron.initial
            if sample > 0:
                _, expected = simulate_single(neuron, [t for t, _ in before], [w for _, w in before], sample)
            if sample in TIMES:
                expected = neuron.jump(expected, number(row[TIMES.index(sample)]))
            for name, value in zip("VI", expected, strict=True):
                np.testing.assert_allclose(states[name][place, index], float(value), rtol=1e-11, atol=1e-12)


@pytest.mark.slow
def test_a_batch_is_read_trial_by_trial(net, record, batch):
    assert batch.spike_times(2).shape == (2, SIZE, 2)
    assert batch.pseudo_rates().shape == (2, SIZE)
    states = batch.states_at(jnp.array([1.0, 2.0]))
    assert states["V"].shape == (2, 2, SIZE)
    np.testing.assert_allclose(batch.spike_times(2)[0], record.spike_times(2), rtol=ROUNDING)
    np.testing.assert_allclose(states["V"][0], record.states_at([1.0, 2.0])["V"], rtol=1e-9)


def test_reading_inside_jit(net):
    @eqx.filter_jit
    def read(net, ts):
        record = net(ss.Spikes(TIMES, [0, 1, 2]))
        return record.spike_times(2), record.states_at(ts)

    times, states = read(net, jnp.array([0.5, 99.0]))  # inside jit the times are not known and not checked
    assert np.isfinite(times).all()
    assert states["V"].shape == (2, SIZE)


@pytest.mark.parametrize(
    ("ts", "message"),
    [
        ([0.5, T + 0.1], r"states_at: times 0.5 to 4.1 lie outside the trial, 0 to 4.0"),
        ([-0.1], "lie outside the trial"),
        ([np.nan], "lie outside the trial"),
        ([[0.5]], r"states_at: ts must be one list of times, but it has shape \(1, 1\)"),
    ],
)
def test_refuses_times_outside_the_trial(record, ts, message):
    with pytest.raises(ValueError, match=message):
        record.states_at(ts)


def test_no_times_at_all(record):
    assert record.states_at([])["V"].shape == (0, SIZE)


def test_a_recording_is_a_pytree(record):
    assert eqx.tree_equal(jax.tree.map(lambda leaf: leaf, record), record)
