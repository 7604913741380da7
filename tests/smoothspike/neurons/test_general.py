"""Neurons that are integrated as they are declared, or run by formulas that their user gave."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import smoothspike as ss

pytestmark = pytest.mark.usefixtures("float64")
V = sp.Symbol("V", real=True)
tau, I_0 = sp.Symbol("tau", positive=True), sp.Symbol("I_0", real=True)


def spike_times(neuron, inputs):
    """Spike times as a function of the weights, and their derivatives by these."""
    size = len(inputs)

    def run(weights):
        net = ss.FeedForward(neuron, (size, 1), 5.0, weights=[weights[None]])
        return net(ss.Spikes(inputs, range(size)), capacity=12).ordinary_spike_times(4)[0]

    return eqx.filter_jit(lambda weights: (run(weights), jax.jacfwd(run)(weights)))


def leaky():
    wait = sp.Piecewise((tau * sp.log((I_0 - V) / (I_0 - 1)), I_0 > 1), (sp.oo, True))
    return ss.NeuronModel(
        "leaky", dynamics={V: (I_0 - V) / tau}, spike=ss.crosses(V, 1), reset={V: 0}, inputs=V,
        parameters={tau: 1.5, I_0: 1.2},
        solution=ss.Solution({V: I_0 + (V - I_0) * sp.exp(-ss.time / tau)}, wait),
    )  # fmt: skip


def steep():
    return ss.NeuronModel(
        "steep", dynamics={V: sp.exp(V) + 1}, spike=ss.at_infinity(V), reset={V: -1}, inputs=V,
        solution=ss.Solution({V: -sp.log((sp.exp(-V) + 1) * sp.exp(-ss.time) - 1)}, sp.log(1 + sp.exp(-V))),
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("declare", [leaky, steep])
def test_a_solution_in_a_network(declare):
    """It runs like the integration of the same equations, an input above the threshold included."""
    model, inputs = declare(), [0.4, 1.1, 2.3, 3.0]
    given = ss.Neuron(model, allow_discontinuous=True)
    assert given.derivation.closed_form
    weights = jnp.array([0.3, -0.4, 1.6, 0.2])
    times, slopes = spike_times(given, inputs)(weights)
    expected = spike_times(ss.Neuron(model, method="numeric", allow_discontinuous=True), inputs)(weights)
    assert np.isfinite(times).sum() >= 2
    np.testing.assert_allclose(times, expected[0], rtol=1e-11)
    np.testing.assert_allclose(slopes, expected[1], atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["linear", "numeric"])
def test_an_input_above_the_threshold_is_a_spike_at_once(method):
    neuron = ss.Neuron(ss.models.lif_delta(), method=method, allow_discontinuous=True)
    times, slopes = spike_times(neuron, [1.0, 2.0])(jnp.array([5.0, 0.5]))
    np.testing.assert_array_equal(times, [1.0, np.inf, np.inf, np.inf])
    np.testing.assert_array_equal(slopes, 0)


@pytest.mark.slow
def test_a_solver_of_diffrax_and_its_tolerances():
    """An EIF neuron by a method of order 5 that may err more comes close to the default, and is faster."""
    model, weights = ss.models.eif(), jnp.array([12.0, 9.0])
    exact, slopes = spike_times(ss.Neuron(model), [0.5, 1.5])(weights)
    neuron = ss.Neuron(model, solver=diffrax.Tsit5(), rtol=1e-7, atol=1e-9)
    assert "by Tsit5" in repr(neuron)
    found = spike_times(neuron, [0.5, 1.5])(weights)
    spiking = np.isfinite(exact)
    assert spiking.sum() >= 2
    np.testing.assert_allclose(found[0], exact, rtol=1e-6)
    np.testing.assert_allclose(found[1], slopes, atol=1e-5)
    assert (found[0] != exact)[spiking].any()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"solver": diffrax.Kvaerno5()}, TypeError, "must be an explicit Runge-Kutta method of diffrax"),
        ({"solver": diffrax.Dopri5}, TypeError, "must be an explicit Runge-Kutta method of diffrax"),
        ({"rtol": 0.0}, ValueError, "rtol must lie between 1e-14 and 1, not 0.0"),
        ({"atol": -1e-9}, ValueError, "atol must lie between 0 and 1, not -1e-09"),
    ],
)
def test_wrong_solvers_and_tolerances_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        ss.Neuron(ss.models.eif(), **options)


def test_a_solver_needs_a_neuron_that_is_integrated():
    with pytest.raises(ValueError, match=r"QIF is solved by .*'projective'.* pass method=\"numeric\" to integrate it"):
        ss.Neuron(ss.models.qif(), solver=diffrax.Dopri5(), rtol=1e-9)
    assert ss.Neuron(ss.models.qif(), method="numeric", rtol=1e-9).integration.rtol == 1e-9


def test_a_tolerance_below_the_rounding_of_the_precision_is_refused(float32):
    net = ss.FeedForward(ss.Neuron(ss.models.eif(), rtol=1e-9), (1, 1), 5.0, weights=[[[1.0]]])
    with pytest.raises(ValueError, match=r"rtol=1e-09 is below the rounding of float32"):
        net(ss.Spikes([0.5], [0]))


def test_an_initial_value_may_be_an_irrational_number():
    rest = "-log(2 + sqrt(3))"
    model = ss.NeuronModel.from_equations(
        "dV/dt = cosh(V) - 2 + I; dI/dt = -2*I",
        name="cosh",
        spike="V = oo",
        reset="V = -oo",
        inputs="I",
        initial={"V": rest},
    )
    neuron = ss.Neuron(model)
    np.testing.assert_allclose(neuron.initial(1)["V"], -np.arccosh(2.0), rtol=1e-15)
    net = ss.FeedForward(neuron, (1, 1), 2.0, weights=[[[1.0]]])
    assert jax.eval_shape(net.first_spike_times, ss.Spikes([1.0], [0])).shape == (1,)
