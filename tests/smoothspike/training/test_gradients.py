"""The public gradient check passes on right gradients and sees wrong ones."""

import jax
import jax.numpy as jnp
import pytest

import smoothspike as ss
from smoothspike.neurons import riccati as dynamics
from smoothspike.numerics import projective

SPIKES = ss.Spikes([0.5, 1.0, 0.2, jnp.inf], [0, 1, 2, 0])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["theta_neuron", "lif"])
def test_gradients_of_feed_forward_networks(name):
    neuron = ss.Neuron(getattr(ss.models, name)(), trainable=("tau_m",), allow_discontinuous=name == "lif")
    net = ss.FeedForward(neuron, (3, 4, 2), 4.0, key=jax.random.key(3), scale=1.5)
    report = ss.check_gradients(net, SPIKES, count=2, entries=4)
    assert report.largest_error < 1e-6
    assert report.reverse_error < 1e-12
    assert {row.name for row in report.rows} >= {"input times", "neurons[0].unconstrained['tau_m']"}
    assert "input times" in str(report)


@pytest.mark.slow
def test_recurrent_gradients():
    net = ss.Recurrent(ss.Neuron(ss.models.qif()), 4, 3, 4.0, key=jax.random.key(3), scale=1.5)
    assert ss.check_gradients(net, SPIKES, entries=4).largest_error < 1e-6


@pytest.mark.slow
def test_a_wrong_gradient_is_seen(monkeypatch):
    def wrong(*arguments):
        right = projective.zero(*arguments)
        return right + 0.1 * (right - jax.lax.stop_gradient(right))

    monkeypatch.setattr(dynamics, "zero", wrong)
    # a trial of its own length, so that nothing compiled with the right derivative is used
    net = ss.FeedForward(ss.Neuron(ss.models.qif_delta()), (3, 2), 4.25, weights=[jnp.full((2, 3), 2.0)])
    assert ss.check_gradients(net, SPIKES, entries=4).largest_error > 1e-3


def test_a_batch_is_refused():
    net = ss.FeedForward(ss.Neuron(ss.models.qif()), (3, 2), 4.0, key=jax.random.key(0))
    with pytest.raises(ValueError, match="takes one trial"):
        ss.check_gradients(net, ss.Spikes.stack([SPIKES, SPIKES]))
