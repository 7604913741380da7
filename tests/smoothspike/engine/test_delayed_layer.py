"""Layers with delays: against layers without them and inputs that come later, and against differences."""

from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import library

import smoothspike as ss

T, SIZES, INPUTS, ROOM = 6.0, (3, 4, 2), 8, 16
NAMES = ("qif", "qif_delta", "lif")
NEURON = library(NAMES)

pytestmark = pytest.mark.usefixtures("float64")


def only(quick):
    """One of the neurons by default; the others compile as long again."""
    return [pytest.param(name, marks=() if name == quick else pytest.mark.slow) for name in NAMES]


def drawn(name, seed=3):
    generator, scale = np.random.default_rng(seed), 0.4 if name == "lif" else 1.0
    weights = [scale * generator.uniform(1, 6, (after, before)) for before, after in pairwise(SIZES)]
    spikes = ss.Spikes(np.sort(generator.uniform(0, 0.6 * T, INPUTS)), generator.integers(0, SIZES[0], INPUTS))
    return weights, spikes


def network(name, weights, delays):
    return ss.FeedForward(NEURON[name], SIZES, T, weights=weights, delays=delays)


def different(seed=4):
    generator = np.random.default_rng(seed)
    return [generator.uniform(0.05, 1.5, shape) for shape in zip(SIZES[1:], SIZES[:-1], strict=True)]


@eqx.filter_jit
def value_and_gradient(net, spikes):
    """Every third number of each neuron's spike times, pseudospikes included, and states."""

    def total(both):
        record = both[0](ss.Spikes(both[1], spikes.sources), capacity=ROOM)
        found = jnp.concatenate([record.spike_times(4, layer).ravel() for layer in range(2)])
        states = jnp.tanh(record.states_at(jnp.array([2.0, 5.5]), 0)["V"]).ravel()
        found = jnp.concatenate([found, states])
        return found @ jnp.cos(jnp.arange(found.size)), found

    return eqx.filter_value_and_grad(total, has_aux=True)((net, spikes.times))


@pytest.mark.slow
@pytest.mark.parametrize("name", only("lif"))
def test_one_delay_for_all_is_a_shift_of_the_inputs(name):
    weights, spikes = drawn(name)
    shifted = ss.Spikes(spikes.times + 0.5, spikes.sources)
    ((_, expected), exact) = value_and_gradient(network(name, weights, None), shifted)
    ((_, found), gradient) = value_and_gradient(network(name, weights, [0.5, np.zeros((2, 1))]), spikes)
    assert (expected[: 4 * SIZES[1]] < T).sum() > 3
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(gradient[1], exact[1], rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(gradient[0].delays[0], exact[1].sum(), rtol=1e-11)
    for of, exactly in zip(gradient[0].weights, exact[0].weights, strict=True):
        for route, each in of.weights.items():
            np.testing.assert_allclose(each, exactly[route], rtol=1e-11, atol=1e-11)


@pytest.mark.slow
@pytest.mark.parametrize("name", only("qif"))
def test_every_neuron_has_arrivals_of_its_own(name):
    """Each neuron is one that is alone and whose every channel is shifted by its delay."""
    weights, spikes = drawn(name)
    delays = different()
    found = network(name, weights, delays)(spikes).spike_times(3, 0)
    for index in range(SIZES[1]):
        came = np.asarray(spikes.times) + delays[0][index, np.asarray(spikes.sources)]
        alone = ss.FeedForward(NEURON[name], (SIZES[0], 1), T, weights=[weights[0][index : index + 1]])
        expected = alone(ss.Spikes(came, spikes.sources)).spike_times(3)[0]
        inside = np.asarray(expected) < T
        np.testing.assert_allclose(found[index][inside], expected[inside], rtol=1e-12)
        assert (np.asarray(found[index][~inside]) >= T).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", only("qif"))
def test_gradients_are_those_of_differences(name):
    """Of weights, delays and input times, in both modes, with several spikes of every neuron."""
    weights, spikes = drawn(name)
    report = ss.check_gradients(network(name, weights, different()), spikes, count=3, entries=6)
    assert {"raw_weights[0].delays", "raw_weights[1].delays", "input times"} <= {row.name for row in report.rows}
    assert all(row.largest_gradient > 1e-3 for row in report.rows if "delays" in row.name)
    assert report.largest_error < 1e-5
    assert report.reverse_error < 1e-10


@pytest.mark.slow
def test_parameters_of_every_neuron():
    """Neurons that differ are sliced with their arrivals."""
    weights, spikes = drawn("qif")
    neurons = [ss.Neuron(ss.models.qif_delta(tau_m=tau_m)) for tau_m in ((1.0, 2.0, 0.5, 1.5), 1.0)]
    plain, late = (
        ss.FeedForward(neurons, SIZES, T, weights=weights, delays=delays)(spikes)
        for delays in (None, [np.zeros(SIZES[1::-1]), 0.0])
    )
    np.testing.assert_allclose(late.spike_times(3), plain.spike_times(3), rtol=1e-12)


@pytest.mark.slow
def test_more_spikes_than_there_is_room_for():
    weights, spikes = drawn("qif")
    net = ss.FeedForward(NEURON["qif"], SIZES, T, weights=weights, delays=different())
    found, expected = (net(spikes, capacity=capacity).spikes[-1] for capacity in (2, ROOM))
    assert found.num_events == expected.num_events > 2
    times = np.asarray(found.times)
    np.testing.assert_allclose(times[np.isfinite(times)], expected.times[: found.num_events], rtol=1e-12)
    with pytest.raises(Exception, match="its capacity is 2"):
        jax.block_until_ready(
            jax.jit(lambda times: net(ss.Spikes(times, spikes.sources), capacity=2).spike_times(1))(spikes.times)
        )


@pytest.mark.slow
@pytest.mark.parametrize("is_late", [False, True])
def test_lists_are_like_matrices(is_late):
    """Sparse layers, without delays and with a delay for each connection: the same numbers and gradients."""
    weights, spikes = drawn("qif")
    delays = different() if is_late else [None, None]
    rows = [np.broadcast_to(np.arange(len(each)), each.shape[::-1]) for each in weights]
    lists = [
        ss.Connections(targets, each.T, None if late is None else late.T)
        for targets, each, late in zip(rows, weights, delays, strict=True)
    ]
    dense, sparse = network("qif", weights, delays), network("qif", lists, None)
    (((_, expected), exact), ((_, found), gradient)) = (value_and_gradient(net, spikes) for net in (dense, sparse))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(gradient[1], exact[1], rtol=1e-10, atol=1e-11)
    for of, exactly in zip(gradient[0].weights, exact[0].weights, strict=True):
        np.testing.assert_allclose(of["I"].T, exactly["I"], rtol=1e-10, atol=1e-11)
        if is_late:
            np.testing.assert_allclose(of.delays.T, exactly.delays, rtol=1e-10, atol=1e-11)
