"""`surrogate`: families of derivatives, what can be differentiated, training by one and testing by the other."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import smoothspike as ss

SPIKES = ss.Spikes(np.array([0.2, 0.8, 1.5]), np.array([0, 1, 0]))
FORMULAS = {
    ("superspike", 5.0): lambda x: 1 / (1 + 5 * np.abs(x)) ** 2,
    ("fast_sigmoid", None): lambda x: 1 / (1 + 10 * np.abs(x)) ** 2,
    ("atan", 2.0): lambda x: 1 / (1 + (np.pi * x) ** 2),
    ("sigmoid", 3.0): lambda x: 0.75 / np.cosh(1.5 * x) ** 2,
    ("triangular", 2.0): lambda x: np.maximum(0, 1 - 2 * np.abs(x)),
    ("gaussian", 2.0): lambda x: np.exp(-2 * x**2) * 2 / np.sqrt(2 * np.pi),
    ("rectangular", 2.0): lambda x: 2.0 * (np.abs(x) < 0.25),
    ("straight_through", None): np.ones_like,
}


@pytest.fixture(scope="module")
def network():
    neuron = ss.Neuron(ss.models.lif(V_th=3.0, V_r=-1.0), allow_discontinuous=True)
    return ss.FeedForward(neuron, (2, 2), 4.0, weights=[[[12.0, 9.0], [3.0, 2.0]]])


@pytest.mark.parametrize(("name", "scale"), FORMULAS)
def test_families_are_their_formulas(name, scale):
    """A potential of V at the threshold 3, four units above the reset, has the distance (V - 3) / 4."""
    delta = ss.NeuronModel.from_equations("dV/dt = -V", name="LIF", spike="V = 3", reset="V = -1", inputs="V")
    neuron = ss.Neuron(delta, allow_discontinuous=True)

    def spike(weight):
        net = ss.FeedForward(neuron, (1, 1), 1.0, weights=[weight[None, None]])
        stepped = ss.baselines.surrogate(net, 0.5, surrogate=name, scale=scale)
        return stepped(ss.Spikes([0.0], [0])).raster()[0, 0]

    weights = np.array([-2.0, 2.5, 3.4, 6.0])
    found, slopes = jax.vmap(jax.value_and_grad(spike))(jnp.asarray(weights))
    assert found.tolist() == [0, 0, 1, 1]
    np.testing.assert_allclose(slopes, FORMULAS[name, scale]((weights - 3) / 4) / 4, rtol=1e-9, atol=1e-12)


@pytest.mark.slow
def test_silent_neurons_have_a_time_with_a_gradient(network):
    def first(network, **options):
        return ss.baselines.surrogate(network, 0.02, **options)(SPIKES).first_spike_times()

    for options in ({}, {"interpolate": True}):
        times, back = eqx.filter_vjp(eqx.filter_jit(lambda net, options=options: first(net, **options)), network)
        assert times[0] < 1.5 < 4.0 < times[1] == pytest.approx(4.02)
        slopes = back(jnp.ones(2))[0].raw_weights[0]["I"]
        assert (slopes[1] < 0).all()
    exact = eqx.filter_grad(lambda net: net.first_spike_times(SPIKES)[0])(network).raw_weights[0]["I"]
    np.testing.assert_allclose(slopes[0], exact[0], rtol=0.05)


@pytest.mark.slow
def test_a_readout_is_trained_by_one_and_tested_by_the_other():
    leaky = ss.NeuronModel.from_equations("dV/dt = I - V; dI/dt = -2*I", name="LI", inputs="I")
    net = ss.FeedForward(
        [ss.Neuron(ss.models.qif()), ss.Neuron(leaky)], (2, 6, 2), 4.0, key=jax.random.key(1), scale=2.0, mean=1.0
    )
    times, sources = np.array([[0.1, 0.3], [0.2, 0.4]] * 2), np.array([[0, 0], [1, 1]] * 2)
    data = ss.datasets.Dataset(ss.Spikes(times, sources), [0, 1, 0, 1], num_classes=2, num_sources=2)
    stepped = ss.baselines.surrogate(net, 0.1)
    found = ss.fit(
        stepped, data, ss.losses.cross_entropy, epochs=25, batch_size=4, progress=False, optimizer=optax.adam(0.1),
        validation=data,
    )  # fmt: skip
    assert found.history[-1]["accuracy"] == 1.0
    assert found.history[-1]["loss"] < found.history[0]["loss"]
    assert jax.tree.structure(found.network.network) == jax.tree.structure(net)
    assert ss.evaluate(found.network.network, data)["accuracy"] == 1.0


def test_first_spikes_and_activity_are_losses(network):
    stepped = ss.baselines.surrogate(network, 0.05)
    batch = ss.Spikes(np.stack([SPIKES.times] * 2), np.stack([SPIKES.sources] * 2))
    data = ss.datasets.Dataset(batch, [1, 1], num_classes=2, num_sources=2)

    def loss(times, label):
        return ss.losses.first_spike_cross_entropy(times, label, tau=0.5)

    history = ss.fit(stepped, data, loss, epochs=8, progress=False, optimizer=optax.adam(0.5)).history
    assert history[-1]["loss"] < history[0]["loss"] - 0.5
    found = ss.evaluate(stepped, data, loss=loss)
    assert found["accuracy"] == 0.0
    assert found["silent_fraction_0"] == 0.5
    counts = stepped(SPIKES).counts()
    wanted = 0.5 * np.mean((np.asarray(counts) - 2.0) ** 2)
    assert ss.losses.rate_regulariser(stepped(SPIKES), low=2.0, high=2.0) == pytest.approx(wanted)
    slopes = eqx.filter_grad(lambda net: ss.losses.rate_regulariser(net(SPIKES), low=5.0))(stepped)
    assert (slopes.network.raw_weights[0]["I"] < 0).all()


def test_equal_settings_are_equal_and_print(network):
    first, second = (ss.baselines.surrogate(network, 0.05, surrogate="atan") for _ in range(2))
    assert jax.tree.structure(first) == jax.tree.structure(second)
    assert "step: 0.05" in repr(first)
    assert "in steps of 0.05" in repr(first(SPIKES))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dt": 0.03}, "does not divide the trial of 4; pass 0.0300752"),
        ({"dt": 0.0}, "dt is 0"),
        ({"surrogate": "relu"}, "choose one of superspike, fast_sigmoid"),
        ({"scale": -1.0}, "scale is -1.0, but must be a positive number"),
        ({"surrogate": jnp.ones_like, "scale": 2.0}, "put the scale into it"),
        ({"checkpoint": 0}, "checkpoint is 0"),
    ],
)
def test_wrong_options_are_refused(network, options, message):
    with pytest.raises(ValueError, match=message):
        ss.baselines.surrogate(network, **({"dt": 0.05} | options))


def test_what_a_grid_does_not_have_is_refused(network, tmp_path):
    stepped = ss.baselines.surrogate(network, 0.05)
    found = stepped(SPIKES)
    with pytest.raises(ValueError, match="no pseudospikes, so that only the first spike"):
        found.spike_times(2)
    with pytest.raises(ValueError, match="pseudo_rates"):
        found.pseudo_rates()
    with pytest.raises(ValueError, match="pass record_states=True"):
        found.states_at([0.5])
    with pytest.raises(ValueError, match="is no readout"):
        found.max_over_time()
    with pytest.raises(IndexError, match="layer 1 was asked for"):
        found.counts(1)
    with pytest.raises(ValueError, match="spike times on the grid have no derivative"):
        eqx.filter_grad(lambda net: net(SPIKES).ordinary_spike_times(1)[0, 0])(stepped)
    with pytest.raises(TypeError, match="pass a FeedForward, Recurrent or Sequential"):
        ss.baselines.surrogate(stepped, 0.05)
    with pytest.raises(TypeError, match="pass FeedForward or Recurrent"):
        ss.Sequential(stepped)
    with pytest.raises(TypeError, match="save takes an exact network"):
        ss.save(stepped, tmp_path / "net.ss")
    with pytest.raises(TypeError, match="check_gradients takes an exact network"):
        ss.check_gradients(stepped, SPIKES)
    with pytest.raises(ValueError, match="needs no capacity"):
        stepped.capacity_for(SPIKES)


def test_a_step_that_is_too_long_is_refused():
    """Of a drive of 1e4 a quadratic neuron spikes every pi / 100, first after half of that: 32 times."""
    model = ss.NeuronModel.from_equations(
        "dV/dt = V**2 + 1e4", name="fast", spike="V = oo", reset="V = -oo", inputs="V"
    )
    network = ss.FeedForward(ss.Neuron(model), (1, 1), 1.0, weights=[[[1.0]]])
    silent = ss.Spikes([np.inf], [0])
    with pytest.raises(RuntimeError, match="spikes twice within a step"):
        ss.baselines.surrogate(network, 0.1)(silent)
    assert ss.baselines.surrogate(network, 0.01)(silent).counts().tolist() == [32.0]
