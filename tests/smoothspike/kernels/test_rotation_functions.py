"""Functions of rotations by series are those of closed forms, up to a factor that all of them have."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from smoothspike.kernels.rotation_functions import fast_rotation_functions, plain_rotation_functions
from smoothspike.numerics.projective import _circular_functions


@pytest.mark.parametrize("limit", [0.06, 11.9, 127.9, 300.0])
def test_series_are_closed_forms(limit, dtype):
    """For the series of each length and beyond all of them, also against a negative drive."""
    angle = jnp.asarray(np.linspace(-limit, limit, 41), dtype)
    fast, plain = (
        jax.jit(function, static_argnums=1)(angle, _circular_functions)
        for function in (fast_rotation_functions, plain_rotation_functions)
    )
    factor = np.sqrt(np.asarray(plain[3] / fast[3]))
    precision = 60 * np.finfo(dtype).eps
    for one, other in zip(fast[:3], plain[:3], strict=True):
        np.testing.assert_allclose(factor * one, other, rtol=precision, atol=precision)
