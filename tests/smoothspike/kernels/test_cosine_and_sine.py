"""The fast cosine and sine are those of 50 digits, and those of the plain twin."""

import jax
import numpy as np
from mpmath import mp

from smoothspike.kernels.cosine_and_sine import fast_cosine_and_sine, plain_cosine_and_sine


def test_cosine_and_sine_of_many_turns(dtype):
    """Rounding of the result alone up to where multiples of a quarter turn have rounding errors; then that of x."""
    generator, exact = np.random.default_rng(5), {"float32": 1e4, "float64": 1e6}[dtype]
    for top in (1.0, 30.0, 1e3, 1e6):
        random = generator.uniform(0, top, 50)
        x = np.concatenate([random, np.round(random) * np.pi / 2]).astype(dtype)
        precision = np.finfo(dtype).eps * (1 + top * (top > exact))
        plain = jax.jit(plain_cosine_and_sine)(x)
        for found, function, other in zip(jax.jit(fast_cosine_and_sine)(x), (mp.cos, mp.sin), plain, strict=True):
            expected = [float(function(mp.mpf(float(value)))) for value in x]
            np.testing.assert_allclose(found, expected, rtol=0, atol=precision)
            np.testing.assert_allclose(found, other, rtol=0, atol=2 * precision)
