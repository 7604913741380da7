import jax
import jax.numpy as jnp
import numpy as np
import pytest

import smoothspike as ss
from smoothspike.engine.events import Drive, collect, not_after, ordered, spike_times

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
        values, slopes = jax.vmap(jax.value_and_grad(not_after), (0, None))(jnp.array([1.0, 2.0, 3.0]), jnp.array(2.0))
        assert values.tolist() == [1.0, 2.0, 2.0]
        assert slopes.tolist() == [1.0, 1.0, 1.0]

    def test_never_becomes_the_limit(self):
        assert not_after(jnp.array(np.inf), jnp.array(2.0)) == 2.0


@pytest.fixture(scope="module")
def theta():
    """Two neurons that fire every pi, in three stretches, of which the second holds no spike."""
    dynamics = ss.Neuron(ss.models.theta_neuron()).dynamics()
    state = dynamics.initial_state({"theta": jnp.array([0.0, np.pi / 2])})
    return dynamics, jax.tree.map(lambda leaf: jnp.stack([leaf, leaf, leaf]), state)


TIMES, UPTO = jnp.array([0.0, 5.0, 10.0, 15.0]), jnp.array([[2, 1], [2, 1], [2, 2]])


@pytest.mark.parametrize("capacity", [4, 7])
def test_collect(theta, capacity):
    """Counted spikes are solved for, ordered, and padded."""
    dynamics, states = theta
    found = collect(dynamics, TIMES, states, UPTO, capacity)
    expected = sorted([(np.pi / 2, 0), (3 * np.pi / 2, 0), (np.pi / 4, 1), (10 + np.pi / 4, 1)])
    assert found.capacity == capacity
    np.testing.assert_allclose(found.times[:4], [time for time, _ in expected], rtol=1e-14)
    assert found.sources[:4].tolist() == [neuron for _, neuron in expected]
    assert (found.times[4:] == np.inf).all()


def test_collect_with_too_little_room_keeps_the_first_ones(theta):
    dynamics, states = theta
    assert collect(dynamics, TIMES, states, UPTO, 1).num_events == 1


@pytest.mark.slow
@pytest.mark.parametrize("capacity", [4, 7])
def test_spikes_of_every_neuron_apart(theta, capacity):
    """They are the same as those that are searched for, and so are their derivatives."""
    dynamics, states = theta
    place = jnp.array([[0, 0], [0, 2], [0, 0]])

    def searched(states, times):
        return collect(dynamics, times, states, UPTO, capacity)

    def caught(states, times):
        at = jax.tree.map(lambda leaf: leaf[place, jnp.arange(2)], states)
        return ordered(spike_times(dynamics, times, at, place, UPTO[-1]), capacity)

    expected, found = (jax.jit(way)(states, TIMES) for way in (searched, caught))
    assert found.capacity == capacity
    np.testing.assert_array_equal(found.sources, expected.sources)
    np.testing.assert_allclose(found.times, expected.times, rtol=1e-15)
    for by in (0, 1):
        slopes = (jax.jacrev(lambda *a, way=way: way(*a).times[:4], by)(states, TIMES) for way in (searched, caught))
        for one, other in zip(*map(jax.tree.leaves, slopes), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-14)
