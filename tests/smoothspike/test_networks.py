import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from cases import SOLVED

import smoothspike as ss

T, CHANNELS, SIZE, ROOM = 4.0, 6, 3, 64
# Two orders of the same operations differ by rounding.
ROUNDING = 1e-12
INF = np.inf


@pytest.fixture(scope="module")
def qif():
    return ss.Neuron(ss.models.qif())


@pytest.fixture(scope="module")
def weights():
    return np.random.default_rng(7).normal(2.0, 2.0, (SIZE, CHANNELS))


@pytest.fixture(scope="module")
def spikes():
    generator = np.random.default_rng(8)
    times = np.where(generator.random((4, 10)) < 0.2, INF, generator.uniform(0, T, (4, 10)))
    return ss.Spikes(times, generator.integers(0, CHANNELS, (4, 10)))


@pytest.fixture(scope="module")
def layer(qif, weights):
    return ss.FeedForward(qif, (CHANNELS, SIZE), T, weights=[weights])


@pytest.fixture(scope="module")
def recurrent(qif, weights):
    own = np.random.default_rng(10).normal(0.5, 1.0, (SIZE, SIZE))
    return ss.Recurrent(qif, SIZE, CHANNELS, T, recurrent_weights=own, input_weights=weights)


@pytest.fixture(params=["layer", "recurrent"])
def network(request):
    return request.getfixturevalue(request.param)


def assert_same_trials(one, other):
    """The same spikes, pseudospikes and states."""
    for here, there in zip(one.spikes, other.spikes, strict=True):
        np.testing.assert_allclose(here.trimmed().times, there.trimmed().times, rtol=ROUNDING)
        np.testing.assert_array_equal(here.trimmed().sources, there.trimmed().sources)
    np.testing.assert_allclose(one.spike_times(5), other.spike_times(5), rtol=ROUNDING)
    np.testing.assert_allclose(one.pseudo_rates(), other.pseudo_rates(), atol=ROUNDING)


class TestAgreement:
    @pytest.mark.slow
    @pytest.mark.parametrize("model", [ss.models.qif(), ss.models.lif()], ids=lambda model: model.name)
    def test_a_layer_is_a_recurrent_network_without_connections(self, model, weights, spikes):
        neuron = ss.Neuron(model, allow_discontinuous=True)
        layer = ss.FeedForward(neuron, (CHANNELS, SIZE), T, weights=[weights])
        alone = ss.Recurrent(neuron, SIZE, CHANNELS, T, recurrent_weights=np.zeros((SIZE, SIZE)), input_weights=weights)
        one, other = layer(spikes), alone(spikes)
        assert one.spikes[0].num_events.sum() > 4
        np.testing.assert_allclose(one.spike_times(5), other.spike_times(5), rtol=ROUNDING)
        samples = np.linspace(0.05, T, 7)
        for name, values in one.states_at(samples).items():
            np.testing.assert_allclose(values, other.states_at(samples)[name], rtol=1e-9, atol=1e-9)

    @pytest.mark.slow
    def test_a_batch_is_its_trials(self, network, spikes):
        together = network(spikes)
        for index in range(len(spikes.times)):
            alone = network(spikes[index])
            np.testing.assert_allclose(together.spike_times(4)[index], alone.spike_times(4), rtol=ROUNDING)
            np.testing.assert_array_equal(together.spikes[0].sources[index], alone.spikes[0].sources)

    @pytest.mark.slow
    def test_vmap_jit_and_two_batch_axes(self, network, spikes):
        expected = network(spikes).first_spike_times()
        mapped = eqx.filter_jit(eqx.filter_vmap(lambda net, s: net.first_spike_times(s), in_axes=(None, 0)))
        np.testing.assert_allclose(mapped(network, spikes), expected, rtol=ROUNDING)
        square = ss.Spikes(spikes.times.reshape(2, 2, -1), spikes.sources.reshape(2, 2, -1))
        np.testing.assert_allclose(network(square).first_spike_times().reshape(4, -1), expected, rtol=ROUNDING)

    @pytest.mark.slow
    def test_neither_capacity_nor_padding_nor_order_matters(self, network, spikes):
        shuffled = np.random.default_rng(11).permutation(10)
        same = ss.Spikes(spikes.times[:, shuffled], spikes.sources[:, shuffled]).padded(17)
        assert_same_trials(network(spikes, capacity=ROOM), network(same, capacity=2 * ROOM))

    def test_inputs_at_and_after_the_trial_end_do_nothing(self, network, spikes):
        trial = spikes[0]
        late = ss.Spikes(np.append(trial.times, [T, T + 1]), np.append(trial.sources, [0, 1]))
        assert_same_trials(network(trial), network(late))

    def test_spikes_are_ascending_and_inside_the_trial(self, network, spikes):
        record = network(spikes)
        for layer in record.spikes:
            times = np.asarray(layer.times)
            assert (np.diff(np.where(np.isfinite(times), times, T), axis=-1) >= 0).all()
            assert ((times > 0) & (times <= T))[np.isfinite(times)].all()

    def test_one_neuron_for_each_layer(self, qif, layer, weights, spikes):
        """A layer does not depend on what comes after it."""
        slow, later = ss.Neuron(ss.models.qif(tau_m=2.0, tau_s=1.0)), np.ones((2, SIZE))
        mixed = ss.FeedForward((qif, slow), (CHANNELS, SIZE, 2), T, weights=[weights, later])
        np.testing.assert_allclose(mixed(spikes).spikes[0].times, layer(spikes).spikes[0].times, rtol=ROUNDING)
        assert mixed.neurons == (qif, slow)

    @pytest.mark.slow
    def test_one_value_for_each_neuron(self, weights, spikes):
        each = (0.5, 2.0, 2.0)
        together = ss.Neuron(ss.models.qif(tau_m=each, tau_s=tuple(tau / 2 for tau in each)))
        times = ss.FeedForward(together, (CHANNELS, SIZE), T, weights=[weights])(spikes).spike_times(3)
        for index, tau in enumerate(each[:2]):
            alone = ss.Neuron(ss.models.qif(tau_m=tau, tau_s=tau / 2))
            row = ss.FeedForward(alone, (CHANNELS, 1), T, weights=[weights[index : index + 1]])(spikes).spike_times(3)
            np.testing.assert_allclose(times[:, index], row[:, 0], rtol=ROUNDING)


class TestLearning:
    @pytest.mark.slow
    def test_an_optax_step_lowers_the_loss(self, network, spikes):
        """`filter_value_and_grad` and optax suffice; the trained spikes come from a PyTree of arrays."""
        optimizer = optax.sgd(1e-3)

        def loss(net):
            return jnp.mean((net.first_spike_times(spikes) - 2.0) ** 2)

        @eqx.filter_jit
        def step(net, state):
            value, gradient = eqx.filter_value_and_grad(loss)(net)
            updates, state = optimizer.update(gradient, state)
            return eqx.apply_updates(net, updates), state, value

        net, state = network, optimizer.init(eqx.filter(network, eqx.is_inexact_array))
        values = []
        for _ in range(3):
            net, state, value = step(net, state)
            values.append(float(value))
        assert values[2] < values[1] < values[0]

    def test_equal_networks_compile_once(self, spikes):
        """Models are compared by content, so a second declaration of the same neuron does not compile again."""

        @eqx.filter_jit
        @eqx.debug.assert_max_traces(max_traces=1)
        def run(net, spikes):
            return net(spikes).first_spike_times()

        for seed in range(3):
            neuron = ss.Neuron(ss.models.qif())
            net = ss.FeedForward(neuron, (CHANNELS, SIZE), T, key=jax.random.key(seed))
            run(net, spikes[seed])

    @pytest.mark.parametrize("name", SOLVED)
    def test_equal_neurons_are_equal(self, name):
        declare = getattr(ss.models, name)
        one, other = (ss.Neuron(declare(), allow_discontinuous=True) for _ in range(2))
        assert one == other
        assert hash(one.model) == hash(other.model)
        assert jax.tree.structure(one) == jax.tree.structure(other)
        assert hash(jax.tree.structure(one)) == hash(jax.tree.structure(other))


class TestRefusals:
    @pytest.mark.parametrize("times", [[0.5, np.nan], [0.5, -0.1]])
    def test_bad_times(self, network, times):
        with pytest.raises(ValueError, match=r"times\[1\] is .*spikes come at or after time 0"):
            network(ss.Spikes(times, [0, 1]))
        with pytest.raises(RuntimeError, match="an input spike time is negative or NaN; pad with inf"):
            eqx.filter_jit(lambda t: network(ss.Spikes(t, jnp.array([0, 1]))).first_spike_times())(jnp.array(times))

    @pytest.mark.parametrize("source", [CHANNELS, -1])
    def test_sources_out_of_range(self, network, source):
        with pytest.raises(ValueError, match=rf"sources\[1\] is {source}, but"):
            network(ss.Spikes([0.1, 0.2], [0, source]))
        with pytest.raises(RuntimeError, match="source outside 0 to 5"):
            eqx.filter_jit(lambda s: network(ss.Spikes(jnp.array([0.1, 0.2]), s)).first_spike_times())(
                jnp.array([0, source])
            )

    def test_something_else_than_spikes(self, network):
        with pytest.raises(ValueError, match=r"the input must be Spikes\(times, sources\), not ndarray"):
            network(np.zeros(3))

    @pytest.mark.parametrize("duration", [0.0, -1.0, INF, np.nan])
    def test_durations(self, qif, duration, key):
        for build in (
            lambda: ss.FeedForward(qif, (2, 2), duration, key=key),
            lambda: ss.Recurrent(qif, 2, 2, duration, key=key),
        ):
            with pytest.raises(ValueError, match=f"duration is {duration}, but must be a positive, finite number"):
                build()

    @pytest.mark.parametrize("sizes", [(3,), (3, 0), (3, 2.5), (-1, 2), ()])
    def test_sizes(self, qif, sizes, key):
        with pytest.raises(
            ValueError,
            match=r"sizes .*of inputs and of neurons per layer, each a whole number and at least 1",
        ):
            ss.FeedForward(qif, sizes, T, key=key)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({}, "give a key to draw the weights with"),
            ({"weights": [np.zeros((2, 3))]}, "1 weight matrices for 2 layers; give one for each layer"),
            (
                {"weights": [np.zeros((2, 3)), np.zeros((2, 2))]},
                r"layer 1: weights for I have shape \(2, 2\), but \(neurons, sources\) is \(1, 2\)",
            ),
            (
                {"weights": [{"V": np.zeros((2, 3))}, np.zeros((1, 2))]},
                r"layer 0: weights for routes \['V'\], but the routes are \['I'\]",
            ),
        ],
    )
    def test_weights_of_layers(self, qif, options, message):
        with pytest.raises(ValueError, match=message):
            ss.FeedForward(qif, (3, 2, 1), T, **options)

    def test_weights_of_recurrent_networks(self, qif):
        with pytest.raises(ValueError, match="give a key"):
            ss.Recurrent(qif, 2, 3, T, recurrent_weights=np.zeros((2, 2)))
        with pytest.raises(ValueError, match=r"input_weights: weights for I have shape \(3, 2\), but .* is \(2, 3\)"):
            ss.Recurrent(qif, 2, 3, T, recurrent_weights=np.zeros((2, 2)), input_weights=np.zeros((3, 2)))

    def test_number_of_neurons(self, qif, key):
        with pytest.raises(ValueError, match="3 neurons for 2 layers; give one, or one for each layer"):
            ss.FeedForward((qif, qif, qif), (2, 2, 2), T, key=key)

    def test_parameters_for_another_number_of_neurons(self, key):
        neuron = ss.Neuron(ss.models.qif_delta(tau_m=(1.0, 2.0)))
        with pytest.raises(ValueError, match="has parameters for 2 neurons, but the layer has 3"):
            ss.FeedForward(neuron, (2, 3), T, key=key)

    def test_initial_values(self, layer, recurrent):
        empty = ss.Spikes.empty(1)
        with pytest.raises(ValueError, match=r"initial: QIF has no state 'U'; its states are V, I"):
            recurrent(empty, initial={"U": 0.0})
        with pytest.raises(ValueError, match=r"initial V has shape \(5,\); give one value, or 3"):
            recurrent(empty, initial={"V": np.zeros(5)})
        with pytest.raises(ValueError, match="initial: 2 entries for 1 layers; give one for each, or None"):
            layer(empty, initial=[{"V": 0.0}, None])
