"""Trials of a batch go through a layer together: each as if it were alone."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import smoothspike as ss
from smoothspike.engine import Capacity, events, rematerialisation

T, SIZES, TRIALS, INPUTS = 4.0, (4, 3, 2), 4, 7
ROOM = {"qif": Capacity(16, 4), "theta_neuron": Capacity(16, 4), "lif": Capacity(128, 64)}


def network(name: str) -> ss.FeedForward:
    generator = np.random.default_rng(5)
    weights = [generator.normal(2, 2, (after, before)) for after, before in zip(SIZES[1:], SIZES[:-1], strict=True)]
    # of the first layer every neuron has time constants of its own
    neurons = [ss.Neuron(getattr(ss.models, name)(), allow_discontinuous=True)] * 2
    if name == "qif":
        own = ss.Neuron(ss.models.qif(tau_m=np.linspace(0.8, 1.2, SIZES[1]), tau_s=np.linspace(0.4, 0.6, SIZES[1])))
        neurons[0] = own
    return ss.FeedForward(neurons, SIZES, T, weights=weights)


def inputs() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(6)
    return generator.uniform(0, T, (TRIALS, INPUTS)), generator.integers(0, SIZES[0], (TRIALS, INPUTS))


def loss(run, weights, times):
    net, sources = network(run.keywords["name"]), inputs()[1]
    net = eqx.tree_at(lambda each: [w[route] for w in each.weights for route in w.weights], net, list(weights))
    return jnp.sum(jnp.sin(run.func(net, times, sources)))


def together(net, times, sources, name=""):
    return net(ss.Spikes(times, sources), capacity=ROOM[name]).spike_times(3)


def mapped(net, times, sources, name=""):
    return jax.vmap(lambda *trial: net(ss.Spikes(*trial), capacity=ROOM[name]).spike_times(3))(times, sources)


def in_two_axes(net, times, sources, name=""):
    halves = (array.reshape(2, TRIALS // 2, INPUTS) for array in (times, sources))
    return net(ss.Spikes(*halves), capacity=ROOM[name]).spike_times(3).reshape(TRIALS, SIZES[-1], 3)


def derivatives(run, name):
    weights = [matrix for layer in network(name).weights for matrix in layer.weights.values()]
    run = partial(run, name=name)
    return jax.jit(jax.value_and_grad(partial(loss, run), (0, 1)))(weights, inputs()[0])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["qif", pytest.param("theta_neuron", marks=pytest.mark.slow), "lif"])
def test_a_batch_is_its_trials(name, monkeypatch):
    """By leading axes, one or two, by `jax.vmap` and in small segments: the same spikes and derivatives."""
    expected = derivatives(mapped, name)
    assert all(np.abs(each).max() > 0 for each in jax.tree.leaves(expected))
    ways = [together] if name == "lif" else [together, in_two_axes]
    for run in ways:
        jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-12, atol=1e-12), derivatives(run, name), expected)
    if name == "qif":
        monkeypatch.setattr(rematerialisation, "_BYTES", 1)
        found = derivatives(together, name)
        jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-12, atol=1e-12), found, expected)


@pytest.mark.slow
def test_a_recording_of_a_batch_is_one_of_its_trials():
    """Spikes, states, pseudospikes and spikes of every neuron by itself."""
    net, (times, sources) = network("qif"), inputs()
    batch, alone = net(ss.Spikes(times, sources)), net(ss.Spikes(times[2], sources[2]))
    ts = np.linspace(0, T, 5)
    for of in (
        lambda rec: [(layer.times, jnp.where(layer.is_spike, layer.sources, 0)) for layer in rec.spikes],
        lambda rec: [rec.states_at(ts, layer) for layer in (0, 1)],
        lambda rec: [rec.ordinary_spike_times(6, layer) for layer in (0, 1)],
        lambda rec: rec.pseudo_rates(),
    ):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a[2], b, rtol=1e-12), of(batch), of(alone))
    for layer, size in enumerate(SIZES[1:]):
        rows = alone.spikes[layer].to_trains(size)
        for row, found in zip(rows, alone.ordinary_spike_times(6, layer), strict=True):
            np.testing.assert_array_equal(found[np.isfinite(found)], row)


def test_spikes_that_agree_in_single_precision_are_in_order():
    """Times that differ in their last digits only, the later first, and equal ones by their index."""
    times = jnp.array([[2.0, 1.0 + 2e-12, 1.0], [jnp.inf, 1.0 + 1e-12, 0.5]])
    for count in (6, 4):
        found = jax.vmap(partial(events.ordered, capacity=count))(jnp.stack([times, times[:, ::-1]]))
        np.testing.assert_array_equal(found.times[0, :5], [0.5, 1.0, 1.0 + 1e-12, 1.0 + 2e-12, 2.0][:count])
        np.testing.assert_array_equal(found.sources[0, :4], [2, 2, 1, 1])
        np.testing.assert_array_equal(found.sources[1, :4], [0, 0, 1, 1])
    assert events.ordered(jnp.ones((2, 3)), 8).sources[:6].tolist() == [0, 1, 2, 0, 1, 2]


def test_too_little_room_is_said_where_only_rows_are_asked_for():
    """The check holds for spikes of every neuron by itself, too."""
    net, (times, sources) = network("qif"), inputs()
    read = eqx.filter_jit(
        lambda net, times: net(ss.Spikes(times, sources), capacity=Capacity(1, 1)).ordinary_spike_times(1)
    )
    with pytest.raises(RuntimeError, match="its capacity is 1"):
        read(net, times)


def test_a_lost_ray_is_said_where_only_ordinary_spikes_are_asked_for():
    """At rest on the unstable point for so long that rounding leaves nothing of the ray."""
    with jax.enable_x64(False):
        net = ss.FeedForward(ss.Neuron(ss.models.qif_delta()), (1, 1), 60.0, weights=[jnp.zeros((1, 1))])
        read = jax.jit(lambda times: net(ss.Spikes(times, jnp.zeros(1, int)), initial=[{"V": 1.0}]).spikes[0].times)
        with pytest.raises(RuntimeError, match=r"the solver of layer 0 \(1 neurons\) gave up"):
            read(jnp.array([0.5], jnp.float32))
