"""Rays with driven coefficients: against the elementary solution, the oracle, and differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from smoothspike.numerics.riccati_series import Shape, carry, until_zero

ALONE = Shape(0, (), (), (), ())
CURRENT = Shape(1, (0,), (), ((0, 0),), ())
CONDUCTANCE = Shape(1, (0,), (0,), ((0, 0),), ())
CASCADE = Shape(3, (0,), (), ((0, 1), (1, 2), (2, 2)), ())

run = jax.jit(carry, static_argnums=0)
wait = jax.jit(until_zero, static_argnums=0)


def test_a_constant_drive_is_a_rotation_or_a_squeeze():
    times, drives = np.array([0.3, 5.0, 40.0]), np.array([2.0, 0.25, 9.0])
    g, q, count = run(ALONE, times, 0.4, 1.0, drives)
    turn = np.sqrt(drives)
    angle = np.arctan(0.4 / turn) + turn * times
    np.testing.assert_allclose(g / q, turn * np.tan(angle), rtol=1e-11)
    np.testing.assert_array_equal(count, np.floor(angle / np.pi + 0.5))
    g, q, count = run(ALONE, 3.0, -0.2, 1.0, -0.25)
    assert float(g / q) == pytest.approx(-0.5 * np.tanh(1.5 + np.arctanh(0.4)), rel=1e-14)
    assert count == 0


def test_thousands_of_zeros_do_not_drift():
    index = np.arange(0, 4000, 800.0)
    found = wait(ALONE, 1e4, index, 0.0, 1.0, 4.0)[0]
    np.testing.assert_allclose(found, (index + 0.5) * np.pi / 2, rtol=5e-13)
    assert run(ALONE, 4000 * np.pi / 2 - 1e-9, 0.0, 1.0, 4.0)[2] == 4000


@pytest.mark.parametrize("drive", [0.0, 1e-300, 1e-12, -1e-12])
def test_a_drive_through_zero(drive):
    found = wait(ALONE, 10.0, 0.0, 0.5, 1.0, drive)[0]
    assert float(found) == pytest.approx(2 - 8 * drive / 3, rel=1e-14)
    found = wait(CURRENT, 10.0, 0.0, 0.5, 1.0, 0.0, drive, 1.0, -2.0)[0]
    assert float(found) == pytest.approx(2 - 8 * drive / 3, rel=1e-14)


def test_a_conductance_shunts():
    """u' = u**2 + s u, s constant: u = s / ((1 + s / u) exp(-s t) - 1)."""
    found = wait(CONDUCTANCE, 9.0, 0.0, 1.0, 1.0, -0.5, 0.0, 0.0, 1.0, 0.0)[0]
    assert float(found) == pytest.approx(2 * np.log(2), rel=1e-14)


def test_zeros_at_the_ends_of_the_interval():
    """At a zero itself, just after it, a zero at the end, none within."""
    g, q = np.array([1.0, -1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0, 1.0])
    within = np.array([5.0, 5.0, np.pi / 2, 1.5])
    found = wait(ALONE, within, 0.0, g, q, 1.0)[0]
    np.testing.assert_allclose(found[:3], [0, np.pi, np.pi / 2], rtol=1e-15)
    assert np.isinf(found[3]) or found[3] > 1.5
    assert run(ALONE, 0.0, 0.5, 1.0, 1.0)[2] == 0


def value_and_derivatives(function, point, step=1e-6):
    """The value, and its derivatives forwards, backwards, and by differences, in one compiled call."""
    size = len(point)

    def each(point):
        value, push = jax.linearize(function, point)
        forward = jax.vmap(push)(jnp.eye(size)).T
        return value, forward, jax.vmap(jax.linear_transpose(push, point))(jnp.eye(value.size))[0]

    points = np.concatenate([point[None], point + step * np.eye(size), point - step * np.eye(size)])
    values, forward, reverse = map(np.asarray, jax.jit(jax.vmap(each))(points))
    return values[0], forward[0], reverse[0], ((values[1 : size + 1] - values[size + 1 :]) / (2 * step)).T


@pytest.mark.slow
def test_derivatives_against_differences():
    point = np.array([9.0, 0.1, 1.0, 2.0, 0.3, 1.1, 0.4, -1.7])

    def found(point):
        time, g, q, state = until_zero(CONDUCTANCE, point[0], 0.0, *point[1:])
        return jnp.stack([time, q / g, state])

    value, forward, reverse, differences = value_and_derivatives(found, point)
    assert np.isfinite(value).all()
    np.testing.assert_allclose(forward, reverse, atol=1e-14)
    np.testing.assert_allclose(forward, differences, atol=1e-8)


def test_derivatives_by_a_state_that_is_zero():
    """The ray alone would take steps of many of the state's time constants: its derivative must converge, too."""
    shift = jax.jit(jax.jacfwd(lambda s: until_zero(CURRENT, 9.0, 0.0, 0.0, 1.0, s, 1.0, 1.0, -50.0)[0]))
    rate = 50.0  # to first order the zero moves by the integral of cos(t)**2 exp(-rate t) until pi / 2
    decayed = np.exp(-rate * np.pi / 2)
    expected = -((1 - decayed) / rate + (rate + rate * decayed) / (rate**2 + 4)) / 2
    assert float(shift(0.0)) == pytest.approx(expected, rel=1e-10)


def test_a_cascade_that_starts_at_rest_but_for_its_end():
    found = run(CASCADE, 2.0, 0.0, 1.0, 0.0, 0.0, 0.3, 1e-9, 1.0, 1.0, 1.0, -1.0)
    decay = np.exp(-2.0)
    np.testing.assert_allclose(found[2:5], [0.3 * (2 - 1 + decay), 0.3 * (1 - decay), 0.3 * decay], rtol=1e-14)
    assert np.isfinite(found[0])


def test_single_precision(float32):
    found = wait(CURRENT, 1e3, 100.0, 0.0, 1.0, 0.0, 4.0, 1.0, -1.0)[0]
    assert found.dtype == jnp.float32
    assert float(found) == pytest.approx(100.5 * np.pi / 2, rel=1e-5)


def test_derivatives_by_an_interval_without_length():
    """Those of two inputs that arrive together: the limit of shorter and shorter intervals."""
    given = 0.3, 0.7, 1.5, 0.2, 1.0, 0.5, -1.4

    def slope(length):
        return jax.jacrev(lambda length: jnp.stack(run(CONDUCTANCE, length, *given)[:3]))(length)

    np.testing.assert_allclose(slope(0.0), slope(1e-12), rtol=1e-9)
    assert np.all(slope(0.0) != 0)
