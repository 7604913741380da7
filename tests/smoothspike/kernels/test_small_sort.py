"""Numbers in order, of many trials at once, against NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import smoothspike as ss
from smoothspike.engine.events import ordered
from smoothspike.kernels.small_sort import MOST_COMPARED, first_of

first = jax.jit(first_of, static_argnums=1)


def drawn(size, trials=7):
    """Few different numbers, so that many are equal, and some that are no number."""
    generator = np.random.default_rng(41)
    values = generator.choice([0.0, -1.5, 2.0, 1e-300, 7.0, np.inf, -np.inf], (size, trials))
    return np.where(generator.random(values.shape) < 0.5, values, generator.normal(size=values.shape))


@pytest.mark.parametrize("size", [0, 1, 5, 16, 17, 40])
def test_numbers_and_places_are_those_of_a_stable_sort(size, dtype):
    values = np.asarray(drawn(size), dtype)
    order = np.argsort(values, axis=0, kind="stable")
    for count in {0, size // 2, size}:
        smallest, places = first(jnp.asarray(values), count)
        assert smallest.dtype == dtype
        np.testing.assert_array_equal(places, order[:count])
        np.testing.assert_array_equal(smallest, np.take_along_axis(values, order, 0)[:count])


def test_what_is_not_a_number_spoils_no_other():
    values = jnp.array([[jnp.nan], [1.0], [jnp.inf], [0.0]])
    smallest, places = first(values, 4)
    np.testing.assert_array_equal(smallest[:, 0], [0.0, 1.0, np.nan, np.inf])
    assert places[:, 0].tolist() == [3, 1, 0, 2]


def test_derivatives_move_with_their_numbers(float64):
    """In both modes, and of second order; also of equal numbers and of those that are left out."""
    values = jnp.asarray(np.where(np.isfinite(drawn(20, 2)), drawn(20, 2), 3.0))
    places = first_of(values, 9)[1]
    pick = jax.nn.one_hot(places, 20, axis=1, dtype=values.dtype)
    for build in (jax.jacfwd, jax.jacrev):
        slope = jax.jit(build(lambda values: first_of(values, 9)[0]))(values)
        np.testing.assert_array_equal(slope, jnp.einsum("kit,ts->ktis", pick, jnp.eye(2)))
    curved = jax.jit(jax.hessian(lambda values: jnp.sum(first_of(values, 9)[0] ** 3)))(values)
    expected = jnp.einsum("kit,kt,kjt,ts->itjs", pick, 6 * first_of(values, 9)[0], pick, jnp.eye(2))
    np.testing.assert_allclose(curved, expected, rtol=1e-14)


@pytest.mark.parametrize("size", [3, MOST_COMPARED // 2 + 1])
def test_spikes_of_trials_together_are_in_the_order_of_each_alone(size):
    """Whether there are few of them or so many that they are sorted one trial after the other."""
    times = jnp.abs(jnp.asarray(drawn(2 * size))).reshape(2, size, -1)
    together = ordered(times, size + 1)
    for trial in range(times.shape[2]):
        alone = ordered(times[..., trial], size + 1)
        np.testing.assert_array_equal(together.times[trial], alone.times)
        np.testing.assert_array_equal(together.sources[trial], alone.sources)


@pytest.mark.parametrize("capacity", [6, MOST_COMPARED + 1])
def test_sorted_batches_are_sorted_trials(capacity):
    times = jnp.abs(jnp.asarray(drawn(4, capacity)))
    batch = ss.Spikes(times, jnp.broadcast_to(jnp.arange(capacity), times.shape))
    for place, trial in enumerate(batch.sorted().times):
        np.testing.assert_array_equal(trial, batch[place].sorted().times)
    np.testing.assert_array_equal(batch.sorted().sources, np.argsort(times, axis=1, kind="stable"))
