"""Training improves, resumes exactly, grows its capacity by itself, and refuses what does not fit."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import optax
import pytest

import smoothspike as ss

NEURON = ss.Neuron(ss.models.qif())


def loss(times, label):
    return ss.losses.first_spike_cross_entropy(times, label, tau=0.5, early_weight=0.05)


def build(scale=0.5):
    return ss.FeedForward(NEURON, (4, 3), 4.0, key=jax.random.key(0), scale=scale)


@pytest.fixture(scope="module")
def data():
    return ss.datasets.yin_yang(size=64, seed=0), ss.datasets.yin_yang(size=32, seed=0, split="test")


train = partial(ss.fit, loss=loss, optimizer=optax.adabelief(2e-2), batch_size=32, progress=False)


def test_learning_lowers_the_loss_and_keeps_a_history(data):
    training, held_out = data
    network, history = train(build(), training, epochs=6, validation=held_out)
    assert [row["epoch"] for row in history] == [1, 2, 3, 4, 5, 6]
    assert history[-1]["loss"] < 0.9 * history[0]["loss"]
    assert history[-1]["accuracy"] == ss.evaluate(network, held_out)["accuracy"]


def test_an_interrupted_training_goes_on_as_if_nothing_had_happened(data, tmp_path):
    whole = train(build(), data[0], epochs=4)
    train(build(), data[0], epochs=2, checkpoint=tmp_path / "run")
    resumed = train(build(), data[0], epochs=4, checkpoint=tmp_path / "run")
    assert [row["loss"] for row in resumed.history] == [row["loss"] for row in whole.history]
    same = jax.tree.map(jnp.array_equal, resumed.network.weights, whole.network.weights)
    assert all(jax.tree.leaves(same))
    # nothing is left to do: the checkpoint is the result
    assert train(build(), data[0], epochs=4, checkpoint=tmp_path / "run").history == resumed.history


def test_a_checkpoint_of_another_network_is_refused(data, tmp_path):
    train(build(), data[0], epochs=1, checkpoint=tmp_path)
    other = ss.FeedForward(NEURON, (4, 4), 4.0, key=jax.random.key(0))
    with pytest.raises(ValueError, match="of another network or optimiser"):
        train(other, data[0], epochs=1, checkpoint=tmp_path)


def test_capacity_grows_during_training(data):
    small = build(scale=3.0).with_capacity(1)
    large = build(scale=3.0).with_capacity(512)
    grown, plenty = (train(network, data[0], epochs=1).history[0]["loss"] for network in (small, large))
    assert grown == pytest.approx(plenty, rel=1e-9)


def test_augmentation_changes_the_inputs(data):
    plain, noisy = (
        train(build(), data[0], epochs=1, augment=augment).history[0]["loss"]
        for augment in (None, partial(ss.jittered, scale=0.2, dropout=0.1))
    )
    assert plain != noisy


def test_other_readouts(data):
    def late(times, label):
        return jnp.mean(times[:, 1]) + 0.0 * label

    history = train(build(), data[0], loss=late, readout=lambda record: record.spike_times(2), epochs=3).history
    assert history[-1]["loss"] < history[0]["loss"]


def test_refusals(data):
    training, _ = data
    with pytest.raises(ValueError, match="4 input channels, but the network 3"):
        train(ss.FeedForward(NEURON, (3, 3), 4.0, key=jax.random.key(0)), training, epochs=1)
    with pytest.raises(FloatingPointError, match="the loss is nan in epoch 1"):
        train(build(), training, loss=lambda times, label: jnp.nan * times[0], epochs=1)


def test_fixed_parameters_stay_fixed_under_weight_decay(data):
    network = ss.FeedForward(ss.Neuron(ss.models.qif(), trainable=("tau_m",)), (4, 3), 4.0, key=jax.random.key(0))
    decayed = train(network, data[0], optimizer=optax.adamw(1e-2, weight_decay=0.5), epochs=1).network
    neuron = decayed.neurons[0]
    assert float(neuron.parameter("tau_s")) == 0.5
    assert float(neuron.parameter("tau_m")) != 1.0
    assert all(field.name != "tau_m" for field in dataclasses.fields(neuron))
    plain = ss.FeedForward(NEURON, (4, 3), 4.0, key=jax.random.key(0))
    decayed = train(plain, data[0], optimizer=optax.adamw(1e-2, weight_decay=0.5), epochs=1).network
    assert float(decayed.neurons[0].parameter("tau_m")) == 1.0
