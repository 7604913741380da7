"""Many trials at once: inputs in any order, cut-offs, ends, and declared ranges."""

import numpy as np
import pytest

import smoothspike as ss
from smoothspike.numerics.trajectory import DONE
from smoothspike.validation.equations import numeric_model
from smoothspike.validation.random_trials import draw_weights, screen
from smoothspike.validation.trials import GRID, INPUTS, InputTrains, Outcomes, Simulator, within_bounds


def trains(count, times, weights):
    """The same inputs for several trials."""
    empty = InputTrains(np.full((count, INPUTS), np.inf), np.zeros((count, INPUTS), int), np.zeros((count, INPUTS)))
    empty.times[:, : len(times)], empty.weights[:, : len(times)] = times, weights
    return empty


@pytest.fixture(scope="module")
def oscillator():
    """V' = V^2 + 1 as an angle: it spikes each time pi, first after pi/2."""
    return Simulator(numeric_model(ss.models.theta_neuron()), trials=1)


@pytest.mark.slow
def test_a_neuron_that_fires_by_itself_is_watched_until_its_third_spike_or_so(oscillator):
    assert np.isclose(oscillator.duration, 4 * np.pi)
    trial = oscillator(trains(1, [], []))
    np.testing.assert_allclose(trial.spike_times[0, :4], np.pi * (np.arange(4) + 0.5), rtol=1e-11)


def test_inputs_need_no_order_and_trials_no_number(oscillator):
    """More trials than fit side by side, in two orders."""
    count = GRID + 3
    weights = np.linspace(-3, 3, count)[:, None] * np.array([1.0, -0.5, 0.3])
    sorted_, mixed = (trains(count, np.array([0.4, 2.0, 5.0])[order], weights[:, order])
                      for order in (np.array([0, 1, 2]), np.array([2, 0, 1])))  # fmt: skip
    one, other = oscillator(sorted_), oscillator(mixed)
    assert one.spike_times.shape[0] == count
    assert (one.status == DONE).all()
    np.testing.assert_array_equal(one.spike_times, other.spike_times)
    np.testing.assert_array_equal(one.before[:, :3], other.before[:, :3])
    alone = oscillator(InputTrains(*(part[-1:] for part in mixed)))
    np.testing.assert_array_equal(alone.spike_times[0], one.spike_times[-1])
    expected = np.pi / 2 - np.arctan(np.tan(0.4) + weights[:, 0]) + 0.4
    first = expected < 2.0
    np.testing.assert_allclose(one.spike_times[first, 0], expected[first], rtol=1e-11)


def test_choosing_repeating_and_adding_inputs():
    inputs = trains(3, [1.0], np.array([[5.0], [6.0], [7.0]]))
    assert inputs.chosen(np.array([2, 0])).weights[:, 0].tolist() == [7, 5]
    assert inputs.repeated(2).weights[:, 0].tolist() == [5, 5, 6, 6, 7, 7]
    more = inputs.with_input(2, times=np.arange(3.0), weights=np.ones(3), routes=np.zeros(3, int))
    assert more.times[:, 2].tolist() == [0, 1, 2]
    assert np.isinf(inputs.times[:, 2]).all()


def test_declared_ranges():
    """A conductance must not be negative; NaN is what was not recorded."""
    ready = numeric_model(ss.models.qif_conductance())
    lowest = np.array([0.0, -1e-12, -0.1, 3.0])
    before = np.full((4, 1, 2), np.nan)
    before[:, 0] = np.stack([np.full(4, -5.0), lowest], 1)
    zeros = np.zeros(4)
    trial = Outcomes(np.full((4, 1), np.inf), zeros, zeros, zeros, np.full((4, 1, 2), np.nan), before, np.zeros((4, 2)))
    assert within_bounds(ready, trial).tolist() == [True, True, False, True]


def test_random_weights_have_the_sign_that_a_range_asks_for():
    generator, routes = np.random.default_rng(0), np.zeros((400, INPUTS), int)
    conductance = draw_weights(ss.models.qif_conductance(), routes, generator)
    current = draw_weights(ss.models.qif(), routes, generator)
    assert (conductance > 0).all()
    assert 0.7 < (current > 0).mean() < 0.9
    for weights in (conductance, current):
        sizes = np.abs(weights)
        assert sizes.min() < 0.1
        assert sizes.max() > 100
        assert (sizes.max(1) / sizes.min(1)).max() < 10 * (1 + 1e-12)


@pytest.mark.slow
def test_screening(oscillator):
    screening = screen(oscillator, np.random.default_rng(1))
    again = screen(oscillator, np.random.default_rng(1))
    np.testing.assert_array_equal(screening.trials.outcomes.spike_times, again.trials.outcomes.spike_times)
    trials = screening.with_spikes(8, at_least=2)
    assert len(trials) == 8
    assert (trials.outcomes.num_spikes >= 2).all()
    assert (trials.outcomes.num_spikes <= 5).all()
    assert np.isinf(trials.inputs.times[:, -1]).all()
    assert len(screening.with_spikes(8, at_least=9)) == 0
    assert len(screening.escapes(5)) == 0
