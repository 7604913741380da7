"""Weights scaled so that layers spike at a wanted rate."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import smoothspike as ss

QIF = ss.Neuron(ss.models.qif())
LEAKY = ss.Neuron(ss.NeuronModel.from_equations("dV/dt = I - V; dI/dt = -2*I", name="leaky", inputs="I"))


@pytest.fixture(scope="module")
def spikes():
    times = np.random.default_rng(0).uniform(0, 3, (40, 6))
    return ss.Spikes(times, np.tile(np.arange(6), (40, 1)))


def rates(net, spikes):
    """Spikes per neuron and trial of every spiking layer, counted in a recording."""
    record = net(spikes)
    return [
        float(np.isfinite(each.times).sum()) / (len(spikes.times) * layer.size)
        for each, layer in zip(record.spikes, record.layers, strict=True)
        if not layer.is_readout
    ]


def test_a_layer_spikes_at_its_rate(spikes):
    net = ss.FeedForward(QIF, (6, 20), 4.0, key=jax.random.key(1))
    assert rates(ss.initialise(net, spikes, rate=0.8), spikes) == pytest.approx([0.8], rel=0.01)


@pytest.mark.slow
def test_layers_spike_at_their_rates_and_the_readout_spreads_by_one(spikes):
    net = ss.FeedForward((QIF, QIF, LEAKY), (6, 20, 10, 4), 4.0, key=jax.random.key(1))
    woken = ss.initialise(net, spikes, rate=(0.4, 1.5))
    np.testing.assert_allclose(rates(woken, spikes), [0.4, 1.5], rtol=0.02)
    assert float(woken(spikes).max_over_time().std()) == pytest.approx(1.0, rel=1e-5)
    for before, after in zip(net.weights, woken.weights, strict=True):
        factors = after["I"] / before["I"]
        np.testing.assert_allclose(factors, factors[0, 0], rtol=1e-5)
    again = ss.initialise(net, spikes, rate=(0.4, 1.5))
    assert all((a["I"] == b["I"]).all() for a, b in zip(again.weights, woken.weights, strict=True))


@pytest.mark.slow
def test_populations_with_bounded_weights_and_recurrence(spikes):
    keys = jax.random.split(jax.random.key(2), 2)
    bounded = ss.FeedForward(ss.Neuron(ss.models.qif_conductance()), (6, 8), 4.0, key=keys[0])
    net = ss.Sequential(bounded, ss.Recurrent(QIF, 10, 8, 4.0, key=keys[1]))
    woken = ss.initialise(net, spikes, rate=0.5)
    np.testing.assert_allclose(rates(woken, spikes), 0.5, rtol=0.05)
    assert (woken.populations[0].weights[0]["g"] >= 0).all()


@pytest.mark.parametrize(
    ("weights", "neuron", "advice"),
    [
        (-jnp.ones((3, 6)), QIF, "larger mean"),
        (jnp.ones((3, 6)), ss.Neuron(ss.models.theta_neuron()), "spikes 1"),
    ],
)
def test_a_rate_out_of_reach_is_refused(spikes, weights, neuron, advice):
    net = ss.FeedForward(neuron, (6, 3), 4.0, weights=[weights])
    with pytest.raises(ValueError, match=advice):
        ss.initialise(net, spikes, rate=0.5)


@pytest.mark.parametrize("rate", [0, -1.0, float("nan"), (1.0, 1.0, 1.0)])
def test_rates_are_positive_and_one_per_layer(spikes, rate):
    net = ss.FeedForward(QIF, (6, 4, 3), 4.0, key=jax.random.key(0))
    with pytest.raises(ValueError, match="rate"):
        ss.initialise(net, spikes, rate=rate)


def test_one_trial_is_a_batch_of_one(spikes):
    net = ss.FeedForward(QIF, (6, 20), 4.0, key=jax.random.key(1))
    one = ss.Spikes(spikes.times[0], spikes.sources[0])
    batch = ss.Spikes(spikes.times[:1], spikes.sources[:1])
    woken = (ss.initialise(net, each, rate=0.8).weights[0]["I"] for each in (one, batch))
    np.testing.assert_array_equal(*woken)
