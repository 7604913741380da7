"""The leaky integrator's response and first crossing against mpmath, for every ratio of its time constants."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from mpmath import mp
from reference import LeakyCurrent, central_difference, number

from smoothspike.numerics.leaky import crossing, extremum, response

LEAK, LEVEL, LATE = 0.8, 1.0, 50.0
DECAYS = [0.4, 0.8, 0.8 + 1e-9, 1.6, 3.1]  # of the current: slower, equal, almost equal, twice as fast, any
STATES = [(0.0, 6.0), (0.9, 2.0), (-2.0, 16.0), (0.2, 6.0), (-30.0, 200.0)]
# Newton steps end at rounding errors, times up to 10 where the potential is about to turn.
TIMES, GRADIENTS = 1e-14, 1e-12


def found_crossing(v, drive, decay, within=LATE, level=LEVEL):
    return crossing(*map(jnp.asarray, (v, drive, LEAK, decay - LEAK, level, within)))


crossing_and_gradient = jax.jit(jax.value_and_grad(found_crossing, (0, 1, 2)))


def oracle(v, drive, decay):
    """The current that the oracle needs for the same drive is drive / leak."""
    leak = number(LEAK)
    neuron = LeakyCurrent(1, 1, V_th=LEVEL, V_r=-1)
    neuron.tau_m, neuron.tau_s = 1 / leak, 1 / number(decay)
    return neuron.time_to_spike((number(v), number(drive) / leak))


@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize(("v", "drive"), STATES)
def test_crossings_and_gradients_against_mpmath(v, drive, decay):
    expected = oracle(v, drive, decay)
    time, gradient = crossing_and_gradient(v, drive, decay)
    assert expected < mp.inf
    assert abs(float(time) - expected) <= TIMES * (1 + expected)
    for position, found in enumerate(gradient[:2]):
        (exact,) = central_difference(lambda point: [oracle(*point, decay)], (v, drive), position)
        assert abs(float(found) - exact) <= GRADIENTS * max(1, abs(exact))


@pytest.mark.parametrize("decay", [0.4, 1.6])
def test_gradients_with_respect_to_rates_and_level(decay):
    point = tuple(map(jnp.asarray, (0.1, 5.0, LEAK, decay - LEAK, LEVEL, LATE)))
    jitted = jax.jit(crossing)
    gradient = jax.jit(jax.grad(crossing, tuple(range(6))))(*point)
    for position in range(5):
        step = 1e-6
        sides = [jitted(*(p + sign * step * (i == position) for i, p in enumerate(point))) for sign in (1, -1)]
        np.testing.assert_allclose(gradient[position], (sides[0] - sides[1]) / (2 * step), rtol=1e-8)
    assert gradient[5] == 0


def test_equal_rates_are_no_special_case():
    """The crossing is analytic in the ratio of the rates through 1: its slope agrees on both sides."""
    slope = jax.jit(jax.grad(lambda decay: found_crossing(0.0, 4.0, decay)))
    np.testing.assert_allclose(slope(LEAK - 1e-9), slope(LEAK + 1e-9), rtol=1e-7)
    np.testing.assert_allclose(slope(LEAK), slope(LEAK + 1e-9), rtol=1e-7)


@pytest.mark.parametrize(("v", "drive"), [(0.0, 0.0), (0.0, 0.5), (-5.0, 1.0), (0.5, -3.0), (0.999, 0.5)])
@pytest.mark.parametrize("decay", DECAYS[1:])
def test_no_crossing(v, drive, decay, dtype):
    time, gradient = crossing_and_gradient(v, drive, decay)
    assert time.dtype == dtype
    assert time == np.inf
    assert gradient == (0, 0, 0)


def test_a_crossing_after_the_interval_is_none():
    time = found_crossing(0.0, 3.0, 1.6)
    assert found_crossing(0.0, 3.0, 1.6, within=time * 0.999) == np.inf
    np.testing.assert_allclose(found_crossing(0.0, 3.0, 1.6, within=time * 1.001), time, rtol=1e-14)


def test_at_and_above_the_threshold_it_is_now():
    """Exactly at it, and rising, the spike moves with the potential; above it, it comes with what lifted it there."""
    time, gradient = crossing_and_gradient(LEVEL, 2.0, 1.6)
    assert time == 0
    np.testing.assert_allclose(gradient[0], -1 / (2.0 - LEAK * LEVEL))
    for v, drive in ((LEVEL, 0.0), (1.5 * LEVEL, 2.0)):
        time, gradient = crossing_and_gradient(v, drive, 1.6)
        assert time == 0
        assert gradient == (0, 0, 0)


@pytest.mark.parametrize("decay", [0.8, 1.6])
def test_grazing(decay):
    """Just above the smallest drive that reaches the level the crossing is near the turn; just below there is none."""
    turn = extremum(*map(jnp.asarray, (0.0, 1.0, LEAK, decay - LEAK)))
    largest = response(*map(jnp.asarray, (turn, 0.0, 1.0, LEAK, decay - LEAK)))
    for side, exists in ((1 + 1e-12, True), (1 - 1e-12, False)):
        time, gradient = crossing_and_gradient(0.0, LEVEL / largest * side, decay)
        assert (abs(time - turn) < 1e-5) == exists
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("decay", DECAYS)
def test_extremum_is_where_the_slope_vanishes(decay):
    for v, drive in (*STATES, (2.0, 1.0), (0.5, -3.0), (-0.5, 0.0), (0.0, 0.0)):
        arguments = tuple(map(jnp.asarray, (v, drive, LEAK, decay - LEAK)))
        turn = extremum(*arguments)
        slope = jax.grad(response)(turn if turn < np.inf else jnp.asarray(5.0), *arguments)
        assert (abs(slope) < 1e-13 * (abs(v) + abs(drive))) == bool(turn < np.inf) or slope == 0
