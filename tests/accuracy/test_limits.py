"""Points where a formula might divide by zero or change its branch, from both sides, against the oracle."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from oracles import derivatives, oracle
from reference import simulate_single

import smoothspike as ss
import symbolic

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("float64")]

DURATION, COUNT = 6.0, 4
TIMES, GRADIENTS = 1e-12, 1e-8
INPUTS, WEIGHTS = [0.3, 1.0, 2.5], [9.0, -2.0, 8.0]
OFFSETS = [sign * 10.0**-power for power in (2, 4, 6, 8, 10, 12) for sign in (1, -1)] + [0.0]

V, I, I_0, k = sp.symbols("V I I_0 k", real=True)
tau_s = sp.Symbol("tau_s", positive=True)


def spike_times(neuron, weights=None, inputs=None):
    """Ordinary spike times, and how many there are."""
    weights = jnp.asarray(WEIGHTS if weights is None else weights)
    inputs = jnp.asarray(INPUTS if inputs is None else inputs)
    net = ss.FeedForward(neuron, (len(weights), 1), DURATION, weights=[weights[None]])
    record = net(ss.Spikes(inputs, jnp.arange(len(weights))), capacity=32)
    return record.ordinary_spike_times(COUNT)[0]


def values_and_gradients(neuron, name, values, positive):
    """Spike times at many values of a parameter, and their derivatives by it and by the first weight."""

    def each(value):
        def run(value, first):
            raw = {name: jnp.log(value) if positive else value}
            weights = jnp.concatenate([first[None], jnp.asarray(WEIGHTS[1:])])
            return spike_times(eqx.tree_at(lambda n: n.unconstrained, neuron, raw), weights)

        arguments = (value, jnp.asarray(WEIGHTS[0]))
        return run(*arguments), jax.jacfwd(run, (0, 1))(*arguments)

    return eqx.filter_jit(jax.vmap(each))(jnp.asarray(values))


def expected(model, name, value, weight=WEIGHTS[0]):
    declared = oracle(model.with_parameters(**{name: sp.Rational(int(value * 2**200), 2**200)}))
    return simulate_single(declared, INPUTS, [weight, *WEIGHTS[1:]], DURATION)[0]


@pytest.mark.parametrize("build", [ss.models.qif, ss.models.lif])
@pytest.mark.parametrize("limit", [1.0, 0.5])
def test_ratios_of_time_constants(build, limit, figures):
    """The closed forms at tau_s = tau_m and tau_s = tau_m / 2 are no special places."""
    model = build()
    neuron = ss.Neuron(model, trainable=("tau_s",), allow_discontinuous=True)
    values = [limit + offset for offset in OFFSETS]
    _check_sweep(model, neuron, "tau_s", values, True, figures)


@pytest.mark.parametrize("limit", [0.0, 0.25])
def test_a_drive_through_zero_and_through_the_rheobase(limit, figures):
    """The user's own declaration; the neuron fires by itself above a drive of 1/4."""
    model = ss.NeuronModel(
        "driven", dynamics={V: V * (V - 1) + I + I_0, I: -I / tau_s}, spike=ss.at_infinity(V), reset={V: -sp.oo},
        inputs=I, parameters={tau_s: 0.7, I_0: 0.1},
    )  # fmt: skip
    neuron = ss.Neuron(model, trainable=("I_0",))
    _check_sweep(model, neuron, "I_0", [limit + offset for offset in OFFSETS], False, figures)


def test_a_leak_through_zero(figures):
    """A closed form that needs a leak is not used where the leak is trained."""
    model = ss.NeuronModel(
        "leaky", dynamics={V: -k * V + I, I: -I}, spike=ss.crosses(V, 1), reset={V: 0}, inputs=I, parameters={k: 0.5}
    )
    assert symbolic.derive(model).flow is not None
    neuron = ss.Neuron(model, trainable=("k",), allow_discontinuous=True)
    assert "k is trainable" in neuron.derivation.attempts[0].reason
    _check_sweep(model, neuron, "k", OFFSETS, False, figures)


def _check_sweep(model, neuron, name, values, positive, figures):
    times, (by_parameter, by_weight) = map(jax.device_get, values_and_gradients(neuron, name, values, positive))
    worst, slopes = 0.0, 0.0
    for found, value in zip(times, values, strict=True):
        exact = [float(time) for time in expected(model, name, value)][:COUNT]
        assert np.isfinite(found).sum() == len(exact) > 0
        worst = max(worst, np.abs(found[: len(exact)] / exact - 1).max())
    for index in (0, len(values) - 1):
        slope, change, value = by_parameter[index], by_weight[index], values[index]
        point, declared = [value, WEIGHTS[0]], oracle(model)
        for direction, columns in enumerate((slope, change)):
            exact = derivatives(declared, lambda p: expected(model, name, *p)[:COUNT], point, direction)
            errors = [abs(f - float(e)) / max(1, abs(float(e))) for f, e in zip(columns, exact, strict=False)]
            slopes = max(slopes, *errors)
    np.testing.assert_allclose(by_parameter[-3:-1], by_parameter[-1:].repeat(2, 0), rtol=1e-7, atol=1e-7)
    figures(f"{model.name}, {name} about {values[-1]}: spike times {worst:.0e}, gradients {slopes:.0e}")
    assert worst <= TIMES
    assert slopes <= GRADIENTS


@pytest.mark.parametrize(
    ("model", "options"),
    [
        (ss.models.qif(tau_s=0.05), {}),
        (ss.models.qif_alpha(), {}),
        (ss.models.lif_alpha(), {}),
        (ss.models.qif(), {"method": "numeric"}),
    ],
    ids=["qif", "qif_alpha", "lif_alpha", "numeric"],
)
def test_weights_of_zero_and_inputs_at_once(model, options):
    """Derivatives by weights that are zero are those of the oracle, also of inputs at equal times."""
    weights, inputs = [0.0, 0.0, 60.0, 0.0], [0.4, 0.4, 1.0, 1.0]
    neuron = ss.Neuron(model, allow_discontinuous=True, **options)

    def first(weights):
        return spike_times(neuron, weights, inputs)[0]

    time, gradient = jax.jit(jax.value_and_grad(first))(jnp.asarray(weights))
    declared = oracle(model)

    def run(point):
        return simulate_single(declared, inputs, point, DURATION)[0][:1]

    assert float(time) == pytest.approx(float(run(weights)[0]), rel=TIMES)
    exact = [float(derivatives(declared, run, weights, index)[0]) for index in range(4)]
    np.testing.assert_allclose(gradient, exact, rtol=1e-8, atol=1e-9)
