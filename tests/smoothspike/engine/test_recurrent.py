"""Simultaneous events, and time that never runs backwards."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import library

import smoothspike as ss
from smoothspike.engine import dense_loop

T, SIZE, CAPACITY = 10.0, 4, 64
MODELS = library(("theta_neuron", "lif"))


@pytest.fixture(scope="module")
def run():
    """Four equal theta neurons, some connected; all spike at the same instants until a jump has acted."""

    @eqx.filter_jit
    def simulate(weights, times, inputs):
        net = ss.Recurrent(MODELS["theta_neuron"], SIZE, 2, T, recurrent_weights=weights, input_weights=inputs)
        return net(ss.Spikes(times, jnp.array([0, 1])), capacity=CAPACITY).spikes[0]

    return simulate


@pytest.mark.parametrize("scale", [0.0, 1.0, -1.0, 1e3])
@pytest.mark.parametrize("times", [[0.5, 2.0], [np.pi / 2, np.pi / 2], [np.pi / 2, 3 * np.pi / 2]])
def test_simultaneous_spikes_all_happen_in_order_of_their_neurons(run, scale, times):
    """A jump at the instant of a spike acts on nothing, before or after it, so all neurons stay simultaneous."""
    weights = scale * np.random.default_rng(31).normal(size=(SIZE, SIZE))
    spikes = run(jnp.asarray(weights), jnp.asarray(times), jnp.zeros((SIZE, 2)))
    assert spikes.num_events == 3 * SIZE
    rounds = np.asarray(spikes.times[: 3 * SIZE]).reshape(3, SIZE)
    sources = np.asarray(spikes.sources[: 3 * SIZE]).reshape(3, SIZE)
    np.testing.assert_array_equal(np.sort(sources), np.tile(np.arange(SIZE), (3, 1)))
    np.testing.assert_allclose(rounds, np.pi * (np.arange(3) + 0.5)[:, None] * np.ones(SIZE), rtol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_time_never_runs_backwards(dtype):
    """Spikes that follow each other within rounding errors end the trial, in both precisions."""
    with jax.enable_x64(dtype == "float64"):
        generator = np.random.default_rng(32)
        net = ss.Recurrent(
            MODELS["theta_neuron"], SIZE, 8, T, recurrent_weights=generator.normal(size=(SIZE, SIZE)),
            input_weights=np.zeros((SIZE, 8)),
        )  # fmt: skip
        times = np.asarray(net(ss.Spikes(np.linspace(0, T, 8), np.arange(8))).spikes[0].times)
    times = times[np.isfinite(times)]
    assert len(times) >= 3 * SIZE
    assert (np.diff(times) >= 0).all()


@pytest.mark.slow
def test_a_neuron_can_act_on_itself():
    """A LIF neuron whose own spike brings the next one; the jump acts after its reset."""
    net = ss.Recurrent(MODELS["lif"], 1, 1, T, recurrent_weights=[[2.0]], input_weights=[[6.0]])
    alone = ss.Recurrent(MODELS["lif"], 1, 1, T, recurrent_weights=[[0.0]], input_weights=[[6.0]])
    spikes = ss.Spikes([0.5], [0])
    assert alone(spikes).spikes[0].num_events == 1
    with_itself = net(spikes, capacity=CAPACITY).spikes[0].times
    assert jnp.isfinite(with_itself).sum() > 1
    assert with_itself[0] == alone(spikes).spikes[0].times[0]


@pytest.mark.parametrize("capacity", [0, 3])
def test_without_inputs(capacity):
    net = ss.Recurrent(MODELS["theta_neuron"], 2, 1, T, recurrent_weights=np.zeros((2, 2)), input_weights=[[0.0]] * 2)
    assert net(ss.Spikes.empty(capacity)).spikes[0].num_events == 6


@pytest.mark.slow
def test_gradients_when_pieces_are_just_full(float64):
    """However many events there is room for, whether or not any of it stays empty."""

    @partial(jax.jit, static_argnums=1)
    @jax.value_and_grad
    def found(weights, capacity):
        net = ss.Recurrent(
            MODELS["theta_neuron"], 2, 2, 6.0, recurrent_weights=weights,
            input_weights=np.array([[0.7, 0.01], [-0.4, 0.02]]),
        )  # fmt: skip
        times = jnp.concatenate([jnp.array([0.5, 2.0]), jnp.linspace(0.1, 5.9, 12)])
        spikes = ss.Spikes(times, jnp.array([0, 0] + 12 * [1]))
        return net(spikes, capacity=capacity).spike_times(5).sum()

    weights = jnp.array([[0.0, 0.8], [-0.6, 0.1]])
    expected, slope = found(weights, 64)
    for capacity in (5, 6, 14):
        value, gradient = found(weights, capacity)
        assert float(value) == pytest.approx(float(expected), rel=1e-13)
        np.testing.assert_allclose(gradient, slope, rtol=1e-10)


MANY_INPUTS = {"qif": ss.models.qif, "qif, any tau_s": lambda: ss.models.qif(1.0, 2.5), "theta": ss.models.theta_neuron}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["qif", "qif, any tau_s", "theta"])
def test_looking_ahead_changes_no_event(name, monkeypatch, float64):
    """With inputs between spikes, at the same instant, at 0 and at the end; with room to spare and without.

    Neurons 0 and 1 are alike and spike at the same instants, which rounding puts in either order.
    """
    generator = np.random.default_rng(33)
    neuron, inputs = ss.Neuron(MANY_INPUTS[name]()), 45
    weights = generator.normal(0, 0.5, (3, 3)), np.abs(generator.normal(0, 1.5, (3, 5)))
    for each in weights:
        each[1] = each[0]
    times = np.sort(generator.uniform(0, 8.0, (2, inputs)), axis=1)
    times[:, :2], times[:, 20:24], times[1, 30:], times[0, -1] = 0.0, times[:, 19:20], np.inf, 8.0
    sources = generator.integers(0, 5, (2, inputs))

    def found(ahead, most):
        monkeypatch.setattr(dense_loop, "LOOKAHEAD", ahead)
        net = ss.Recurrent(neuron, 3, 5, 8.0, recurrent_weights=weights[0], input_weights=weights[1])
        return eqx.filter_jit(jax.vmap(lambda *of: net(ss.Spikes(*of), capacity=most).spikes[0]))(times, sources)

    expected = found(0, inputs)
    needed = int(expected.num_events.max())
    assert 10 < needed < inputs
    for most in (needed, inputs):
        spikes = found(3, most)
        np.testing.assert_array_equal(spikes.num_events, expected.num_events)
        np.testing.assert_array_equal(spikes.counts(3), expected.counts(3))
        np.testing.assert_array_equal(spikes.sources // 2, expected.sources[:, :most] // 2)
        np.testing.assert_allclose(spikes.times, expected.times[:, :most], rtol=1e-13)


@pytest.mark.slow
def test_memory_of_a_gradient_grows_with_events_alone(float64):
    """Twice the events need little more than their own record, whatever the number of neurons."""
    size, inputs = 64, np.zeros((64, 1))

    def total(weights, capacity):
        net = ss.Recurrent(MODELS["theta_neuron"], size, 1, T, recurrent_weights=weights, input_weights=inputs)
        spikes = net(ss.Spikes.empty(0), capacity=capacity).spikes[0]
        return jnp.where(spikes.is_spike, spikes.times, 0.0).sum()

    def needed(capacity):
        compiled = jax.jit(jax.grad(total), static_argnums=1).lower(jnp.zeros((size, size)), capacity).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    per_event = (needed(8192) - needed(4096)) / 4096
    assert per_event < 8 * size * 3


@pytest.mark.slow
def test_second_derivatives():
    """Both orders of the modes, against differences of the gradient."""
    neuron, inputs = ss.Neuron(ss.models.qif()), ss.Spikes(jnp.array([0.3, 0.5, 0.9]), jnp.array([0, 1, 0]))

    def loss(values):
        recurrent, entering = values[:4].reshape(2, 2) * (1 - jnp.eye(2)), values[4:].reshape(2, 2)
        net = ss.Recurrent(neuron, 2, 2, 4.0, recurrent_weights=recurrent, input_weights=entering)
        return jnp.sum(net(inputs, capacity=16).spike_times(2) ** 2)

    at, gradient = jnp.array([0.0, 0.5, -0.4, 0.0, 3.0, 1.0, 2.0, 2.5]), jax.jit(jax.grad(loss))
    differences = jnp.stack([(gradient(at + each) - gradient(at - each)) / 2e-5 for each in 1e-5 * jnp.eye(len(at))])
    # forward over reverse, and reverse over forward in one direction, which compiles sooner than all of them
    np.testing.assert_allclose(jax.jit(jax.jacfwd(jax.grad(loss)))(at), differences, rtol=1e-6, atol=1e-6)
    direction = jnp.arange(1.0, 9.0)
    other = jax.jit(jax.grad(lambda at: jax.jvp(loss, (at,), (direction,))[1]))(at)
    np.testing.assert_allclose(other, differences @ direction, rtol=1e-6, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("engine", [pytest.param("matrices", marks=pytest.mark.slow), "lists", "delays"])
def test_inputs_that_are_left_out_reach_nobody(engine):
    """Padding has a source, too: neither spikes nor what follows the trial depend on it."""
    generator = np.random.default_rng(33)
    own, entering = generator.normal(0, 0.3, (SIZE, SIZE)), generator.uniform(0.5, 3, (SIZE, 2))
    if engine != "matrices":
        late = np.full((SIZE, SIZE), 0.3) if engine == "delays" else None
        own = ss.Connections(np.tile(np.arange(SIZE), (SIZE, 1)), own.T, late)
        entering = ss.Connections(np.tile(np.arange(SIZE), (2, 1)), entering.T)
    with jax.enable_x64(True):
        net = ss.Recurrent(ss.Neuron(ss.models.qif()), SIZE, 2, T, recurrent_weights=own, input_weights=entering)
        padded = ss.Spikes([0.5, 1.0, np.inf, np.inf], [0, 1, 0, 1])
        ts = np.linspace(0, T, 9)
        found, expected = (
            (recording.spike_times(30), recording.pseudo_rates(), recording.states_at(ts))
            for recording in (net(padded), net(ss.Spikes([0.5, 1.0], [0, 1])))
        )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), found, expected)
