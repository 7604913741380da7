"""Pseudospikes of single neurons, layers and recurrent networks; against the oracle in tests/accuracy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import library

import smoothspike as ss
from smoothspike.networks.pseudospikes import Pseudospikes, Sources, continue_beyond

T, ROUNDING = 4.0, 1e-12
NEURONS = library(("qif", "qif_delta", "theta_neuron"))


@pytest.fixture(params=NEURONS)
def population(request):
    neuron = NEURONS[request.param]
    dynamics = neuron.dynamics()
    values = {name: jnp.linspace(-0.9, 0.8, 5) for name in neuron.initial(5)}
    return dynamics, dynamics.initial_state(values), dynamics.routes[0]


def continued(dynamics, end, weights, rates, recurrent=None):
    inputs = ss.Connections.dense(weights), Sources(ss.Spikes.empty(0), rates)
    return continue_beyond(dynamics, end, inputs, recurrent, jnp.asarray(T))


def test_without_pseudo_input_a_layer_continues_freely(population):
    dynamics, end, route = population
    found = continued(dynamics, end, {route: jnp.ones((5, 3))}, jnp.zeros(3))
    first, period = dynamics.pseudo_phase_and_period(end, jnp.asarray(T))
    np.testing.assert_allclose(found.first, first, rtol=ROUNDING)
    np.testing.assert_allclose(found.period, period, rtol=ROUNDING)


def test_a_neuron_about_to_spike_acts_like_its_spike(population):
    """At a rate of 1 the pseudo-input equals a jump by the weight: that makes leaving the trial continuous."""
    dynamics, end, route = population
    weights = jnp.linspace(-1, 2, 5)[:, None]
    as_rate = continued(dynamics, end, {route: weights}, jnp.ones(1))
    jumped = dynamics.jump(end, {route: weights[:, 0]})
    as_spike = continued(dynamics, jumped, {route: weights}, jnp.zeros(1))
    np.testing.assert_allclose(as_rate.first, as_spike.first, rtol=ROUNDING)


def test_a_neuron_that_has_just_spiked_has_rate_zero_and_one_about_to_has_rate_one(population):
    dynamics, end, _ = population
    after = dynamics.reset(end)
    np.testing.assert_allclose(
        Pseudospikes(*dynamics.pseudo_phase_and_period(after, jnp.asarray(T))).rates, 0, atol=ROUNDING
    )
    at = after._replace(g=jnp.ones(5))
    np.testing.assert_allclose(
        Pseudospikes(*dynamics.pseudo_phase_and_period(at, jnp.asarray(T))).rates, 1, atol=ROUNDING
    )


def test_recurrent_rates_do_not_see_the_synaptic_drive(population):
    dynamics, end, route = population
    weights = {route: jnp.ones((5, 5))}
    nothing, own = {route: jnp.zeros((5, 3))}, (ss.Connections.dense(weights), ss.Spikes.empty(0))
    found = continued(dynamics, end, nothing, jnp.zeros(3), own)
    rates = Pseudospikes(*dynamics.pseudo_phase_and_period(dynamics.zero_synaptic_state(end), jnp.asarray(T))).rates
    expected = continued(dynamics, end, weights, rates)
    np.testing.assert_allclose(found.first, expected.first, rtol=ROUNDING)


@pytest.mark.slow
def test_silent_layers_pass_gradients_on():
    """No neuron spikes, yet the output's pseudospikes depend on the first layer's weights, as differences confirm."""
    spikes = ss.Spikes([0.5], [0])

    def first(weight):
        weights = [jnp.stack([weight, -weight])[:, None], [[1.0, 1.0]]]
        record = ss.FeedForward(NEURONS["qif"], (1, 2, 1), T, weights=weights)(spikes, capacity=8)
        return record.first_spike_times()[0], [layer.num_events for layer in record.spikes]

    run = jax.jit(jax.value_and_grad(first, has_aux=True))
    (_, counts), slope = run(jnp.array(0.5))
    assert counts == [0, 0]
    step = 1e-5
    difference = (run(0.5 + step)[0][0] - run(0.5 - step)[0][0]) / (2 * step)
    assert abs(slope) > 1e-3
    np.testing.assert_allclose(slope, difference, rtol=1e-7)
