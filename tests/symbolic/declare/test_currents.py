"""Currents that are given at run time, as they are declared: in symbols and in text, printed, saved and refused."""

import pickle

import pytest
import sympy as sp

from symbolic import ModelError, NeuronModel, Solution, at_infinity, crosses, time, verify
from symbolic.declare import driven_by, rate_of, with_any_currents, without_currents
from symbolic.declare.storage import from_json, to_json

V, w, E, J = sp.symbols("V w I_ext J_ext", real=True)
tau = sp.Symbol("tau", positive=True)


def declared(**changes):
    parts = {
        "dynamics": {V: (V**2 + E) / tau}, "spike": at_infinity(V), "reset": {V: -sp.oo}, "inputs": V,
        "parameters": {tau: 2}, "currents": E, "bounds": {E: (-1, sp.oo)},
    }  # fmt: skip
    return NeuronModel("driven", **(parts | changes))


def test_text_and_symbols_say_the_same():
    text = NeuronModel.from_equations(
        "dV/dt = (V**2 + I_ext)/tau", name="driven", spike="V = oo", reset="V = -oo", inputs="V",
        parameters={"tau": 2}, currents="I_ext", bounds={"I_ext": (-1, "oo")},
    )  # fmt: skip
    assert text == declared()
    assert hash(text) == hash(declared())
    assert text != declared(bounds={})
    two = NeuronModel.from_equations(
        "dV/dt = V**2 + I_ext*V + J_ext", name="two", spike="V = oo", reset="V = -oo", inputs="V",
        currents="I_ext, J_ext",
    )  # fmt: skip
    assert two.currents == (E, J)


def test_it_is_neither_a_state_nor_a_parameter_and_is_kept():
    model = declared()
    assert model.states == (V,)
    assert tuple(model.parameters) == (tau,)
    changed = model.with_parameters(tau=3).with_initial(V=-1)
    assert changed.currents == (E,)
    assert changed.range_of(E) == sp.Interval(-1, sp.oo)
    assert pickle.loads(pickle.dumps(model)) == model
    assert from_json(to_json(model)) == model


def test_it_is_shown():
    assert "current I_ext: given at run time" in repr(declared())
    assert r"\text{currents} &: I_{ext} = I_{ext}(t)" in declared()._repr_latex_()
    assert "current" not in repr(without_currents(declared()))
    certificate = verify(declared())
    assert certificate.model == declared()
    assert certificate.to_dict()["currents"] == ["I_ext"]
    assert "dI_ext/dt" in str(certificate)


def test_a_current_is_a_state_that_steps_move():
    model = declared()
    assert without_currents(model).dynamics == {V: V**2 / tau}
    slope = rate_of(E)
    assert driven_by(model, {"I_ext": False}).dynamics == {V: (V**2 + E) / tau, E: 0}
    assert driven_by(model, {"I_ext": True}).dynamics == {V: (V**2 + E) / tau, E: slope, slope: 0}
    assert {route.name for route in with_any_currents(model).routes} == {"V", "I_ext", "dI_ext/dt"}
    assert without_currents(without_currents(model)) == without_currents(model)


@pytest.mark.parametrize(("low", "high", "start"), [(-1, 1, 0), (2, 3, 2), (-sp.oo, -2, -2), (0, sp.oo, 0)])
def test_where_zero_is_excluded_the_proof_starts_elsewhere(low, high, start):
    assert with_any_currents(declared(bounds={E: (low, high)})).initial[E] == start


def test_a_solution_holds_between_steps():
    flow, wait = {V: V + E * time}, (1 - V) / E
    model = NeuronModel(
        "integrator", dynamics={V: E}, spike=crosses(V, 1), reset={V: 0}, inputs=V, currents=E,
        bounds={E: (1, sp.oo)}, solution=Solution(flow, wait),
    )  # fmt: skip
    assert driven_by(model, {"I_ext": False}).solution == Solution(flow | {E: E}, wait)
    # without a current it says nothing
    assert without_currents(model).solution is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"currents": "I_ext"}, "expected a SymPy symbol"),
        ({"currents": (E, "J")}, "'J' is not a SymPy symbol"),
        ({"currents": (E, E)}, "I_ext is named twice"),
        ({"currents": (E, J)}, "current J_ext stands in no equation"),
        ({"currents": (E, tau)}, "tau is declared both as a parameter and as a current"),
        ({"currents": (E, V)}, "V is declared both as a state and as a current"),
        ({"currents": ()}, "uses the undeclared symbol I_ext"),
        ({"currents": sp.Symbol("I_ext")}, "current I_ext must be real"),
        ({"currents": sp.Symbol("I_ext", positive=True)}, "two different symbols are called I_ext"),
        ({"inputs": {"I_ext": V}}, "I_ext names both a current and an input route"),
        ({"spike": crosses(V, 1 + E), "reset": {V: 0}}, "the spike threshold may not depend on the current I_ext"),
        ({"spike": crosses(V, 9), "reset": {V: E}}, "the reset of V may not depend on the current I_ext"),
        ({"initial": {V: E}}, "the initial value of V may not depend on the current I_ext"),
        ({"initial": {E: 1}}, "initial value of I_ext: no such state"),
        ({"bounds": {E: (1, 0)}}, "1 is not below 0"),
        ({"bounds": {J: (0, 1)}}, "bounds of J_ext: no such state"),
    ],
)
def test_what_is_refused(changes, message):
    with pytest.raises(ModelError, match=message):
        declared(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"currents": 3}, "expected names such as 'I_ext'"),
        ({"currents": "I ext"}, "currents: 'I ext' is not a name"),
        ({"currents": "pi"}, "the name 'pi' is taken"),
        ({"currents": "V"}, "V is declared both as a state and as a current"),
        ({"reset": "V = I_ext"}, "may not depend on the current 'I_ext'"),
        ({"inputs": "V = V + weight*I_ext"}, "may not depend on the current 'I_ext'"),
    ],
)
def test_what_is_refused_in_text(changes, message):
    parts = {"name": "m", "spike": "V = 1", "reset": "V = 0", "inputs": "V", "currents": "I_ext"}
    with pytest.raises(ModelError, match=message):
        NeuronModel.from_equations("dV/dt = I_ext - V", **(parts | changes))
