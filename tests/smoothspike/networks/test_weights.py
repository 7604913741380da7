"""Weights onto states with declared ranges: given, drawn and trained, they never lead out of them."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import sympy as sp

import smoothspike as ss
from smoothspike.numerics.positive import any_real, positive

T = 4.0
SPIKES = ss.Spikes([0.5, 1.0], [0, 1])
V, g, h = sp.symbols("V g h", real=True)
CONDUCTANCE = ss.Neuron(ss.models.lif_conductance(), allow_discontinuous=True)


def model(inputs, **bounds):
    return ss.NeuronModel(
        "two", dynamics={V: -V + g - h, g: -g, h: -h}, spike=ss.crosses(V, 1), reset={V: 0}, inputs=inputs,
        bounds={state: bounds[state.name] for state in (g, h) if state.name in bounds},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("inputs", "bounds", "sign"),
    [
        (g, {}, 0),
        (g, {"g": (0, sp.oo)}, 1),
        (g, {"g": (-sp.oo, 2)}, -1),
        (g, {"h": (0, sp.oo)}, 0),
        ({"x": ss.jump({g: g - 2 * ss.weight})}, {"g": (0, sp.oo)}, -1),
        ({"x": ss.jump({g: g + ss.weight, h: h + ss.weight / 3})}, {"g": (0, sp.oo), "h": (-1, sp.oo)}, 1),
        ({"x": ss.jump({g: g * sp.exp(ss.weight)})}, {"g": (0, sp.oo)}, 0),
    ],
)
def test_signs(inputs, bounds, sign):
    neuron = ss.Neuron(model(inputs, **bounds), allow_discontinuous=True)
    assert neuron.weight_sign(neuron.routes[0]) == sign


def test_an_input_that_leads_out_whatever_its_sign():
    neuron = ss.Neuron(model(g, g=(0, 1)), allow_discontinuous=True)
    with pytest.raises(ss.ModelError, match=r"route 'g' may leave the declared range of g in \(0, 1\), whatever"):
        neuron.weight_sign("g")


@pytest.mark.parametrize("number", [0.0, 1e-30, 1e-3, 0.7, 50.0])
def test_positive_numbers_come_back(number, dtype):
    value = jnp.asarray(number, dtype)
    np.testing.assert_allclose(positive(any_real(value)), value, rtol=1e-5 if dtype == "float32" else 1e-13)
    slope = jax.grad(lambda x: positive(any_real(x)))(value)
    np.testing.assert_allclose(slope, 1.0 if number else 0.0, rtol=1e-4)


def test_weights_read_as_given_and_wrong_ones_are_refused():
    given = np.array([[0.5, 0.0], [2.0, 0.25]])
    net = ss.FeedForward(CONDUCTANCE, (2, 2), T, weights=[given])
    np.testing.assert_allclose(net.weights[0]["g"], given, rtol=1e-14)
    message = r"layer 0: weights for g\[1, 0\] is -2.0, but weights must be at least 0 by the declared range"
    with pytest.raises(ValueError, match=message):
        ss.FeedForward(CONDUCTANCE, (2, 2), T, weights=[[[0.5, 0.0], [-2.0, 0.25]]])
    with pytest.raises(RuntimeError, match="layer 0: weights for g: weights must be at least 0"):
        jax.jit(lambda w: ss.FeedForward(CONDUCTANCE, (2, 2), T, weights=[w]).weights)(-given)
    lists = ss.Connections([[1, -1], [0, 1]], [[1.0, -9.0], [0.5, 2.0]])
    kept = ss.Recurrent(CONDUCTANCE, 2, 2, T, recurrent_weights=lists, input_weights=given).recurrent_weights
    np.testing.assert_allclose(kept.weights["g"], [[1.0, 0.0], [0.5, 2.0]], rtol=1e-14)
    with pytest.raises(ValueError, match=r"recurrent_weights: weights for g\[0, 0\] is -1"):
        ss.Recurrent(
            CONDUCTANCE, 2, 2, T, recurrent_weights=ss.Connections([[1], [0]], [[-1.0], [2.0]]), input_weights=given
        )


def test_where_nothing_is_bounded_nothing_is_changed():
    weights = [jnp.array([[0.5, -0.25]])]
    net = ss.FeedForward(ss.Neuron(ss.models.qif()), (2, 1), T, weights=weights)
    assert net.weights is net.raw_weights
    changed = eqx.tree_at(lambda net: net.weights[0]["I"], net, 2 * weights[0])
    np.testing.assert_array_equal(changed.weights[0]["I"], [[1.0, -0.5]])


@pytest.mark.slow
def test_drawn_weights_lie_inside(key):
    net = ss.Recurrent(CONDUCTANCE, 20, 30, T, key=key)
    for weights in jax.tree.leaves((net.recurrent_weights, net.input_weights)):
        assert (np.asarray(weights) > 0).all()


@pytest.mark.slow
def test_training_does_not_leave_the_bounds():
    """Against weights that would have to be negative, with steps that would make them so at once."""
    net = ss.FeedForward(CONDUCTANCE, (2, 1), T, weights=[[[0.5, 0.25]]])
    optimizer = optax.sgd(3.0)
    params, static = eqx.partition(net, eqx.is_inexact_array)
    state = optimizer.init(params)

    @jax.jit
    @jax.value_and_grad
    def conductance(params):
        # the larger, the more an input opens it: the minimum lies at minus infinity, but for the bounds
        return eqx.combine(params, static)(SPIKES).states_at(jnp.array([2.0]))["g"].sum()

    values = []
    for _ in range(20):
        value, gradient = conductance(params)
        updates, state = optimizer.update(gradient, state)
        params = optax.apply_updates(params, updates)
        values.append(float(value))
    weights = np.asarray(eqx.combine(params, static).weights[0]["g"])
    assert (weights > 0).all()
    assert (weights < [0.25, 0.125]).all()
    assert values == sorted(values, reverse=True)


def test_initial_values_lie_inside():
    net = ss.FeedForward(CONDUCTANCE, (2, 1), T, weights=[[[0.5, 0.25]]])
    for wrong in (-0.5, np.nan):
        with pytest.raises(ValueError, match=r"initial g: a value is not a number, or not in the range of g"):
            net(SPIKES, initial=[{"g": wrong}])


@pytest.mark.parametrize(("neuron", "route"), [(ss.Neuron(ss.models.qif_delta()), "V"), (CONDUCTANCE, "g")])
def test_one_compilation_serves_a_training(neuron, route):
    """jnp.full(shape, 0.1) has a weak type, which the first step of an optimiser ends."""
    net = ss.FeedForward(neuron, (2, 1), T, weights=[{route: jnp.full((1, 2), 0.1)}], delays=[jnp.full((1, 2), 0.1)])
    optimizer, traces = optax.adam(0.01), []

    @jax.jit
    def step(net, state):
        traces.append(net)
        updates, state = optimizer.update(net, state)
        return optax.apply_updates(net, updates), state

    state = optimizer.init(net)
    for _ in range(3):
        net, state = step(net, state)
    assert len(traces) == 1
