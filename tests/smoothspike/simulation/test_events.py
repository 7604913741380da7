import jax
import jax.numpy as jnp
import numpy as np
import pytest

import smoothspike as ss
from smoothspike.simulation.events import Drive, caught_spikes, collect, not_after

T = 4.0
WEIGHTS = {"I": jnp.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])}


def drive(times, sources, **options):
    return Drive(ss.Spikes(times, sources), WEIGHTS, jnp.asarray(T), **options)


class TestDrive:
    def test_events_are_sorted_and_weights_follow_them(self):
        found = drive([3.0, 1.0], [0, 2])
        assert found.times.tolist() == [1.0, 3.0]
        assert found.weights["I"].tolist() == [[3.0, 6.0], [1.0, 4.0]]

    @pytest.mark.parametrize("time", [T, T + 1, np.inf])
    def test_inputs_at_the_end_are_padding(self, time):
        found = drive([time, 1.0], [1, 0])
        assert found.times.tolist() == [1.0, T]
        assert found.is_input.tolist() == [True, False]
        assert found.weights["I"][1].tolist() == [0.0, 0.0]

    def test_spikes_of_a_layer_count_up_to_the_end(self):
        """A spike that rounding puts at or just behind the end must not be lost; padding still does nothing."""
        found = drive([T, np.nextafter(T, 9), np.inf], [2, 1, 0], inside=True)
        assert found.times.tolist() == [T, T, T]
        assert found.weights["I"].tolist() == [[3.0, 6.0], [2.0, 5.0], [0.0, 0.0]]


class TestNotAfter:
    def test_limits_values_but_no_derivatives(self):
        values, slopes = jax.vmap(jax.value_and_grad(not_after), (0, None))(jnp.array([1.0, 2.0, 3.0]), 2.0)
        assert values.tolist() == [1.0, 2.0, 2.0]
        assert slopes.tolist() == [1.0, 1.0, 1.0]

    def test_never_becomes_the_limit(self):
        assert not_after(jnp.array(np.inf), jnp.array(2.0)) == 2.0


@pytest.fixture(scope="module")
def theta():
    """Two neurons that fire every pi, in two stretches."""
    dynamics = ss.Neuron(ss.models.theta_neuron()).dynamics()
    state = dynamics.initial_state({"theta": jnp.array([0.0, np.pi / 2])})
    states = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), state)
    return dynamics, states


@pytest.mark.parametrize("capacity", [4, 7])
def test_collect(theta, capacity):
    """Counted spikes are solved for, ordered, and padded."""
    dynamics, states = theta
    starts, lengths = jnp.array([[0.0], [10.0]]), jnp.array([[5.0], [5.0]])
    found = collect(dynamics, starts, lengths, states, jnp.array([[2, 1], [2, 2]]), capacity)
    expected = sorted([(np.pi / 2, 0), (3 * np.pi / 2, 0), (np.pi / 4, 1), (10 + np.pi / 4, 1)])
    assert found.capacity == capacity
    np.testing.assert_allclose(found.times[:4], [time for time, _ in expected], rtol=1e-14)
    assert found.sources[:4].tolist() == [neuron for _, neuron in expected]
    assert (found.times[4:] == np.inf).all()


def test_collect_with_too_little_room_keeps_the_first_ones(theta):
    dynamics, states = theta
    starts, lengths = jnp.array([[0.0], [10.0]]), jnp.array([[5.0], [5.0]])
    assert collect(dynamics, starts, lengths, states, jnp.array([[2, 1], [2, 2]]), 1).num_events == 1


@pytest.mark.parametrize("capacity", [4, 7])
def test_caught_spikes(theta, capacity):
    """They are the same as those that are searched for, and so are their derivatives."""
    dynamics, states = theta
    times, upto = jnp.array([0.0, 5.0, 10.0, 15.0]), jnp.array([[2, 1], [2, 1], [2, 2]])
    place = jnp.array([[0, 0], [0, 2], [0, 0]])

    def searched(states, times):
        everywhere = jax.tree.map(lambda leaf: leaf[jnp.array([0, 0, 1])], states)
        return collect(dynamics, times[:-1, None], jnp.diff(times)[:, None], everywhere, upto, capacity)

    def caught(states, times):
        at = jax.tree.map(lambda leaf: leaf[place // 2, jnp.arange(2)], states)
        return caught_spikes(dynamics, times, at, place, upto[-1], capacity)

    expected, found = (jax.jit(way)(states, times) for way in (searched, caught))
    assert found.capacity == capacity
    np.testing.assert_array_equal(found.sources, expected.sources)
    np.testing.assert_allclose(found.times, expected.times, rtol=1e-15)
    for by in (0, 1):
        slopes = (jax.jacrev(lambda *a, way=way: way(*a).times[:4], by)(states, times) for way in (searched, caught))
        for one, other in zip(*map(jax.tree.leaves, slopes), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-14)
