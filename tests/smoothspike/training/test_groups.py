"""What is trained is chosen by name: parameters, initial values, delays; frozen, or with their own learning rates."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import smoothspike as ss

NEURON = ss.Neuron(ss.models.qif_delta().with_initial(V=0.1), trainable=("V",), per_neuron="V")
DATA = ss.datasets.yin_yang(size=8, seed=0)


def loss(times, label):
    return ss.losses.first_spike_cross_entropy(times, label, tau=0.5)


def network():
    weights = [np.random.default_rng(0).normal(size=(3, 4))]
    own = ss.Recurrent(
        NEURON, 3, 3, 4.0, recurrent_weights=jnp.zeros((3, 3)), input_weights=2 * jnp.eye(3), input_delays=0.1
    )
    return ss.Sequential(ss.FeedForward(NEURON, (4, 3), 4.0, weights=weights, delays=[[[0.1] * 4]]), own)


NAMES = {
    "populations.0.neurons.0.V": (3,), "populations.0.weights.0.V": (3, 4), "populations.0.delays.0": (1, 4),
    "populations.1.neuron.V": (3,), "populations.1.recurrent_weights.V": (3, 3),
    "populations.1.input_weights.V": (3, 3), "populations.1.input_delays": (),
}  # fmt: skip


def test_every_parameter_has_a_name_of_its_own():
    assert {name: array.shape for name, array in ss.named_parameters(network()).items()} == NAMES


def test_groups_learn_at_their_own_rates_in_optax_and_in_fit():
    groups = ss.parameter_groups(
        {"frozen": ("*.recurrent_weights.*", "*.0.weights.*"), "slow": "*delays*"}, otherwise="fast"
    )
    rates = {"frozen": optax.set_to_zero(), "slow": optax.sgd(0.0625), "fast": optax.sgd(0.5)}
    optimizer, net = optax.multi_transform(rates, groups), network()
    parameters = eqx.filter(net, eqx.is_inexact_array)
    updates, _ = optimizer.update(jax.tree.map(jnp.ones_like, parameters), optimizer.init(parameters), parameters)
    steps = {name: float(-update.ravel()[0]) for name, update in ss.named_parameters(updates).items()}
    rate = {"weights.0.V": 0.0, "recurrent_weights.V": 0.0, "delays.0": 0.0625, "input_delays": 0.0625}
    assert steps == {name: rate.get(name.partition(".")[2].partition(".")[2], 0.5) for name in NAMES}
    net = net.populations[0]
    groups = ss.parameter_groups({"frozen": ("weights.*",), "slow": "delays.*"}, otherwise="fast")
    optimizer = optax.multi_transform(rates, groups)
    trained = ss.fit(net, DATA, loss, optimizer=optimizer, epochs=1, batch_size=8, progress=False).network
    before, after = ss.named_parameters(net), ss.named_parameters(trained)
    assert {name for name in before if (before[name] == after[name]).all()} == {"weights.0.V"}


def test_wrong_groups_are_refused():
    with pytest.raises(ValueError, match=r"group 'slow': 'delays' fits no parameter; they are populations\.0\.neurons"):
        ss.parameter_groups({"slow": "delays"}, otherwise="fast")(network())
    with pytest.raises(ValueError, match=r"populations\.0\.weights\.0\.V is in no group"):
        ss.parameter_groups({"slow": "*.V", "x": "populations.0.delays.0"} | {"slow": "*neuron*"})(network())
