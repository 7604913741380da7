"""The angle of a point, by a polynomial, is that of 50 digits, in all directions and both precisions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp

from smoothspike.kernels.fast_atan2 import upper_angle

SIZES = st.floats(1e-150, 1e150)


@given(st.one_of(st.just(0.0), SIZES), SIZES, st.booleans())
def test_two_roundings(y, x, is_left):
    found = upper_angle(*map(jnp.asarray, (y, -x if is_left else x)))
    with mp.workdps(50):
        expected = mp.atan2(y, -x if is_left else x)
    np.testing.assert_allclose(float(found), float(expected), rtol=5e-16, atol=1e-320)


def test_single_precision(float32):
    angles = np.linspace(0, np.pi, 5001)
    y, x = np.sin(angles).astype(np.float32), np.cos(angles).astype(np.float32)
    found = upper_angle(jnp.asarray(np.abs(y)), jnp.asarray(x))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.arctan2(np.abs(y).astype(float), x.astype(float)), rtol=3e-7)


@pytest.mark.parametrize("point", [(0.3, 0.4), (2.0, -1.0), (1.0, 0.0), (0.0, -2.0), (0.7, 0.7), (1e-170, 1e-170)])
def test_derivatives(point):
    y, x = map(jnp.asarray, point)
    size = jnp.hypot(y, x)
    np.testing.assert_allclose(jax.grad(upper_angle, (0, 1))(y, x), (x / size / size, -y / size / size), rtol=1e-15)
    if size > 1e-100:
        second = jax.hessian(upper_angle, (0, 1))(y, x)
        np.testing.assert_allclose(second[0][0], -2 * x * y / size**4, rtol=1e-14, atol=1e-15)
        np.testing.assert_allclose(second[0][1], (y**2 - x**2) / size**4, rtol=1e-14, atol=1e-15)


def test_the_origin_has_none():
    assert jnp.isnan(upper_angle(jnp.array(0.0), jnp.array(0.0)))
