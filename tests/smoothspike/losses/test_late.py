"""Late times brought close to the trial end."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import smoothspike as ss


def test_late_times_are_bounded_in_order_and_early_ones_untouched():
    times = jnp.array([0.5, 3.999, 4.0, 4.001, 5.0, 80.0, 1e30, jnp.inf])
    found = ss.losses.bounded_times(times, duration=4.0, margin=2.0)
    late = np.array([0.001, 1.0, 76.0])
    np.testing.assert_array_equal(found[:3], times[:3])
    np.testing.assert_allclose(found[3:6], 4 + 1 / (1 / late + 1 / 2), rtol=1e-6)
    np.testing.assert_array_equal(found[6:], 6.0)


def test_the_slope_is_continuous_and_never_nan():
    slope = jax.vmap(jax.grad(lambda time: ss.losses.bounded_times(time, duration=4.0, margin=2.0)))
    times = jnp.array([3.9, 4.0, 4.0 + 1e-6, 6.0, jnp.inf])
    np.testing.assert_allclose(slope(times), [1, 1, 1, 0.25, 0], atol=1e-5)


@pytest.mark.parametrize("wrong", [{"margin": 0.0, "duration": 1.0}, {"margin": 1.0, "duration": -1.0}])
def test_arguments_are_positive(wrong):
    with pytest.raises(ValueError, match="positive"):
        ss.losses.bounded_times(jnp.ones(2), **wrong)
