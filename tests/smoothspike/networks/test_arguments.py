"""What networks, recordings and spikes say of wrong arguments, and what they make of unusual ones."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import smoothspike as ss
from smoothspike.networks import initialisation

T = 4.0
NEURON = ss.Neuron(ss.models.lif_delta(), allow_discontinuous=True)
SPIKES = ss.Spikes([0.5, 1.0], [0, 1])


def layer(**options):
    return ss.FeedForward(NEURON, (2, 1), T, **({"weights": [[[0.75, 0.5]]]} | options))


@pytest.mark.parametrize(
    "kind", [pytest.param(np.float16, marks=pytest.mark.slow), np.float32, np.float64, jnp.bfloat16]
)
@pytest.mark.usefixtures("float64")
def test_any_type_of_floats(kind):
    """These times are exact in all of them."""
    times = np.array([0.5, 1.25]).astype(kind)
    spikes = ss.Spikes(times, [0, 1])
    for net in (layer(), ss.Recurrent(NEURON, 1, 2, T, recurrent_weights=[[0.0]], input_weights=[[0.75, 0.5]])):
        found = net(spikes).spike_times(2)
        assert found.dtype == jnp.float64
        np.testing.assert_array_equal(found, net(ss.Spikes([0.5, 1.25], [0, 1])).spike_times(2))


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ([2**32 + 1], r"sources\[0\] is 4294967297, but sources must be numbered from 0 to at most 2147483647"),
        (np.array([2**63], np.uint64), r"sources\[0\] is 9223372036854775808"),
        ([-1], r"sources\[0\] is -1, but sources must be numbered from 0"),
        ([1.0], "sources are of type float.*, but must be integers"),
        ([2**70], "sources are of type object, but must be integers"),
    ],
)
def test_sources(sources, message):
    with pytest.raises(ValueError, match=message):
        ss.Spikes([0.5], sources)


def test_the_source_of_padding_means_nothing():
    assert ss.Spikes([0.5, np.inf], np.array([3, 2**40])).sources.tolist() == [3, 0]


@pytest.mark.parametrize(
    ("labels", "message"),
    [([0.0, 1.2], "labels are of type float.*astype"), ([0, 2**32], r"labels\[1\] is 4294967296"), ([0, -1], "is -1")],
)
def test_labels(labels, message):
    spikes = ss.Spikes([[0.5], [1.0]], [[0], [0]])
    with pytest.raises(ValueError, match=message):
        ss.datasets.Dataset(spikes, labels, num_classes=2, num_sources=1)


CONNECTIONS = ss.Connections([[0], [0]], [[1.0], [1.0]])


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: ss.FeedForward(ss.models.lif(), (2, 1), T), TypeError, r"LIF is a model, .* give ss.Neuron\(model\)"),
        (lambda: ss.FeedForward([NEURON, 3], (2, 1, 1), T), TypeError, "neuron is of type int: give ss.Neuron"),
        (lambda: ss.Recurrent(ss.models.lif(), 2, 1, T), TypeError, "LIF is a model"),
        (
            lambda: layer(weights=[CONNECTIONS], delays=[0.1]),
            ValueError,
            r"delays\[0\] are for matrices; pass those of",
        ),
        (
            lambda: layer(weights=[[["weight", 1.0]]]),
            ValueError,
            "layer 0: weights for V must be an array of real numbers",
        ),
        (lambda: layer(weights=[[[np.inf, 1.0]]]), ValueError, r"weights for V\[0, 0\] is inf, but must be finite"),
        (lambda: layer(weights=None, key=0), TypeError, r"key is 0: give jax.random.key\(0\)"),
        (lambda: ss.FeedForward(NEURON, 3, T), ValueError, "sizes 3: give the number of inputs and of neurons"),
        (lambda: ss.FeedForward(NEURON, (2, 1.5), T), ValueError, "each a whole number"),
        (lambda: ss.FeedForward(NEURON, (2, 1), "4"), ValueError, "duration is '4', but must be a positive"),
        (lambda: ss.FeedForward(NEURON, (2, 1), [1.0, 2.0]), ValueError, "all layers share one trial end"),
        (lambda: layer()(ss.Spikes(np.zeros((0, 3)), np.zeros((0, 3), int))), ValueError, "the batch is empty"),
        (
            lambda: ss.NeuronModel.from_equations("dV/dt = V**2", name="m", refraction=2),
            ss.ModelError,
            "unknown keyword 'refraction'",
        ),
        (lambda: ss.Connections([[0.5]], [[1.0]]), ValueError, "targets are of type float.*, but must be integers"),
        (
            lambda: ss.Connections([[1, 1]], [[1.0, 2.0]]),
            ValueError,
            "reaches neuron 1 twice; .* or pass a delay",
        ),
    ],
)
def test_refusals(build, error, message):
    with pytest.raises(error, match=message):
        build()


@pytest.mark.usefixtures("float32")
@pytest.mark.parametrize("duration", [1e300, 1e-300])
def test_a_duration_that_single_precision_does_not_hold(duration):
    with pytest.raises(ValueError, match="which float32 does not hold"):
        ss.FeedForward(NEURON, (2, 1), duration, weights=[[[0.75, 0.5]]])


def test_recordings():
    record = layer()(SPIKES)
    for read in (
        lambda: record.spike_times(1, layer=7),
        lambda: record.ordinary_spike_times(1, layer=-2),
        lambda: record.pseudo_rates(layer=1),
        lambda: record.states_at([0.5], layer=1),
    ):
        with pytest.raises(IndexError, match=r"layer -?\d was asked for, but the layers are 0 to 0"):
            read()
    for wrong in (-1, 2.5):
        with pytest.raises(ValueError, match=f"count is {wrong}: give how many spikes of each neuron"):
            record.spike_times(wrong)


def test_printed(key):
    net = ss.FeedForward(NEURON, (2, 3, 1), T, key=key, delays=[0.5, None])
    lines = str(net).splitlines()
    assert lines[0] == "FeedForward of sizes 2-3-1"
    assert "LIF" in lines[1]
    assert lines[2:4] == ["  duration: 4", "  weights: 9, delays: 1"]
    assert len(lines) == 4
    batch = ss.Spikes([[0.5, 1.0], [0.25, np.inf]], [[0, 1], [1, 0]])
    assert repr(batch) == "Spikes(2 trials, 1 to 2 spikes each from 2 sources, t = 0.25 to 1, capacity 2)"
    assert repr(ss.Spikes.empty(3)) == "Spikes(none, capacity 3)"
    # trees in the same structure, and while JAX traces
    assert "frozen" in repr(jax.tree.map(lambda _: "frozen", batch))
    assert "FeedForward" in repr(jax.tree.map(lambda _: True, net))
    seen = []
    jax.jit(lambda times: seen.append(repr(ss.Spikes(times, batch.sources))))(batch.times)
    assert "values unknown under tracing" in seen[0]
    model = ss.models.lif_conductance()
    assert "initial: V = 0, g = 0\n  bounds: 0 <= g" in str(model)
    for part in (r"\text{spike} &: V", r"\text{reset} &:", r"\text{input} &: g", r"\tau_{s} =", r"0 \le g"):
        assert part in model._repr_latex_()


def test_weights_to_start_from_are_worked_out_once(key):
    ss.FeedForward(NEURON, (2, 3, 4), T, key=key)
    before = initialisation._remembered.cache_info().misses
    same = ss.Neuron(ss.models.lif_delta(), allow_discontinuous=True)
    net = ss.FeedForward(same, (5, 6, 7), T, key=key)
    assert initialisation._remembered.cache_info().misses == before
    assert (np.asarray(net.weights[0]["V"]) != 0).all()


@pytest.mark.parametrize("to_labels", [lambda labels: lambda _: labels, lambda labels: lambda params: labels])
def test_a_layer_frozen_and_two_learning_rates(to_labels):
    """The way that docs/do/training.md describes."""
    net = ss.FeedForward(NEURON, (2, 2, 1), T, weights=[[[0.75, 0.5], [0.5, 0.25]], [[0.75, 0.5]]])
    params, static = eqx.partition(net, eqx.is_inexact_array)
    frozen = jax.tree.map(lambda _: "frozen", params)
    labels = eqx.tree_at(lambda net: net.weights[1], frozen, jax.tree.map(lambda _: "fast", params.weights[1]))
    optimizer = optax.multi_transform({"fast": optax.sgd(0.5), "frozen": optax.set_to_zero()}, to_labels(labels))
    gradient = jax.tree.map(jnp.ones_like, params)
    updates, _ = optimizer.update(gradient, optimizer.init(params), params)
    trained = eqx.combine(optax.apply_updates(params, updates), static)
    np.testing.assert_array_equal(trained.weights[0]["V"], net.weights[0]["V"])
    np.testing.assert_allclose(trained.weights[1]["V"], [[0.25, 0.0]])
