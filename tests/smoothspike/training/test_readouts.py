"""Training and evaluating networks that end in a readout."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import smoothspike as ss

LEAKY = ss.Neuron(ss.NeuronModel.from_equations("dV/dt = I - V; dI/dt = -2*I", name="leaky", inputs="I"))


@pytest.fixture(scope="module")
def data():
    """Four trials of one spike, in two classes by its source."""
    spikes = ss.Spikes([[0.25], [0.5], [0.25], [0.5]], [[0], [1], [2], [3]])
    return ss.datasets.Dataset(spikes, [0, 0, 1, 1], num_classes=2, num_sources=4)


def test_the_largest_voltage_decides(data):
    weights = np.array([[2.0, 0.5, 0.5, 0.5], [1.0, 1.0, 1.0, 1.0]])
    metrics = ss.evaluate(ss.FeedForward(LEAKY, (4, 2), 2.0, weights=[weights]), data)
    assert metrics == {"accuracy": 0.75, "accuracy_without_pseudospikes": 0.75}


def by_voltage_and_activity(record, label):
    """Without a spike a hidden neuron has no effect on voltages; the regulariser makes it spike."""
    return ss.losses.cross_entropy(record.max_over_time(), label) + ss.losses.silence_regulariser(record)


@pytest.mark.slow
def test_fit_learns_from_a_network_that_starts_silent(data):
    qif = ss.Neuron(ss.models.qif())
    net = ss.FeedForward([qif, LEAKY], (4, 8, 2), 2.0, key=jax.random.key(0))
    found = ss.fit(
        net, data, by_voltage_and_activity, readout=lambda record: record, optimizer=optax.adabelief(5e-2), epochs=60,
        validation=data, progress=False,
    )  # fmt: skip
    first, last = found.history[0], found.history[-1]
    assert first["silent_fraction_0"] > 0.9
    assert last["accuracy"] == 1
    assert last["loss"] < 0.5 * first["loss"]
    assert "silent_fraction_1" not in last


def test_labels_beyond_the_outputs_are_refused(data):
    net = ss.FeedForward(LEAKY, (4, 1), 2.0, weights=[jnp.ones((1, 4))])
    with pytest.raises(ValueError, match="but the network has 1 outputs"):
        ss.fit(net, data, ss.losses.cross_entropy)
