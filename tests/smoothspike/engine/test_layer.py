"""A layer's two ways to be run: from input to input, and from a neuron's own event to the next."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import smoothspike as ss
from smoothspike.engine import Capacity, Drive, layer, rematerialisation, simulate_layer

T, SIZE, CHANNELS = 4.0, 3, 5
ROOM = Capacity(64, 32)


def population(name, inputs, room=ROOM, strength=1.0):
    dynamics = ss.Neuron(getattr(ss.models, name)(), allow_discontinuous=True).dynamics()
    (route,) = dynamics.routes
    names = ("theta",) if name == "theta_neuron" else ("V", "I")
    start = dynamics.initial_state({state: jnp.zeros(SIZE) for state in names})
    generator = np.random.default_rng(41)
    times = generator.uniform(0, T, inputs)
    weights = {route: strength * jnp.asarray(generator.normal(3, 2, (SIZE, CHANNELS)))}
    drive = Drive(ss.Spikes(times, np.arange(inputs) % CHANNELS), weights, jnp.asarray(T))
    return eqx.filter_jit(simulate_layer)(dynamics, start, drive, jnp.asarray(T), room), dynamics


@pytest.mark.parametrize("name", ["qif", "theta_neuron", "lif"])
def test_counts(name):
    found, _ = population(name, 9)
    counts = found.spikes.counts(SIZE)
    assert found.total == found.spikes.num_events == counts.sum() > 3
    assert found.per_neuron == counts.max()


@pytest.mark.parametrize("name", ["qif", "theta_neuron", "lif"])
def test_states_go_on_from_stretch_to_stretch(name):
    """The state at the end is the last state of the trajectory."""
    found, dynamics = population(name, 9)
    end = dynamics.readout(found.trajectory.end)
    for state, values in found.trajectory.at(dynamics, jnp.array([0.0, T])).items():
        np.testing.assert_allclose(values[1], end[state], rtol=1e-9, atol=1e-9)
        np.testing.assert_array_equal(values[0], jnp.zeros(SIZE))


@pytest.mark.parametrize(("name", "spikes"), [("qif", 0), ("theta_neuron", 3), ("lif", 0)])
def test_without_inputs(name, spikes):
    found, _ = population(name, 0)
    assert found.total == spikes


@pytest.mark.parametrize("name", ["qif", "lif"])
def test_what_does_not_fit_is_reported(name):
    enough, _ = population(name, 9)
    short, _ = population(name, 9, Capacity(2, 1))
    assert short.total > 2
    assert short.per_neuron > 1
    if name == "qif":
        assert short.total == enough.total


@pytest.mark.parametrize("name", [pytest.param("qif", marks=pytest.mark.slow), "theta_neuron"])
def test_the_same_spikes_by_every_way_to_catch_them(name):
    """Caught as they come by, picked from all states where these are kept for derivatives, or searched afterwards."""

    def spikes(busiest, strength=1.0):
        found, _ = population(name, 9, Capacity(64, busiest), strength)
        return found.spikes.times, jax.nn.one_hot(found.spikes.sources, SIZE)

    caught, searched = spikes(8), spikes(32)
    picked, _ = jax.jvp(partial(spikes, 8), (1.0,), (1.0,))
    assert np.isfinite(caught[0]).sum() > 3
    for other in (picked, searched):
        jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-14), other, caught)


def test_no_stretch_has_a_negative_length():
    found, _ = population("lif", 9)
    assert (jnp.diff(found.trajectory.starts, axis=0) >= 0).all()
    assert jax.tree.all(jax.tree.map(lambda leaf: jnp.isfinite(leaf).all(), found.trajectory.states))


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param("qif", marks=pytest.mark.slow), "qif_delta"])
def test_second_derivatives(name):
    """Forward over reverse mode, by weights and input times, against differences of the gradient."""
    net = ss.FeedForward(
        ss.Neuron(getattr(ss.models, name)()), (2, 2, 1), T, weights=[[[2.5, 1.0], [2.0, 2.5]], [[2.0, 3.0]]]
    )
    at = jnp.concatenate(
        [jnp.array([0.3, 0.9]), *(matrix.ravel() for layer in net.weights for matrix in layer.weights.values())]
    )

    def loss(values):
        layers = values[2:6].reshape(2, 2), values[6:].reshape(1, 2)
        same = ss.FeedForward(net.neurons, net.sizes, T, weights=layers)
        return jnp.sum(same(ss.Spikes(values[:2], jnp.array([0, 1]))).spike_times(2) ** 2)

    gradient = jax.jit(jax.grad(loss))
    step = 1e-5 * jnp.eye(len(at))
    differences = jnp.stack([(gradient(at + each) - gradient(at - each)) / 2e-5 for each in step])
    np.testing.assert_allclose(jax.jit(jax.jacfwd(jax.grad(loss)))(at), differences, rtol=1e-6, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param("qif", marks=pytest.mark.slow), "theta_neuron"])
def test_states_that_are_recomputed(name, monkeypatch):
    """Whether all states are kept, few, or all spikes searched afterwards: times and derivatives are the same."""
    neuron = ss.Neuron(getattr(ss.models, name)())
    dynamics = neuron.dynamics()
    start = dynamics.initial_state({str(state): jnp.zeros(SIZE) for state in neuron.model.states})
    generator = np.random.default_rng(3)
    times, sources = generator.uniform(0, T, 11), np.arange(11) % CHANNELS
    weights = generator.normal(3, 2, (SIZE, CHANNELS))

    def total(weights, times):
        drive = Drive(ss.Spikes(times, sources), {dynamics.routes[0]: weights}, jnp.asarray(T))
        found = simulate_layer(dynamics, start, drive, jnp.asarray(T), Capacity(16, 6))
        end = dynamics.readout(found.trajectory.end).values()
        spikes = jnp.where(found.spikes.is_spike, found.spikes.times, 0.0)
        return jnp.sum(spikes**2) + sum(jnp.sum(jnp.sin(value)) for value in end), found.spikes.times

    def derivatives():
        backwards = jax.jit(jax.value_and_grad(total, (0, 1), has_aux=True))(weights, times)
        return *backwards, jax.jit(partial(jax.jvp, total))((weights, times), (weights, times))[1]

    expected = derivatives()
    assert np.isfinite(expected[0][1]).sum() > 3
    for most_kept, most_caught in ((0, 32), (0, 0)):
        monkeypatch.setattr(rematerialisation, "MOST_KEPT", most_kept)
        monkeypatch.setattr(layer, "_MOST_CAUGHT_OF_MANY", most_caught)
        assert rematerialisation.segments_for(12) == rematerialisation.Segments(4, 3, keeps_all=False)
        jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-11, atol=1e-11), derivatives(), expected)
        if most_caught:
            with pytest.raises(NotImplementedError, match="more than 512 inputs has no second derivatives"):
                jax.jacfwd(jax.grad(total, has_aux=True), has_aux=True)(weights, times)


def _derivatives(neuron, capacity, inputs=40):
    """Spikes of a layer with inputs that arrive together, and derivatives of all by weights, times and parameters."""
    generator = np.random.default_rng(5)
    times = np.sort(generator.uniform(0, T, inputs))
    times[5] = times[6]
    sources, weights = generator.integers(0, CHANNELS, inputs), generator.normal(0.4, 0.8, (SIZE, CHANNELS))

    def total(neuron, weights, times):
        net = ss.FeedForward(neuron, (CHANNELS, SIZE), T, weights=[weights])
        found = net(ss.Spikes(times, sources), capacity=[capacity])
        spikes, states = found.spikes[-1], found.states_at(np.linspace(0.1, 3.9, 7))
        values = sum(jnp.arctan(state).sum() for state in states.values())
        times_of = jnp.where(spikes.is_spike, jnp.sin(3 * spikes.times) * (1 + spikes.sources), 0.0)
        return jnp.sum(times_of) + values, spikes.times

    def of_arrays(arrays, weights, times):
        return total(eqx.combine(arrays, static), weights, times)

    arrays, static = eqx.partition(neuron, eqx.is_inexact_array)
    return jax.jit(jax.value_and_grad(of_arrays, (0, 1, 2), has_aux=True))(arrays, weights, times)


@pytest.mark.slow
@pytest.mark.parametrize("tau_s", [0.3, 0.5, 1.0, (0.4, 0.7, 1.3)], ids=str)
def test_neurons_that_are_reset_go_either_way(tau_s, monkeypatch):
    """From input to input, and from event to event: the same spikes, states and derivatives."""
    neuron = ss.Neuron(ss.models.lif(1.0, tau_s), allow_discontinuous=True, trainable=("tau_m", "tau_s"))
    found = _derivatives(neuron, Capacity(256, 32))
    monkeypatch.setattr(layer, "_MOST_RESETS", 0)
    expected = _derivatives(neuron, Capacity(256, 32))
    assert np.isfinite(expected[0][1]).sum() > 10
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-10, atol=1e-10), found, expected)


@pytest.mark.slow
def test_derivatives_where_inputs_arrive_together():
    """Of a quadratic neuron without closed form, both inputs moved together, against differences."""
    neuron = ss.Neuron(ss.models.qif(1.0, 0.7))

    def value(shift):
        net = ss.FeedForward(neuron, (2, 1), T, weights=[[[4.0, 3.0]]])
        found = net(ss.Spikes(jnp.array([0.5, 0.5]) + shift, [0, 1]), capacity=[Capacity(8, 8)])
        return found.states_at(np.array([0.8]))["V"].sum()

    by_both = jax.jit(jax.grad(value))(jnp.zeros(2)).sum()
    value = jax.jit(value)
    np.testing.assert_allclose(by_both, (value(jnp.full(2, 1e-6)) - value(jnp.full(2, -1e-6))) / 2e-6, rtol=1e-8)


@pytest.mark.parametrize("name", ["qif_delta", "lif_delta"])
def test_simultaneous_spikes_come_by_the_index_of_their_neurons(name):
    neuron = ss.Neuron(getattr(ss.models, name)(), allow_discontinuous=True)
    net = ss.FeedForward(neuron, (1, 3), T, weights=[[[4.0], [4.0], [4.0]]])
    spikes = eqx.filter_jit(lambda: net(ss.Spikes([0.5], [0]), capacity=8).spikes[0])()
    assert spikes.num_events == 3
    assert spikes.sources[:3].tolist() == [0, 1, 2]


def test_every_route_has_its_weights():
    """Two currents that decay alike: it is their sum that counts."""
    V, I, J = sp.symbols("V I J", real=True)
    model = ss.NeuronModel(
        "two currents", dynamics={V: V * (V - 1) + I + J, I: -2 * I, J: -2 * J}, spike=ss.at_infinity(V),
        reset={V: -sp.oo}, inputs={"one": I, "other": J},
    )  # fmt: skip
    neuron = ss.Neuron(model)

    @eqx.filter_jit
    def first(one, other):
        net = ss.FeedForward(neuron, (1, 1), T, weights=[{"one": [[one]], "other": [[other]]}])
        return net(ss.Spikes([0.5], [0]), capacity=8).spike_times(2)

    both = first(jnp.array(5.0), jnp.array(3.0))
    assert both[0, 0] < T
    np.testing.assert_allclose(both, first(jnp.array(8.0), jnp.array(0.0)), rtol=1e-6)
    np.testing.assert_allclose(both, first(jnp.array(0.0), jnp.array(8.0)), rtol=1e-6)
