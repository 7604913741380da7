"""The entire functions and all their derivatives against mpmath, in both precisions."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from mpmath import mp

from smoothspike.numerics.special_functions import circular, exponential, squareplus

# Relative to the size of the function (of its envelope where it oscillates): rounding, and a little cancellation where
# the recurrence takes over from the series.
PRECISION = {"float32": 3e-6, "float64": 1e-14}
ORDERS = 4
# Zero, both sides of it, both sides of where series and recurrence meet, and far out.
SIZES = np.array([1e-30, 1e-9, 0.01, 0.7, 1.49, 1.51, 3.99, 4.01, 12.0, 90.0, 700.0, 1e4])
POINTS = np.concatenate([-SIZES[::-1], [0.0], SIZES])


def derivatives(function, points, dtype):
    """Function and derivatives up to ORDERS at every point."""
    nested = [function]
    for _ in range(ORDERS):
        nested.append(jax.grad(nested[-1]))
    run = eqx.filter_jit(jax.vmap(lambda x: jnp.stack([each(x) for each in nested])))
    found = run(jnp.asarray(points, dtype))
    assert found.dtype == dtype
    return np.asarray(found)


def spherical(order, x):
    """j_n(sqrt(x)) / sqrt(x)^n as a hypergeometric function, scaled like `circular`."""
    with mp.workdps(60):
        x = mp.mpf(float(x))
        value = mp.hyp0f1(order + mp.mpf(3) / 2, -x / 4) / mp.fac2(2 * order + 1)
        return value * mp.exp(-mp.sqrt(-x)) if x < 0 else value


def envelope(order, x):
    """How large the function is around x: the factor that multiplies its oscillation."""
    return max(abs(x), 1.0) ** (-(order + 1) / 2) / float(mp.fac2(2 * order + 1)) ** (abs(x) < 1)


@pytest.mark.parametrize("order", [-1, 0, 1])
def test_circular(order, dtype):
    points = np.asarray(POINTS, dtype)
    found = derivatives(lambda x: circular(order, x), points, dtype)
    for x, row in zip(points, found, strict=True):
        for times, value in enumerate(row):
            expected = spherical(order + times, x) / (-2) ** times
            # what rounding does to the angle sqrt(x) itself
            angle = 1 + np.sqrt(abs(x))
            limit = PRECISION[dtype] * angle * envelope(order + times, float(x)) * 2.0**-times
            assert abs(value - expected) <= max(limit, PRECISION[dtype] * abs(expected)), (x, times)


def moment(order, y):
    """The integral of s^n exp(-y s) over 0 to 1."""
    with mp.workdps(60):
        y = mp.mpf(float(y))
        return mp.hyp1f1(order + 1, order + 2, -y) / (order + 1)


@pytest.mark.parametrize("order", [0, 1])
def test_exponential(order, dtype):
    points = np.asarray(POINTS[np.abs(POINTS) < (80 if dtype == "float32" else 600)], dtype)
    found = derivatives(lambda y: exponential(order, y), points, dtype)
    for y, row in zip(points, found, strict=True):
        for times, value in enumerate(row):
            expected = moment(order + times, y) * (-1) ** times
            # the recurrence loses a digit for each order just beyond the series
            limit = PRECISION[dtype] * 10 ** (order + times) if abs(y) > 1.5 else PRECISION[dtype]
            assert abs(value - expected) <= max(limit, PRECISION[dtype] * abs(float(y))) * abs(expected), (y, times)


def test_far_away_functions_and_derivatives_stay_finite(dtype):
    largest = float(jnp.finfo(dtype).max)
    points = np.array([-largest, -1e30, 1e30, largest])
    for order in (-1, 0):
        found = derivatives(lambda x, order=order: circular(order, x), points, dtype)[:, :2]
        assert np.isfinite(found).all()
        assert (np.abs(found) <= 1).all()
    assert np.isfinite(derivatives(lambda y: exponential(0, y), np.array([1e30, largest]), dtype)[:, :2]).all()


class TestSquareplus:
    def test_values_and_slopes(self, dtype):
        points = np.asarray(POINTS, dtype)
        values, slopes = derivatives(squareplus, points, dtype)[:, :2].T
        with mp.workdps(60):
            for x, value, slope in zip(points, values, slopes, strict=True):
                root = mp.sqrt(mp.mpf(float(x)) ** 2 + 4)
                expected, change = (mp.mpf(float(x)) + root) / 2, (1 + mp.mpf(float(x)) / root) / 2
                assert abs(value - expected) <= PRECISION[dtype] * expected
                assert abs(slope - change) <= PRECISION[dtype] * change

    def test_is_positive_and_increasing_for_every_number(self, dtype):
        largest = float(jnp.finfo(dtype).max)
        points = jnp.array([-largest, -1e30, -5.0, -0.0, 0.0, 5.0, 1e30], dtype)
        values, slopes = jax.vmap(jax.value_and_grad(squareplus))(points)
        assert (values >= 0).all()
        assert (np.diff(values) >= 0).all()
        assert np.isfinite(slopes).all()
        assert (slopes >= 0).all()
        assert slopes[3] == slopes[4] == 0.5
