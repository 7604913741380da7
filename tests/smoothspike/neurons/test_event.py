"""What stretches and events make of a change of a state, by formulas of the dynamics, is what differentiating gives."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import smoothspike as ss
from smoothspike.neurons import AbstractDynamics, ProjectiveDynamics
from smoothspike.neurons.event import Stretch

SIZE = 40
NEURONS = {
    "constant drive": ss.models.theta_neuron(),
    "clock that runs down": ss.models.qif_delta(),
    "current": ss.models.qif(),
}


class Case(NamedTuple):
    """Random states of some neurons, what an event brings, and random changes of both."""

    dynamics: AbstractDynamics
    state: object
    weights: dict
    change: object
    weight_moves: dict


@pytest.fixture(params=NEURONS)
def case(request):
    neuron = ss.Neuron(NEURONS[request.param])
    dynamics, generator = neuron.dynamics(), np.random.default_rng(3)
    state = dynamics.initial_state({name: generator.normal(0, 2, SIZE) for name in neuron.initial(SIZE)})
    weights = {route: jnp.asarray(generator.normal(0, 2, SIZE)) for route in dynamics.routes}
    changes = jax.tree.map(lambda leaf: jnp.asarray(generator.normal(0, 1, leaf.shape)), (state, weights))
    return Case(dynamics, state, weights, dynamics.compressed(state, changes[0]), changes[1])


@pytest.mark.slow
def test_linearised_events_are_the_same_as_differentiating(case):
    """Short stretches after which some are reset, long ones through spikes, and where no event happens."""
    assert isinstance(case.dynamics, ProjectiveDynamics)
    nothing, own = jax.tree.map(lambda _: None, case.dynamics), jnp.arange(SIZE) % 3 == 0
    leaves, long = jax.tree.leaves(case.change), jnp.array(0.8)
    for stretch in (Stretch(jnp.array(0.05), own), Stretch(long, None, case.dynamics.interval(long))):
        for moves in (case.weight_moves, dict.fromkeys(case.weights)):
            arguments = nothing, case.state, stretch, case.weights, moves
            found = case.dynamics.linearised(*arguments)
            expected = AbstractDynamics.linearised(case.dynamics, *arguments)
            for length in (0.7, None):
                for one, other in zip(found.moved(leaves, length), expected.moved(leaves, length), strict=True):
                    np.testing.assert_allclose(one, jnp.broadcast_to(other, SIZE), rtol=1e-10, atol=1e-12)
            kept = found.where(jnp.zeros(SIZE, bool)).moved(leaves, 0.7)
            jax.tree.map(np.testing.assert_array_equal, kept, leaves)


def test_the_size_of_a_ray_does_not_matter(case):
    """Neither to its way through a stretch and spikes, nor to how that changes; nor on which side it is written."""
    length = jnp.array(3.0)
    interval = case.dynamics.interval(length)
    factor = jnp.where(jnp.arange(SIZE) % 2 == 0, -3e-5, 7e8)
    other = case.state._replace(g=factor * case.state.g, q=factor * case.state.q)
    (one, count), (scaled, same) = (case.dynamics.through(state, interval) for state in (case.state, other))
    np.testing.assert_array_equal(count, same)
    assert count.any()
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-13),
        case.dynamics.settled(one), case.dynamics.settled(scaled),
    )  # fmt: skip
    nothing = jax.tree.map(lambda _: None, case.dynamics)
    stretch, leaves = Stretch(length, None, interval), jax.tree.leaves(case.change)
    found, expected = (
        case.dynamics.linearised(nothing, state, stretch, case.weights, case.weight_moves).moved(leaves, 0.7)
        for state in (other, case.state)
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12), found, expected)


def test_compressed_and_expanded(case):
    back = case.dynamics.compressed(case.state, case.dynamics.expanded(case.state, case.change))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-13), back, case.change)
