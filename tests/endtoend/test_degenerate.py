"""Gradients are finite at every degenerate point: single and double precision, forwards and backwards, under vmap."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from lazy import Lazy

import smoothspike as ss

T, CHANNELS, CAPACITY, COUNT = 4.0, 4, 128, 4
INF = np.inf

MODELS = {"QIF": ss.models.qif(), "QIF (delta)": ss.models.qif_delta(), "theta": ss.models.theta_neuron()}
NEURONS = Lazy(lambda name: ss.Neuron(MODELS[name]), MODELS)
# Forward and reverse derivatives of the same linearisation, relative to the largest, differ by rounding.
TRANSPOSED = {"float32": 1e-4, "float64": 1e-13}
# Spike times have continuous derivatives, so a rounding error in the start changes these by rounding errors.
SMOOTH = 1e-11
QUIET = [0.5, 0.5, -0.3, 0.2]
SPREAD = [0.5, 1.0, 2.0, 3.0]

# Input times, weights, and the initial potential V, for a theta neuron tan(theta / 2). CROSSING stands for the
# potential from which the neuron spikes at time 1 if nothing else happens, LEAVING for that from which it spikes at T.
CROSSING, LEAVING = "crossing", "leaving"
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
    "a spike at an input time": ([1.0, 2.0, 3.0, INF], [1.0, -1.0, 0.0, 0.0], CROSSING),
    "a spike at two input times": ([1.0, 1.0, INF, INF], [1.0, 2.0, 0.0, 0.0], CROSSING),
    "a spike at the trial end": ([INF] * 4, [1.0, 1.0, 0.0, 0.0], LEAVING),
    "a spike and an input at the trial end": ([T, T, INF, INF], [1.0, -1.0, 0.0, 0.0], LEAVING),
}


def spiking_at(neuron, time):
    """The potential from which a neuron without input spikes at a given time."""
    return 1 / np.tan(time) if neuron.model.variable.name == "theta" else 1 / -np.expm1(-time)


def stacked(neuron):
    """All degenerate points of a neuron, and those whose start is a rounding error off."""
    known = {CROSSING: spiking_at(neuron, 1.0), LEAVING: spiking_at(neuron, T)}
    points, unit = {}, float(jnp.finfo(jnp.zeros(()).dtype).eps)
    for name, (times, weights, start) in POINTS.items():
        points[name] = times, weights, known.get(start, start)
        if start in known:
            for side, change in (("before", unit), ("after", -unit)):
                points[f"{name}, just {side}"] = times, weights, known[start] * (1 + change)
    times, weights, starts = (np.array(part, float) for part in zip(*points.values(), strict=True))
    starts = 2 * np.arctan(starts) if neuron.model.variable.name == "theta" else starts
    return list(points), tuple(map(jnp.asarray, (times, weights, starts)))


def layered(neuron, sizes=(CHANNELS, 2, 1), duration=T):
    """The network as a function; the second neuron of the first layer receives nothing, the third sees the first."""
    later = [
        np.linspace(1, 2, before * after).reshape(after, before) for before, after in itertools.pairwise(sizes[1:])
    ]
    variable = neuron.model.variable.name

    def run(times, weights, start):
        first = jnp.stack([weights, jnp.zeros_like(weights)])
        net = ss.FeedForward(neuron, sizes, duration, weights=[first, *later])
        initial = [{variable: start}] * (len(sizes) - 1)
        record = net(ss.Spikes(times, jnp.arange(CHANNELS)), initial=initial, capacity=CAPACITY)
        ordinary = [jnp.where(spikes.is_spike, spikes.times, 0.0) for spikes in record.spikes]
        return [*ordinary, record.spike_times(COUNT)]

    return run


def single(neuron):
    return layered(neuron, (CHANNELS, 2))


def recurrent(neuron):
    weights = np.array([[0.0, 1.0, 0.5], [-1.0, 0.0, 0.0], [0.0, 2.0, 0.5]])
    variable = neuron.model.variable.name

    def run(times, inputs, start):
        """Neurons 0 and 1 are the same, so their spikes are simultaneous until one has acted on the other."""
        rows = jnp.stack([inputs, inputs, jnp.zeros_like(inputs)])
        net = ss.Recurrent(neuron, 3, CHANNELS, T, recurrent_weights=weights, input_weights=rows)
        initial = {variable: jnp.stack([start, start, jnp.zeros_like(start)])}
        record = net(ss.Spikes(times, jnp.arange(CHANNELS)), initial=initial, capacity=CAPACITY)
        ordinary = jnp.where(record.spikes[0].is_spike, record.spikes[0].times, 0.0)
        return [ordinary, record.spike_times(COUNT)]

    return run


def with_jacobians(run, points):
    """Values and Jacobians, forwards and backwards, of every point, in one compiled call."""

    def each(*point):
        flat, restore = ravel_pytree(point)
        value, push = jax.linearize(lambda flat: ravel_pytree(run(*restore(flat)))[0], flat)
        pull = jax.linear_transpose(push, flat)
        return value, jax.vmap(push)(jnp.eye(flat.size)).T, jax.vmap(pull)(jnp.eye(value.size))[0]

    return map(np.asarray, eqx.filter_jit(jax.vmap(each))(*points))


def assert_finite(names, *arrays):
    for array in arrays:
        assert [name for name, entry in zip(names, array, strict=True) if not np.isfinite(entry).all()] == []


def cases():
    """By default single neurons; networks compile for long."""
    networks = (
        ("QIF", layered),
        ("QIF", recurrent),
        *((n, f) for n in ("QIF (delta)", "theta") for f in (single, recurrent)),
    )
    for (name, network), dtype in itertools.product(networks, ("float32", "float64")):
        is_quick = network is single
        yield pytest.param(name, network, dtype, marks=() if is_quick else pytest.mark.slow)


@pytest.mark.parametrize(("name", "network", "dtype"), list(cases()), indirect=["dtype"])
def test_gradients_are_finite(name, network, dtype):
    names, points = stacked(NEURONS[name])
    value, forward, reverse = with_jacobians(network(NEURONS[name]), points)
    assert value.dtype == dtype
    assert_finite(names, value, forward, reverse)
    size = np.maximum(np.abs(forward).max(axis=(1, 2), keepdims=True), 1)
    np.testing.assert_allclose(forward / size, reverse / size, atol=TRANSPOSED[dtype])
    if network is single and dtype == "float64":
        for exactly in POINTS:
            for side in ("before", "after"):
                if f"{exactly}, just {side}" in names:
                    here, there = names.index(exactly), names.index(f"{exactly}, just {side}")
                    # spike times alone: what comes before the last entries is an order of spikes
                    np.testing.assert_allclose(forward[here, -2 * COUNT :], forward[there, -2 * COUNT :], atol=SMOOTH)


def test_gradients_are_finite_in_long_trials(float32):
    """The sensitivity to a start on the separatrix is exp(duration): in a longer trial it exceeds single precision."""
    names, points = stacked(NEURONS["QIF"])
    run = layered(NEURONS["QIF"], (CHANNELS, 2), 60.0)
    assert_finite(names, *with_jacobians(run, points))


@pytest.mark.slow
@pytest.mark.parametrize("build", [jax.jacfwd, jax.jacrev])
def test_derivatives_by_trained_parameters_are_finite(build, float64):
    neuron = ss.Neuron(ss.models.qif(), trainable=("tau_m",))
    names, points = stacked(neuron)
    run = jax.vmap(lambda neuron, *point: single(neuron)(*point)[-1], (None, 0, 0, 0))
    assert_finite(names, eqx.filter_jit(build(run))(neuron, *points).unconstrained["tau_m"])


def test_a_ray_that_rounding_loses_is_refused(float32):
    """At rest on the unstable point for so long that rounding leaves nothing of the ray: an error, no made-up spike."""
    net = ss.FeedForward(ss.Neuron(ss.models.qif_delta()), (1, 1), 60.0, weights=[jnp.zeros((1, 1))])
    with pytest.raises(RuntimeError, match="gave up"):
        net(ss.Spikes([1.0], [0]), initial=[{"V": 1.0}], capacity=4)
