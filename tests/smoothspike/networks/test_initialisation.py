import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import SOLVED, library

import smoothspike as ss
from smoothspike.networks.initialisation import critical_weight, normal

T = 8.0
NEURONS = library(SOLVED)


def first_spike(neuron, weight):
    net = ss.FeedForward(neuron, (1, 1), T, weights=[[[weight]]])
    return float(net(ss.Spikes([0.0], [0])).ordinary_spike_times(1)[0, 0])


@pytest.mark.parametrize("name", [pytest.param("qif", marks=pytest.mark.slow), "qif_delta", "lif"])
def test_the_critical_weight_makes_a_silent_neuron_spike(name):
    """On a grid of powers of 2 ** (1/4): the next smaller one does not make it spike in the first half."""
    neuron = NEURONS[name]
    weight = float(critical_weight(neuron, neuron.routes[0], T))
    assert first_spike(neuron, weight) <= T / 2 < first_spike(neuron, weight / 2**0.25)


def test_for_a_neuron_that_fires_by_itself_it_halves_the_time_to_its_spike():
    neuron = NEURONS["theta_neuron"]
    weight = float(critical_weight(neuron, neuron.routes[0], T))
    assert first_spike(neuron, weight) <= first_spike(neuron, 0.0) / 2 < first_spike(neuron, weight / 2**0.25)


def test_different_neurons_share_the_median():
    neuron = ss.Neuron(ss.models.lif(V_th=(1.0, 1.0, 64.0)), allow_discontinuous=True)
    assert critical_weight(neuron, "I", T) == critical_weight(NEURONS["lif"], "I", T)


@pytest.mark.parametrize("scale", [0.1, 1.0])
def test_normal_weights(scale, key):
    neuron = NEURONS["qif"]
    weights = normal(neuron, (100, 400), T, key, scale=scale, mean=0.25)
    assert set(weights) == {"I"}
    relative = np.asarray(weights["I"]) * 20 / float(critical_weight(neuron, "I", T))
    np.testing.assert_allclose([relative.mean(), relative.std()], [0.25, scale], atol=0.02 * (1 + scale))


@pytest.mark.slow
def test_networks_start_silent_and_keys_matter(key):
    """Few of many neurons spike before training, whatever the depth."""
    spikes = ss.Spikes(np.random.default_rng(1).uniform(0, T, 64), np.arange(64))
    net = ss.FeedForward(NEURONS["qif"], (64, 100, 100), T, key=key)
    record = net(spikes)
    assert max(int((layer.counts(100) > 0).sum()) for layer in record.spikes) <= 5
    other = ss.FeedForward(NEURONS["qif"], (64, 100, 100), T, key=jax.random.key(1))
    assert not jnp.array_equal(net.weights[0]["I"], other.weights[0]["I"])
    assert not jnp.array_equal(net.weights[0]["I"][:, :64], net.weights[1]["I"][:, :64])
