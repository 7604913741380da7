"""Gradients are finite at every degenerate point: single and double precision, forwards and backwards, under vmap."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import smoothspike as ss
from jax.flatten_util import ravel_pytree

T, CHANNELS, CAPACITY, COUNT = 4.0, 4, 128, 4
INF = np.inf

NEURONS = {
    "QIF": ss.Neuron(ss.models.qif()),
    "QIF (delta)": ss.Neuron(ss.models.qif_delta()),
    "theta": ss.Neuron(ss.models.theta_neuron()),
}
QUIET = [0.5, 0.5, -0.3, 0.2]
SPREAD = [0.5, 1.0, 2.0, 3.0]

# Input times, weights, and the initial value of the spiking variable (V or theta). One spike of the neuron comes at
# exactly time 1: V' = V (V - 1) without current takes log(V / (V - 1)) from V > 1, V' = V**2 + 1 takes pi / 4 from 1.
POINTS = {
    "nothing special": (SPREAD, [3.0, -1.0, 2.0, 0.5], 0.1),
    "a weight of zero": (SPREAD, [0.0, 3.0, 0.0, -1.0], 0.1),
    "all weights zero": (SPREAD, [0.0] * 4, 0.0),
    "equal input times": ([1.0, 1.0, 1.0, 1.0], [3.0, -1.0, 2.0, 0.0], 0.1),
    "inputs that cancel": ([1.0, 1.0, 2.0, 2.0], [3.0, -3.0, -2.0, 2.0], 0.0),
    "no input": ([INF] * 4, [3.0, -1.0, 2.0, 0.5], 0.1),
    "an input at the start": ([0.0, 0.0, 1.0, INF], [3.0, 1.0, 2.0, 0.5], 0.1),
    "an input at the trial end": ([1.0, T, T, 2 * T], [3.0, 1.0, 2.0, 0.5], 0.1),
    "on the separatrix": (SPREAD, QUIET, 1.0),
    "at rest": (SPREAD, [0.0, 3.0, 0.0, 3.0], 0.0),
    "a strong input": (SPREAD, [1e4, -1e4, 1e4, 1.0], 0.1),
    "a huge potential": (SPREAD, QUIET, 1e6),
    "a hugely negative potential": (SPREAD, QUIET, -1e6),
}


def angle(neuron, potential):
    """The initial value of the spiking variable at a potential."""
    return 2 * np.arctan(potential) if neuron.model.variable.name == "theta" else potential


def feed_forward(neuron, capacity=CAPACITY):
    net = ss.FeedForward(neuron, (CHANNELS, 2, 2), T, weights=[np.zeros((2, CHANNELS)), [[1.0, -1.0], [0.0, 2.0]]])
    variable = neuron.model.variable.name

    def run(times, weights, start):
        both = jnp.stack([weights, jnp.zeros_like(weights)])
        changed = eqx.tree_at(lambda n: n.weights[0], net, {neuron.routes[0]: both})
        initial = [{variable: jnp.stack([start, start])}, {variable: start}]
        record = changed(ss.Spikes(times, jnp.arange(CHANNELS)), initial=initial, capacity=capacity)
        ordinary = [jnp.where(spikes.is_spike, spikes.times, 0.0) for spikes in record.spikes]
        return [*ordinary, record.spike_times(COUNT, layer=0), record.spike_times(COUNT), record.pseudo_rates()]

    return run


def recurrent(neuron, capacity=CAPACITY):
    weights = np.array([[0.0, 1.0, 0.5], [-1.0, 0.0, 0.0], [0.0, 2.0, 0.5]])
    variable = neuron.model.variable.name

    def run(times, inputs, start):
        """Neurons 0 and 1 are the same, so their spikes are simultaneous until one has acted on the other."""
        rows = jnp.stack([inputs, inputs, jnp.zeros_like(inputs)])
        net = ss.Recurrent(neuron, 3, CHANNELS, T, recurrent_weights=weights, input_weights=rows)
        initial = {variable: jnp.stack([start, start, jnp.zeros_like(start)])}
        record = net(ss.Spikes(times, jnp.arange(CHANNELS)), initial=initial, capacity=capacity)
        ordinary = jnp.where(record.spikes[0].is_spike, record.spikes[0].times, 0.0)
        return [ordinary, record.spike_times(COUNT), record.pseudo_rates()]

    return run


def flattened(run):
    return lambda times, weights, start: ravel_pytree(run(times, weights, start))[0]


def stacked(neuron, points):
    times, weights, starts = (np.array(part, float) for part in zip(*points, strict=True))
    return tuple(map(jnp.asarray, (times, weights, angle(neuron, starts))))


def assert_finite(outcome, names):
    """Every output and derivative, one degenerate point after the other."""
    for leaf in jax.tree.leaves(outcome):
        array = np.asarray(leaf)
        wrong = [name for name, entry in zip(names, array, strict=True) if not np.isfinite(entry).all()]
        assert not wrong


def derivatives(run, points, backwards=True):
    """Values and Jacobians both ways under vmap, in one compiled call."""

    def all_of(*point):
        value = run(*point)
        forward = jax.jacfwd(run, (0, 1, 2))(*point)
        return value, forward, jax.jacrev(run, (0, 1, 2))(*point) if backwards else forward

    return eqx.filter_jit(jax.vmap(all_of))(*points)


@pytest.mark.parametrize("network", [feed_forward, recurrent])
@pytest.mark.parametrize("name", NEURONS)
def test_gradients_are_finite(name, network, dtype):
    neuron = NEURONS[name]
    points = stacked(neuron, POINTS.values())
    value, forward, reverse = derivatives(flattened(network(neuron)), points)
    assert value.dtype == dtype
    assert_finite((value, forward, reverse), POINTS)
    tolerance = {"float32": 1e-2, "float64": 1e-9}[dtype]
    for one, other in zip(forward, reverse, strict=True):
        size = np.maximum(np.abs(one).max(axis=1, keepdims=True), 1)
        np.testing.assert_allclose(one / size, other / size, atol=tolerance)
