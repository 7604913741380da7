"""Sequences that settle, or do not, as the cut-off of a divergence is raised; one model each way."""

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from smoothspike.validation.cutoff_study import find_cutoff_dependence, find_escape, settles
from smoothspike.validation.equations import numeric_model
from smoothspike.validation.random_trials import screen
from smoothspike.validation.trials import Simulator
from symbolic import NeuronModel, at_infinity

V, w = sp.symbols("V w", real=True)
LEFT = 1e-18 ** np.array([0.125, 0.25, 0.5, 1.0])  # at the cut-offs of a divergence that is in reach
LOGARITHMS = np.array([3.0, 6.0, 12.0, 24.0])  # of the cut-offs of one that is not


@given(
    limit=st.floats(-1e3, 1e3), size=st.floats(-1e3, 1e3), exponent=st.floats(1.1, 6), state=st.sampled_from([0.3, 1.0])
)
def test_power_laws_settle(limit, size, exponent, state):
    """A time, or a state, that converges like a power of the cut-off."""
    cut_offs = LEFT ** (-1 / (exponent - 1))
    assert settles(limit + size * cut_offs ** (-state * (exponent - 1)))


@given(offset=st.floats(-10, 10), size=st.floats(0.01, 100))
def test_logarithms_do_not_settle(offset, size):
    for logarithms in (LOGARITHMS, -np.log(LEFT)):
        assert not settles(offset + size * logarithms)
        assert not settles(offset - size * np.log(logarithms))
        assert settles(offset + size / logarithms)  # slow, but a limit


def test_what_is_not_there():
    inf, nan = np.inf, np.nan
    assert settles(np.full(4, inf))
    assert settles(np.array([1.0, inf, inf, inf]))
    assert not settles(np.array([1.0, 2.0, inf, inf]))
    assert not settles(np.array([1.0, 1.5, 1.6, inf]))
    assert settles(np.array([1.0, nan, 2.0, 4.0]))
    assert settles(np.full(4, 2.0))
    assert settles(2 + 1e-9 * np.array([0.0, 1.0, -1.0, 1.0]))  # rounding


def found(field, others=None, reset=None):
    declared = NeuronModel(
        "m", dynamics={V: field, **(others or {})}, spike=at_infinity(V), reset=reset or {V: 0}, inputs=V
    )
    simulator, generator = Simulator(numeric_model(declared), trials=1), np.random.default_rng(0)
    screening = screen(simulator, generator)
    return find_cutoff_dependence(simulator, screening, generator), find_escape(simulator, screening)


@pytest.mark.slow
def test_a_state_that_diverges_with_the_spike():
    """w' = V where V' = V^2 + 1: w grows like log(V), the spike time itself has a limit."""
    dependence, escape = found(V**2 + 1, {w: V})
    assert str(dependence.observable) == "w at spike 1"
    np.testing.assert_allclose(np.diff(dependence.outcomes), np.diff(np.log(dependence.cut_offs)), rtol=1e-4)
    assert len(dependence.trial) == 1
    assert dependence.spike_times.shape[0] == 4
    assert escape is None


@pytest.mark.slow
def test_a_spike_that_has_a_limit_and_one_that_runs_away():
    dependence, escape = found(V**3 + V)
    assert dependence is None
    assert escape is not None
    trial, end = escape
    place = int(trial.inputs.times[0].argmin())
    assert trial.inputs.weights[0, place] < 0  # from 0 it goes where it is pushed
    assert 0 < end < 100
