"""Jumps told from steep but continuous changes."""

import numpy as np
import pytest

import smoothspike as ss
from smoothspike.numerics.trajectory import DONE, TOO_MANY_SPIKES
from smoothspike.validation.discontinuity_search import changes_between, refine, varied_inputs
from smoothspike.validation.equations import numeric_model
from smoothspike.validation.random_trials import Trials
from smoothspike.validation.trials import INPUTS, InputTrains, Outcomes, Simulator

START, END = 0.5, 20.0


def searched(model, *searches):
    """Searches over one input: (weight, whether its time is varied, from, to)."""
    simulator = Simulator(numeric_model(model), END, trials=len(searches))
    weights, is_time, low, high = (np.array(part) for part in zip(*searches, strict=True))
    count = len(searches)
    inputs = InputTrains(np.full((count, INPUTS), np.inf), np.zeros((count, INPUTS), int), np.zeros((count, INPUTS)))
    inputs.times[:, 1], inputs.weights[:, 1] = START, weights
    trials = Trials(inputs, simulator(inputs))
    return refine(simulator, trials, np.ones(count, int), is_time.astype(bool), low, high)


@pytest.mark.slow
def test_a_steep_dependence_is_no_jump():
    """The QIF neuron with delta inputs spikes -log(1 - 1/w) after an input w > 1: ever later, up to the trial's end.

    A spike that leaves through the end is none either.
    """
    found = searched(
        ss.models.qif_delta(),
        (1.5, False, 0.5, 1.5),
        (1.5, False, 0.99, 1.02),
        (1.5, True, 0.0, END),
        (3.0, True, 0, 9),
    )
    assert not found.is_jump.any()
    np.testing.assert_allclose((found.low + found.high)[:2] / 2, 1, atol=1e-7)  # it is closest to one there


@pytest.mark.slow
def test_a_jump():
    """The LIF neuron spikes where w > 4, log(2) after the input at first; its time matters little."""
    found = searched(
        ss.models.lif(), (5.0, False, 3.0, 5.0), (5.0, False, 3.99, 4.3), (5.0, True, 0.0, 18.0), (3.0, False, 1.0, 3.9)
    )
    assert found.is_jump.tolist() == [True, True, False, False]
    np.testing.assert_allclose((found.low + found.high)[:2] / 2, 4, atol=1e-8)
    assert ((found.high - found.low)[:2] < 1e-9).all()
    np.testing.assert_allclose(found.change[:2], END - START - np.log(2), rtol=1e-4)


def test_varied_inputs():
    """The first trial varies a weight, the second one a time."""
    inputs = InputTrains(np.array([[1.0, 2.0], [3.0, 4.0]]), np.zeros((2, 2), int), np.array([[5.0, 6.0], [7.0, 8.0]]))
    found = varied_inputs(inputs, np.array([1, 0]), np.array([False, True]), np.array([[10.0, 20.0], [30.0, 40.0]]))
    np.testing.assert_array_equal(found.times, [[1, 2], [1, 2], [30, 4], [40, 4]])
    np.testing.assert_array_equal(found.weights, [[5, 10], [5, 20], [7, 8], [7, 8]])
    np.testing.assert_array_equal(inputs.times, [[1, 2], [3, 4]])


def test_changes_are_counted_up_to_the_end_and_between_whole_trials():
    times = np.array([[1.0, np.inf], [1.0, 9.5], [2.0, 9.0], [2.0, 3.0], [2.0, 3.0]])
    status = np.array([DONE, DONE, DONE, TOO_MANY_SPIKES, DONE])
    trial = Outcomes(times, (times < 10).sum(1), status, *4 * (np.zeros(0),))
    np.testing.assert_allclose(changes_between(trial, 10.0), [0.5, 1.0, 0, 0, 0])
