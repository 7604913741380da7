"""The fast angle is `arctan2`, small angles to full relative precision, and so is its derivative."""

import jax
import jax.numpy as jnp
import numpy as np

from smoothspike.kernels.upper_angle import fast_upper_angle, plain_upper_angle


def test_the_fast_angle_is_the_plain_one(dtype):
    generator = np.random.default_rng(3)
    y = np.concatenate([generator.uniform(0, 2, 200), 10.0 ** generator.uniform(-12, 12, 200), [0, 0, 1, 1e-30]])
    x = np.concatenate([generator.normal(0, 2, 200), generator.choice([-1, 1], 200), [1, -1, 0, 1]])
    y, x = jnp.asarray(y, dtype), jnp.asarray(x, dtype)
    precision = 4 * np.finfo(dtype).eps
    np.testing.assert_allclose(fast_upper_angle(y, x), plain_upper_angle(y, x), rtol=precision)
    fast, plain = (jax.vmap(jax.grad(each, (0, 1)))(y, x) for each in (fast_upper_angle, plain_upper_angle))
    for one, other in zip(fast, plain, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e3 * precision, atol=1e-30)
