"""Formulas of dynamics for speed agree with what the plain interface gives."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import smoothspike as ss
from smoothspike.engine.layer_scan import one_after_the_other
from smoothspike.neurons import AbstractDynamics, RiccatiDynamics
from smoothspike.neurons.event import differentiated_event, event_jacobian
from smoothspike.neurons.interface import from_tangent_coordinates, to_tangent_coordinates
from smoothspike.neurons.vectorised import Inputs, InterEventInterval, SpikeCounter

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
    weight_tangents: dict


@pytest.fixture(params=NEURONS)
def case(request):
    neuron = ss.Neuron(NEURONS[request.param])
    dynamics, generator = neuron.dynamics(), np.random.default_rng(3)
    state = dynamics.initial_state({name: jnp.asarray(generator.normal(0, 2, SIZE)) for name in neuron.initial(SIZE)})
    weights = {route: jnp.asarray(generator.normal(0, 2, SIZE)) for route in dynamics.routes}
    changes = jax.tree.map(lambda leaf: jnp.asarray(generator.normal(0, 1, leaf.shape)), (state, weights))
    return Case(dynamics, state, weights, to_tangent_coordinates(state, changes[0]), changes[1])


@pytest.mark.slow
def test_jacobians_by_formula_are_those_by_differentiation(case):
    """Short intervals after which some are reset, and long ones through spikes."""
    assert isinstance(case.dynamics, RiccatiDynamics)
    nothing, own = jax.tree.map(lambda _: None, case.dynamics), jnp.arange(SIZE) % 3 == 0
    leaves = jax.tree.leaves(case.change)
    for interval in (InterEventInterval(jnp.array(0.05), own), InterEventInterval(jnp.array(0.8), None)):
        for weight_tangents in (case.weight_tangents, dict.fromkeys(case.weights)):
            arguments = case.dynamics, nothing, case.state, interval, case.weights, weight_tangents
            found, expected = event_jacobian(*arguments), differentiated_event(*arguments)
            for length in (jnp.asarray(0.7), None):
                for one, other in zip(found.moved(leaves, length), expected.moved(leaves, length), strict=True):
                    np.testing.assert_allclose(one, jnp.broadcast_to(other, SIZE), rtol=1e-10, atol=1e-12)
            kept = found.where(jnp.zeros(SIZE, bool)).moved(leaves, jnp.asarray(0.7))
            jax.tree.map(np.testing.assert_array_equal, kept, leaves)


def test_the_size_of_a_ray_does_not_matter(case):
    """Neither to its way through an interval and spikes, nor to the Jacobian; nor on which side it is written."""
    length = jnp.array(3.0)
    factor = jnp.where(jnp.arange(SIZE) % 2 == 0, -3e-5, 7e8)
    other = case.state._replace(g=factor * case.state.g, q=factor * case.state.q)
    (one, count), (scaled, same) = (case.dynamics.advance(state, length) for state in (case.state, other))
    np.testing.assert_array_equal(count, same)
    assert count.any()
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-13), one, scaled)
    nothing, leaves = jax.tree.map(lambda _: None, case.dynamics), jax.tree.leaves(case.change)
    found, expected = (
        event_jacobian(
            case.dynamics, nothing, state, InterEventInterval(length, None), case.weights, case.weight_tangents
        ).moved(leaves, jnp.asarray(0.7))
        for state in (other, case.state)
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12), found, expected)


def test_tangent_coordinates_there_and_back(case):
    back = to_tangent_coordinates(case.state, from_tangent_coordinates(case.state, case.change))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-13), back, case.change)


def test_all_inputs_at_once_are_one_after_the_other(case):
    """States, counts and the intervals of the first spikes, in a row of inputs with some of no length."""
    generator = np.random.default_rng(4)
    lengths = jnp.asarray(generator.exponential(0.7, 9)).at[4].set(0.0)
    columns = {route: jnp.asarray(generator.normal(0, 2, (4, SIZE))) for route in case.dynamics.routes}
    inputs = Inputs(lengths, columns, jnp.asarray(generator.integers(0, 4, 9)))
    counter = SpikeCounter.starting(jnp.arange(SIZE) % 2, 3, lengths.dtype)
    found = case.dynamics.scan_inputs(case.state, inputs, counter)
    found = found._replace(states=case.dynamics.normalised(found.states), end=case.dynamics.normalised(found.end))
    expected = one_after_the_other(case.dynamics, case.state, inputs, counter)
    assert found.upto[-1].max() >= 3
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11), found[2:], expected[2:])
    for one, other in ((found.states, expected.states), (found.end, expected.end)):
        one, other = (case.dynamics.readout(each) for each in (one, other))
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9), one, other)
