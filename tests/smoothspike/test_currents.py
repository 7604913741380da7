"""Currents as functions of time: their values, slopes and means, and what is refused."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

import smoothspike as ss

pytestmark = pytest.mark.usefixtures("float64")

TIMES = [-0.5, 0.25, 0.25, 1.0, 1.5, 7.0]
VALUES = [2.0, -1.0, 3.0, 0.5, 4.0, 1.0]
AT = np.array([-1.0, -0.5, 0.0, 0.2, 0.25, 0.3, 0.9999, 1.0, 1.2, 3.0, 7.0, 9.0])


def test_a_piecewise_constant_current():
    got = ss.PiecewiseConstant(TIMES, VALUES).at(AT)
    np.testing.assert_array_equal(got, [0, 2, 2, 2, 3, 3, 3, 0.5, 0.5, 4, 1, 1])


def test_a_piecewise_linear_current_is_interpolated_as_numpy_does():
    current = ss.PiecewiseLinear(TIMES, VALUES)
    apart = AT[AT != 0.25]
    np.testing.assert_allclose(current.at(apart), np.interp(apart, TIMES, VALUES), rtol=1e-14)
    # between equal times it jumps
    assert current.at([0.25]).tolist() == [3.0]
    assert current.slope_at([-0.6, 0.0, 0.25, 9.0]).tolist() == [0.0, -4.0, pytest.approx(-2.5 / 0.75), 0.0]


def test_one_for_each_neuron():
    for kind in (ss.PiecewiseConstant, ss.PiecewiseLinear):
        both = kind(TIMES, np.stack([VALUES, np.flip(VALUES)], -1))
        alone = [kind(TIMES, values) for values in (VALUES, VALUES[::-1])]
        np.testing.assert_array_equal(both.at(AT), np.stack([each.at(AT) for each in alone], -1))
        assert both.neurons == 2
        assert alone[0].neurons is None
    batch = ss.PiecewiseConstant(np.zeros((3, 4)), np.zeros((3, 4, 2)))
    assert (batch.batch, batch.neurons) == ((3,), 2)


@pytest.mark.parametrize("kind", [ss.PiecewiseConstant, ss.PiecewiseLinear])
@pytest.mark.parametrize("duration", [0.1, 1.2, 9.0])
def test_the_mean_over_a_trial(kind, duration):
    current = kind(TIMES, VALUES)
    edges = [0.0, *(time for time in TIMES if 0 < time < duration), duration]
    total = sum(quad(lambda t: float(current.at([t])[0]), *ends, epsabs=1e-12)[0] for ends in pairwise(edges))
    np.testing.assert_allclose(current.mean(jnp.asarray(duration)), [total / duration], rtol=1e-9)
    gradients = jax.grad(lambda each: each.mean(jnp.asarray(duration)).sum())(current)
    assert np.isfinite(gradients.times).all()
    assert np.isfinite(gradients.values).all()


@pytest.mark.parametrize("kind", [ss.PiecewiseConstant, ss.PiecewiseLinear])
@pytest.mark.parametrize(
    ("times", "values", "message"),
    [
        ([], [], "at least one piece"),
        (0.0, 1.0, "at least one piece"),
        ([0.0, 1.0], [1.0], r"times have shape \(2,\) and values \(1,\)"),
        ([0.0, 1.0], [[1.0, 2.0, 3.0]], r"times have shape \(2,\) and values \(1, 3\)"),
        ([0.0], [[[1.0]]], "one more axis, for neurons"),
        ([0.0, np.nan], [1.0, 2.0], r"times\[1\] is nan, but must be finite"),
        ([0.0, np.inf], [1.0, 2.0], r"times\[1\] is inf, but must be finite"),
        ([0.0, 1.0], [1.0, np.inf], r"values\[1\] is inf, but must be finite"),
        ([0.0, 2.0, 1.0], [1.0, 2.0, 3.0], "times must ascend, but 1.0 comes after 2.0"),
        ([[0.0, 1.0], [3.0, 2.0]], [[1.0, 2.0], [1.0, 2.0]], "2.0 comes after 3.0"),
        ([0.0], ["strong"], "values must be an array of real numbers"),
        ([0.0], [1j], "values must be real numbers"),
    ],
)
def test_what_is_refused(kind, times, values, message):
    with pytest.raises(ValueError, match=message):
        kind(times, values)
