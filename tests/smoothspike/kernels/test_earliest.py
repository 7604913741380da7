"""The earliest times, found in single precision, are those of a sort."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from smoothspike.kernels.earliest import fast_earliest, plain_earliest


def test_the_fast_order_is_the_plain_one(dtype):
    """With times that are equal, infinite, and different in double precision alone; in one trial and in a batch."""
    times = np.random.default_rng(2).uniform(0, 5, (3, 40)).astype(dtype)
    times[0, 10:20], times[1, ::3] = np.inf, times[1, 0]
    times[2, 5:9] = 1 + np.array([3, 1, 2, 0]) * 1e-12
    for count in (1, 7, 40):
        one, other = (jax.vmap(partial(each, count=count))(times) for each in (fast_earliest, plain_earliest))
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(fast_earliest(jnp.asarray(times[2]), count), other[2])
