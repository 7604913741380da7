"""Readouts: declared without a spike rule, never verified, with a flow that solves the declared equations."""

import pytest
import sympy as sp

from symbolic import DerivationError, ModelError, NeuronModel, at_infinity, derive, time, verify

V, I, J = sp.symbols("V I J", real=True)
tau_m, tau_s, E = sp.symbols("tau_m tau_s E", positive=True)
VALUES = {tau_m: 1, tau_s: sp.Rational(1, 2)}
LEAKY = {V: (I - V) / tau_m, I: -I / tau_s}


def readout(dynamics, inputs=I, parameters=VALUES, **others):
    return NeuronModel("LI", dynamics=dynamics, inputs=inputs, parameters=parameters, **others)


def test_symbols_and_text_declare_the_same_readout():
    text = NeuronModel.from_equations(
        "dV/dt = (I - V)/tau_m; dI/dt = -I/tau_s", name="LI", inputs="I", parameters={"tau_m": 1, "tau_s": 0.5}
    )
    assert readout(LEAKY) == text
    assert text.is_readout
    assert text.variable == V
    assert "no spikes: a readout of V" in repr(text)
    assert "spike" not in text._repr_latex_()
    assert text.with_parameters(tau_s=2).values[tau_s] == 2


@pytest.mark.parametrize(
    ("dynamics", "inputs"),
    [
        (LEAKY, I),
        ({V: (I - V) / tau_m, I: (J - I) / tau_s, J: -J / tau_s}, J),
        ({V: -V / tau_m}, V),
        ({V: I, I: J, J: sp.Integer(0)}, J),
        ({V: (I - V) / tau_m + E, I: -I / tau_m + J + 1, J: -J / tau_m}, J),
    ],
    ids=["leaky", "alpha", "delta", "integrators", "one rate and constants"],
)
def test_the_flow_solves_the_equations(dynamics, inputs):
    derivation = derive(readout(dynamics, inputs, VALUES | {E: 1}))
    flow = derivation.flow
    assert (derivation.method, derivation.closed_form, derivation.time_to_spike) == ("linear", True, None)
    for state, rate in dynamics.items():
        assert sp.simplify(sp.diff(flow[state], time) - rate.subs(dict(flow), simultaneous=True)) == 0
        assert sp.simplify(flow[state].subs(time, 0) - state) == 0


def test_the_flow_is_continued_through_equal_time_constants():
    assert "at tau_s = tau_m" in str(derive(readout(LEAKY)))


def test_states_in_a_circle_have_no_formula():
    derivation = derive(readout({V: I - V, I: -V}))
    assert derivation.flow is None
    assert "some states drive one another" in derivation.reason


def test_a_readout_has_no_certificate_and_says_so():
    with pytest.raises(ModelError, match="LI is a readout: it has no spike rule, hence no spikes"):
        verify(readout(LEAKY))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dynamics": {V: V**2 + I, I: -I}}, r"no spike rule; pass spike=.*whose equations must be linear, but dV/dt"),
        ({"reset": {V: 0}}, "a reset, but no spike rule"),
        ({"inputs": None}, "no inputs"),
        ({"dynamics": {V: I - V, I: -I * V}}, r"but dI/dt = -I\*V is not"),
    ],
)
def test_what_is_no_readout_is_refused(changes, message):
    with pytest.raises(ModelError, match=message):
        NeuronModel("LI", **({"dynamics": LEAKY, "inputs": I, "parameters": VALUES} | changes))


def test_other_methods_and_other_inputs_are_refused():
    with pytest.raises(DerivationError, match="leave out method='numeric', or pass 'linear'"):
        derive(readout(LEAKY), method="numeric")
    with pytest.raises(ModelError, match="no reset of the spiking variable"):
        readout(LEAKY, spike=at_infinity(V))
