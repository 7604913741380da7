"""Layers as kernels, interpreted on a CPU, beside the plain engine; and lowered for a GPU that need not be there."""

import sys
from functools import cache, partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import smoothspike as ss
from smoothspike.engine import Capacity, layer_scan
from smoothspike.engine.fused import fused_passage
from smoothspike.engine.rematerialisation import Segments
from smoothspike.networks import simulate
from smoothspike.neurons import AbstractDynamics
from smoothspike.neurons.vectorised import Inputs

TRIALS, NEURONS, CHANNELS, MOST = 3, 3, 4, 2


@pytest.fixture
def short_pieces(monkeypatch):
    """Pieces of two inputs compile faster."""
    monkeypatch.setattr(AbstractDynamics, "kept_every", 2)


@cache
def neuron(name):
    return ss.Neuron(getattr(ss.models, name)(), allow_discontinuous=True)


@pytest.fixture(scope="module", autouse=True)
def derived():
    neuron("theta_neuron")


def layer(name, inputs=7):
    """Neurons that differ, and trials: one of simultaneous inputs, one with a silent channel alone, one of any."""
    dtype, generator = jnp.zeros(()).dtype, np.random.default_rng(3)
    dynamics = neuron(name).dynamics()
    states = [str(each) for each in neuron(name).model.states]
    state = dynamics.initial_state({each: jnp.zeros(NEURONS) for each in states})
    initial = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf[:, None], (NEURONS, TRIALS)), state)
    spread = jnp.asarray(generator.uniform(0.9, 1.1, NEURONS), dtype)[:, None]
    dynamics = jax.tree.map(lambda leaf: jnp.asarray(leaf * spread, dtype), dynamics)
    lengths = generator.exponential(0.6, (inputs, TRIALS))
    lengths[1:4, 0] = 0
    sources = generator.integers(1, CHANNELS, (inputs, TRIALS))
    sources[:, 1] = 0
    weights = generator.normal(8, 2, (CHANNELS + 1, NEURONS))
    weights[[0, -1]] = 0
    columns = dict.fromkeys(dynamics.routes, jnp.asarray(weights, dtype))
    return dynamics, initial, Inputs(jnp.asarray(lengths, dtype), columns, jnp.asarray(sources, jnp.int32))


def plain(dynamics, initial, inputs):
    segments = Segments(1, inputs.lengths.shape[0], keeps_all=True)
    return layer_scan.scan_inputs(dynamics, initial, inputs, Capacity(1000, MOST), segments)


def fused(dynamics, initial, inputs, interpret=True):
    return fused_passage(plain, MOST, dynamics, initial, inputs, interpret=interpret)


def existing(passage):
    """What is known of spikes that exist, and of the end."""
    exists = jnp.arange(MOST)[:, None, None] < passage.spiked
    at_spikes, place = jax.tree.map(lambda leaf: jnp.where(exists, leaf, 0), (passage.at_spikes, passage.place))
    return passage.end, at_spikes, place, passage.spiked


def weighed(run, dynamics, initial, lengths, columns, sources):
    """Some number that depends on all."""
    end, at_spikes, *_ = found = existing(run(dynamics, initial, Inputs(lengths, columns, sources)))
    leaves = jax.tree.leaves((end, at_spikes))
    return sum((leaf * jnp.cos(jnp.arange(leaf.size).reshape(leaf.shape))).sum() for leaf in leaves), found


def differentiated(run, dynamics, initial, inputs):
    function = jax.jit(jax.value_and_grad(partial(weighed, run), (1, 2, 3), has_aux=True))
    return function(dynamics, initial, *inputs)


def compare(found, expected):
    tolerance = 50 * float(jnp.finfo(jnp.zeros(()).dtype).eps)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, atol=tolerance * max(1.0, float(jnp.abs(other).max())))


@pytest.mark.parametrize("name", ["theta_neuron", pytest.param("qif", marks=pytest.mark.slow)])
def test_spikes_and_gradients(name, dtype, monkeypatch):
    # pieces of two compile longer: elsewhere and in the slow test
    monkeypatch.setattr(AbstractDynamics, "kept_every", 1 if name == "theta_neuron" else 2)
    given = layer(name)
    (_, found), gradients = differentiated(fused, *given)
    (_, expected), right = differentiated(plain, *given)
    np.testing.assert_array_equal(found[2], expected[2])
    np.testing.assert_array_equal(found[3], expected[3])
    # trials that overflow, with a spike or two, and without any
    counts = np.asarray(found[3])
    assert counts.max() > MOST
    assert (counts == 0).any() or name == "theta_neuron"
    compare((found, gradients), (expected, right))


def test_forward_mode(short_pieces):
    dynamics, initial, inputs = layer("theta_neuron")
    moves = jax.tree.map(jnp.ones_like, (initial, inputs.lengths, inputs.columns))

    def along(run):
        def value(*given):
            return weighed(run, dynamics, *given, inputs.sources)[0]

        return jax.jit(lambda: jax.jvp(value, (initial, inputs.lengths, inputs.columns), moves))()

    compare(along(fused), along(plain))


def test_derivatives_by_parameters(short_pieces):
    dynamics, initial, inputs = layer("theta_neuron")

    def gradient(run):
        return jax.jit(jax.grad(lambda dynamics: weighed(run, dynamics, initial, *inputs)[0]))(dynamics)

    compare(gradient(fused), gradient(plain))


@pytest.mark.slow
def test_trials_mapped_over(short_pieces):
    """By `jax.vmap` of the gradient, with weights of their own: as many gradients by the weights as trials."""
    dynamics, initial, inputs = layer("theta_neuron")
    strength = jnp.array([0.5, 1.0])

    def gradients(run):
        def of(strength):
            columns = {route: strength * column for route, column in inputs.columns.items()}
            given = dynamics, initial, inputs.lengths, columns, inputs.sources
            return jax.grad(lambda *given: weighed(run, *given)[0], (2, 3))(*given)

        return jax.jit(jax.vmap(of))(strength)

    compare(gradients(fused), gradients(plain))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lif", "qif_alpha"])
def test_neurons_of_other_classes(name, monkeypatch):
    """Those that are reset, and those solved by series."""
    monkeypatch.setattr(sys.modules[__name__], "MOST", 16)
    given = layer(name, 4)
    (_, found), gradients = differentiated(fused, *given)
    (_, expected), right = differentiated(plain, *given)
    assert 0 < np.asarray(found[3]).max() <= 16
    compare((found, gradients), (expected, right))


def test_no_second_derivatives():
    dynamics, initial, inputs = layer("theta_neuron", 2)

    def slope(lengths):
        given = dynamics, initial, lengths, inputs.columns, inputs.sources
        return jax.grad(lambda lengths: weighed(fused, *given[:2], lengths, *given[3:])[0])(lengths).sum()

    with pytest.raises(NotImplementedError, match="GPU kernel has no second derivatives: compute them on the CPU"):
        jax.eval_shape(jax.grad(slope), inputs.lengths)


@pytest.mark.parametrize(
    "name", ["theta_neuron", "qif", *(pytest.param(name, marks=pytest.mark.slow) for name in ("lif", "qif_alpha"))]
)
def test_lowered_for_a_gpu(name, dtype, abstract_gpu):
    given = layer(name)
    function = jax.jit(lambda *given: differentiated(partial(fused, interpret=False), *given))
    program = function.trace(*given).lower(lowering_platforms=("cuda",)).as_text()
    assert program.count("@__gpu$xla.gpu.triton") == 2  # there, and back
    assert ("f64" in program) == (dtype == "float64")


@pytest.mark.slow
@pytest.mark.parametrize(("platform", "kernels"), [("cuda", 4), ("cpu", 0)])
def test_a_network_chooses_by_platform(platform, kernels, monkeypatch, abstract_gpu):
    monkeypatch.setattr(layer_scan, "kernels_expected", lambda: True)
    jax.clear_caches()
    network = ss.FeedForward(neuron("qif"), (3, 4, 2), 4.0, key=jax.random.key(0))
    spikes = ss.Spikes(jnp.linspace(0, 3, 5), jnp.arange(5) % 3)

    def loss(weights):
        moved = eqx.tree_at(lambda network: network.raw_weights[0], network, weights)
        return simulate(moved, spikes, (Capacity(8, 2), Capacity(8, 2)))[0].first_spike_times().sum()

    traced = jax.jit(jax.grad(loss)).trace(network.raw_weights[0])
    program = traced.lower(lowering_platforms=(platform,)).as_text()
    jax.clear_caches()
    assert program.count("@__gpu$xla.gpu.triton") == kernels
