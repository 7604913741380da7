"""Cosine and sine of rotations against mpmath, on both sides of every limit between their series."""

import jax.numpy as jnp
import numpy as np
import pytest
from mpmath import mp

from smoothspike.numerics.rotation import functions


@pytest.mark.parametrize(
    "angle",
    [
        *(0.0, 0.06249, 0.06251, 12.01, 128.1),
        *(pytest.param(angle, marks=pytest.mark.slow) for angle in (1e-9, 0.03, 0.3, 3.0, 11.99, 60.0, 127.9, 1000.0)),
    ],
)
@pytest.mark.parametrize("side", [1.0, -1.0])
def test_functions_of_a_rotation_however_far_it_turns(angle, side, dtype):
    """By series on both sides of every limit, and beyond; one that turns far does not spoil the others."""
    near = np.array([0.01, side * angle])
    epsilon = np.finfo(dtype).eps
    for angles in (near[1:], near, np.append(near, 5000.0)):
        *found, squares = map(np.asarray, functions(jnp.asarray(angles)))
        for place, value in enumerate(np.asarray(jnp.asarray(angles), float)):
            with mp.workdps(60):
                root, factor = mp.sqrt(mp.mpf(value)), mp.sqrt(mp.mpf(float(squares[place])))
                sine = mp.sinc(root)
                next_order = (sine - mp.cos(root)) / value if value else mp.mpf(1) / 3
                most = 4 * epsilon * (1 + abs(root)) * factor * mp.cosh(abs(root.imag))
                for values, exact in zip(found, (mp.cos(root), sine, next_order), strict=True):
                    assert abs(float(values[place]) - factor * exact.real) <= most, value
