"""A change of a state, followed by a formula of its dynamics, is what differentiating the step itself makes of it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import smoothspike as ss
from smoothspike.dynamics import AbstractDynamics, ProjectiveDynamics
from smoothspike.dynamics.following import Step, pushed

SIZE = 40
NEURONS = {
    "constant drive": ss.models.theta_neuron(),
    "clock that runs down": ss.models.qif_delta(),
    "current": ss.models.qif(),
}


@pytest.fixture(params=NEURONS)
def step(request):
    """Dynamics with random steps, and random changes of everything in them."""
    neuron = ss.Neuron(NEURONS[request.param])
    dynamics, generator = neuron.dynamics(), np.random.default_rng(3)
    state = dynamics.initial_state({name: generator.normal(0, 2, SIZE) for name in neuron.initial(SIZE)})
    interval, interval_change = pushed(dynamics.interval, (jnp.array(0.8),), (jnp.array(1.0),))
    weights = {route: jnp.asarray(generator.normal(0, 2, SIZE)) for route in dynamics.routes}
    changes = jax.tree.map(lambda leaf: jnp.asarray(generator.normal(0, 1, leaf.shape)), (state, weights))
    change = Step(dynamics.compressed(state, changes[0]), interval_change, changes[1])
    return dynamics, Step(state, interval, weights), change


def test_the_same_as_differentiating(step):
    dynamics, before, change = step
    assert isinstance(dynamics, ProjectiveDynamics)
    nothing, at_once = (jax.tree.map(lambda _: None, tree) for tree in (dynamics, change.interval))
    without = change._replace(weights=dict.fromkeys(change.weights)), change._replace(interval=at_once)
    for left_out in (change, *without):
        found = dynamics.followed(nothing, before, left_out)
        expected = AbstractDynamics.followed(dynamics, nothing, before, left_out)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12), found, expected)


def test_compressed_and_expanded(step):
    dynamics, before, change = step
    back = dynamics.compressed(before.state, dynamics.expanded(before.state, change.state))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-13), back, change.state)


def test_linearised_events_are_the_same_as_differentiating(step):
    """Where some neurons are reset, whether or not weights change, and where no event happens."""
    dynamics, before, change = step
    nothing, own = jax.tree.map(lambda _: None, dynamics), jnp.arange(SIZE) % 3 == 0
    leaves = jax.tree.leaves(change.state)
    for moves in (change.weights, dict.fromkeys(change.weights)):
        arguments = nothing, before.state, jnp.array(0.05), own, before.weights, moves
        found, expected = dynamics.linearised(*arguments), AbstractDynamics.linearised(dynamics, *arguments)
        for one, other in zip(found.moved(leaves, 0.7), expected.moved(leaves, 0.7), strict=True):
            np.testing.assert_allclose(one, jnp.broadcast_to(other, SIZE), rtol=1e-10, atol=1e-12)
        kept = found.where(jnp.zeros(SIZE, bool)).moved(leaves, 0.7)
        jax.tree.map(np.testing.assert_array_equal, kept, leaves)
