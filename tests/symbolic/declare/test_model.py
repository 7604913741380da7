"""What a declaration accepts, keeps and refuses."""

import dataclasses
import pickle
from typing import Any

import numpy as np
import pytest
import sympy as sp

from symbolic import InputRoute, ModelError, NeuronModel, SpikeRule, at_infinity, crosses, jump, models, weight
from symbolic.declare import FrozenMapping, Jump

# untyped, so that pyright lets tests pass what the annotations forbid
TEXT: Any = "V"
HALF: Any = 0.5
INFINITE: Any = float("inf")
V, I, w = sp.symbols("V I w", real=True)
V_th, b, c = sp.symbols("V_th b c", real=True)
tau = sp.Symbol("tau", positive=True)
unknown, t = sp.symbols("unknown t", real=True)


def declare(**changes):
    declaration = {
        "dynamics": {V: (V * (V - 1) + I) / tau, I: -2 * I / tau}, "spike": at_infinity(V), "reset": {V: -sp.oo},
        "inputs": I, "parameters": {tau: 1.0},
    }  # fmt: skip
    return NeuronModel("neuron", **(declaration | changes))


def declare_finite(**changes):
    finite = {"spike": crosses(V, V_th), "reset": {V: 0}, "parameters": {tau: 1, V_th: 1}}
    return declare(**(finite | changes))


REFUSED = {
    "no equations": ({"dynamics": {}}, "no equations; pass dynamics="),
    "both state and parameter": ({"parameters": {tau: 1, I: 2}}, "I is declared both as a state and as a parameter"),
    "weight as a parameter": ({"parameters": {tau: 1, weight: 1}}, "'weight' is reserved"),
    "complex parameter": ({"parameters": {tau: 1, sp.Symbol("z"): 1}}, "parameter z must be real; write sp.Symbol"),
    "twin in use": ({"initial": {V: sp.Symbol("tau", real=True)}}, r"called tau: .* \(positive and real\)"),
    "twin parameters": ({"parameters": {tau: 1, sp.Symbol("tau", real=True): 1}}, "two different symbols are"),
    "twin of a state": ({"inputs": sp.Symbol("I", positive=True)}, r"called I: .* \(real and positive\)"),
    "no spike rule": ({"spike": None}, r"no spike rule; pass spike=at_infinity\(V\)"),
    "spiking variable without equation": ({"spike": at_infinity(w)}, "spiking variable w has no equation; add w: ..."),
    "threshold on itself": ({"spike": crosses(V, V + I)}, "the spike threshold I . V depends on V itself; solve V"),
    "undeclared threshold": ({"spike": crosses(V, V_th)}, "the spike threshold uses the undeclared symbol V_th"),
    "infinite threshold": ({"spike": SpikeRule(V, sp.oo * b), "parameters": {tau: 1, b: 1}}, "not finite and real"),
    "undeclared symbol": ({"dynamics": {V: unknown, I: -I}}, "dV/dt uses the undeclared symbol unknown; add it to"),
    "time": ({"dynamics": {V: t, I: -I}}, "dV/dt depends on time t; equations must be autonomous"),
    "unknown function": ({"dynamics": {V: sp.Function("f")(V), I: -I}}, r"dV/dt uses the unknown function f\(V\)"),
    "complex equation": ({"dynamics": {V: sp.I * V, I: -I}}, "dV/dt: I.V is not finite and real"),
    "nan": ({"dynamics": {V: sp.nan, I: -I}}, "dV/dt: nan is not finite and real"),
    "text as an expression": ({"dynamics": {V: "V**2", I: -I}}, "'V..2' is not a number .* NeuronModel.from_equations"),
    "text as a state": ({"dynamics": {"V": V, I: -I}}, "dynamics: 'V' is not a SymPy symbol; write sp.Symbol"),
    "dynamics as a list": ({"dynamics": [V]}, r"dynamics: expected a dictionary .* got \[V\]"),
    "boolean": ({"dynamics": {V: True, I: -I}}, "dynamics of V: True is not a number or SymPy expression; write one"),
    "no reset": ({"reset": {}}, "no reset of the spiking variable; pass reset={V: ...}"),
    "reset of an unknown state": ({"reset": {V: -sp.oo, w: 0}}, "reset of w: no such state; the states are V, I"),
    "divisor 0": ({"dynamics": {V: V**2 + I / b, I: -I}, "parameters": {b: 0}}, "dV/dt divides by b, b = 0; give b a"),
    "one divisor 0": ({"dynamics": {V: V**2 / b + I, I: -I}, "parameters": {b: [1, 0]}}, "dV/dt divides by b, b = 0"),
    "slope 0": ({"dynamics": {V: b * sp.exp(V / b), I: -I}, "parameters": {b: 0}}, "dV/dt divides by b, b = 0"),
    "a difference 0": (
        {"dynamics": {V: V**2 + I / (b - c), I: -I}, "parameters": {b: 2, c: 2}}, "b - c, which is 0 with b = 2, c = 2",
    ),
    "coefficients that cancel": (
        {"dynamics": {V: V**2 + I / (b * V - c * V), I: -I}, "parameters": {b: 2, c: 2}}, "divides by .* is 0 with",
    ),
    "a negative logarithm": ({"reset": {V: -sp.oo, I: sp.log(b)}, "parameters": {tau: 1, b: -1}}, "of b, b = -1"),
    "a root": ({"inputs": jump({I: I + sp.sqrt(b - 1)}), "parameters": {tau: 1, b: 0}}, "a root of"),
    "a power that is a root": ({"initial": {I: b**c}, "parameters": {tau: 1, b: -2, c: 0.5}}, "a root of b, b = -2"),
    "a pole": ({"initial": {I: sp.gamma(b)}, "parameters": {tau: 1, b: 0}}, r"contains gamma\(b\), .* no real value"),
    "an inverse of too much": ({"initial": {I: sp.asin(b)}, "parameters": {tau: 1, b: 2}}, r"contains asin\(b\)"),
    "whole divisor, real": ({"dynamics": {V: V / b, I: -I}, "parameters": {b: -1}}, "time constant b = -1"),
    "reset to infinity": ({"reset": {V: V}}, "reset of V to V: V is infinite when it spikes; write -oo"),
    "other state to infinity": ({"reset": {V: 0, I: I + V}}, "reset of I to I . V: V is infinite .* it without V"),
    "infinite reset": ({"reset": {V: -sp.oo, I: -sp.oo}}, "reset of I to -oo: only a variable that spikes at infinity"),
    "reset to plus infinity": ({"reset": {V: sp.oo}}, "reset of V to oo: only a variable that spikes at infinity"),
    "undeclared reset": ({"reset": {V: unknown}}, "the reset of V uses the undeclared symbol unknown"),
    "no inputs": ({"inputs": {}}, "no inputs; pass inputs=I"),
    "empty jump": ({"inputs": {"a": jump({})}}, "input route 'a' changes no state"),
    "only an empty jump": ({"inputs": jump({})}, "inputs: name the state"),
    "input to an unknown state": ({"inputs": w}, "input route 'w': w has no equation; add w: ... to dynamics"),
    "undeclared jump": ({"inputs": jump({V: unknown})}, "input route 'V' uses the undeclared symbol unknown"),
    "jump without SymPy": ({"inputs": Jump(FrozenMapping({V: TEXT}))}, "input route 'V': 'V' is not an expression"),
    "input as text": ({"inputs": "I"}, "inputs: name the state that an input spike increases, .* not 'I'"),
    "route as text": ({"inputs": {"a": "I"}}, "inputs: route 'a' must name a state or a jump, not 'I'"),
    "infinite parameter": ({"parameters": {tau: sp.oo}}, "parameter tau: oo is not a finite real number"),
    "symbolic parameter": ({"parameters": {tau: 1, b: V}}, "parameter b: V is not a finite real number"),
    "parameter as text": ({"parameters": {tau: "1"}}, "parameter tau: '1' is not a number"),
    "array of text": ({"parameters": {tau: ["1"]}}, "parameter tau: '1' is not a number"),
    "matrix of values": ({"parameters": {tau: np.ones((2, 2))}}, r"parameter tau: \[1.0, 1.0\] is not a number"),
    "parameters no collection": ({"parameters": 3}, "parameters: expected a dictionary"),
    "named as text": ({"parameters": ["tau"]}, "parameters: 'tau' is not a SymPy symbol"),
    "time constant 0": ({"parameters": {tau: 0}}, "time constant tau = 0 is not positive; give it a value above 0"),
    "one time constant 0": ({"parameters": {tau: [1, 0]}}, "time constant tau = 0 is not positive"),
    "unlike numbers of values": ({"parameters": {tau: [1, 2], b: [1, 2, 3]}}, "equally many: tau has 2, b has 3"),
    "no values": ({"parameters": {tau: []}}, "equally many: tau has 0"),
    "too large a value": ({"parameters": {tau: sp.exp(sp.exp(9))}}, "tau: .* not a real number of ordinary size"),
    "negative value": ({"parameters": {tau: 1, sp.Symbol("c", positive=True): -1}}, "positive parameter c = -1 is not"),
    "value against assumption": ({"parameters": {tau: 1, sp.Symbol("n", integer=True): 0.5}}, "n = 1/2: .* integer"),
    "against a negation": ({"parameters": {tau: 1, sp.Symbol("n", real=True, zero=False): 0}}, "declared not zero"),
    "initial value of nothing": ({"initial": {w: 0}}, "initial value of w: no such state; the states are V, I"),
    "infinite initial value": ({"initial": {V: sp.oo}}, "the initial value of V: oo is not finite and real"),
    "state as initial value": ({"initial": {V: I}}, "the initial value of V may not depend on the state I"),
    "initial value out of bounds": ({"initial": {I: -1}, "bounds": {I: (0, 1)}}, r"I, -1, lies outside its bounds"),
    "bounds of nothing": ({"bounds": {w: (0, 1)}}, "bounds of w: no such state; the states are V, I"),
    "bounds of text": ({"bounds": {"I": (0, 1)}}, "bounds: 'I' is not a SymPy symbol"),
    "reversed bounds": ({"bounds": {I: (1, -1)}}, "bounds of I: 1 is not below -1; write the lower bound first"),
    "infinite bounds": ({"bounds": {I: (sp.oo, sp.oo)}}, "bounds of I: oo is not below oo"),
    "bounds by parameters": ({"bounds": {I: (0, b)}, "parameters": {tau: 1, b: -1}}, "bounds of I: 0 is not below b"),
    "bounds no pair": ({"bounds": {I: 3}}, r"bounds of I: write a pair such as \(0, oo\), not 3"),
    "bounds on a state": ({"bounds": {I: (0, V)}}, "the bounds of I may not depend on the state V"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_declaration_is_refused(changes, message):
    with pytest.raises(ModelError, match=message):
        declare(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reset": {V: V_th}}, "the reset of V, V_th, is not below its spike threshold V_th; choose one below V_th"),
        ({"reset": {V: V}}, "the reset of V, V, is not below its spike threshold V_th"),
        ({"reset": {V: 2}}, "the reset of V, 2, is not below its spike threshold V_th"),
        ({"reset": {V: -sp.oo}}, "reset of V to -oo: only a variable that spikes at infinity"),
        ({"initial": {V: 1}}, "the initial value of V, 1, is not below its spike threshold V_th"),
        ({"parameters": {tau: 1, V_th: [1, 0.5, -1]}}, "the reset of V, 0, is not below its spike threshold V_th"),
        ({"reset": {V: V_th - sp.Rational(3, 10) + b}, "parameters": {tau: 1, V_th: 1, b: 0.3}}, "the reset of V"),
        ({"spike": crosses(V, 1 / b), "parameters": {tau: 1, b: 0}}, "threshold divides by b, b = 0; give b a value"),
    ],
)
def test_the_reset_lies_below_the_threshold(changes, message):
    with pytest.raises(ModelError, match=message):
        declare_finite(**changes)


def test_a_case_that_does_not_arise_may_be_undefined():
    guarded = sp.Piecewise((V**2 / b, b > 0), (V**2, True))
    assert declare(dynamics={V: guarded, I: -I}, parameters={b: 0}).values == {b: 0}
    with pytest.raises(ModelError, match="dV/dt divides by b, b = 0"):
        declare(dynamics={V: sp.Piecewise((V**2 / b, V > 0), (V**2, True)), I: -I}, parameters={b: 0})


def test_an_open_threshold_is_accepted():
    model = declare_finite(parameters=[tau, V_th, b], reset={V: b})
    assert model.values == {}
    assert declare_finite(reset={V: V - 2 * V_th}).reset_value == V - 2 * V_th


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: crosses(V, sp.oo), r"write at_infinity\(V\) for a spike at infinity"),
        (lambda: crosses(V, sp.oo * V_th), r"crosses\(V, oo.V_th\): the threshold must be a finite real number"),
        (lambda: crosses(V, sp.I), "the threshold must be a finite real number or expression"),
        (lambda: crosses(V, "1"), "'1' is not a number or SymPy expression"),
        (lambda: crosses(TEXT, 1), "crosses: expected a SymPy symbol, got 'V'"),
        (lambda: at_infinity(TEXT), "at_infinity: expected a SymPy symbol, got 'V'"),
        (lambda: SpikeRule(TEXT, sp.oo), "SpikeRule: expected a SymPy symbol, got 'V'"),
        (lambda: jump(TEXT), "jump: expected a dictionary from states to new values, got 'V'"),
        (lambda: jump({TEXT: 1}), "jump: expected a SymPy symbol, got 'V'"),
        (lambda: jump({V: "V"}), "jump of V: 'V' is not a number"),
    ],
)
def test_a_wrong_rule_is_refused(build, message):
    with pytest.raises(ModelError, match=message):
        build()


def test_models_are_equal_by_content():
    model, same = declare(), declare(parameters={tau: 1})
    assert model == same
    assert hash(model) == hash(same)
    assert model != declare(parameters={tau: 2})
    assert model != declare(inputs=V)
    assert len({model, same, declare(inputs=V)}) == 2


def test_equality_survives_pickling():
    for name in models.names():
        model = getattr(models, name)()
        assert pickle.loads(pickle.dumps(model)) == model


def test_models_do_not_change():
    dynamics = {V: I, I: -I}
    model: Any = declare(dynamics=dynamics)
    dynamics[V] = 2 * I
    assert model.field == I
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'name'"):
        model.name = "other"
    with pytest.raises(TypeError, match="does not support item assignment"):
        model.dynamics[V] = V


def test_parts_of_a_model():
    model = declare(parameters=[tau], bounds={I: (0, 1)})
    assert model.variable == V
    assert model.other_states == (I,)
    assert model.reset_value == -sp.oo
    assert model.initial == {V: 0, I: 0}
    assert model.range_of(I) == sp.Interval(0, 1)
    assert model.range_of(V) == sp.Reals
    assert r"\dot{V}" in model._repr_latex_()
    assert repr(model).splitlines()[0] == "neuron"


def test_frozen_mappings_are_equal_by_content():
    mapping = FrozenMapping({"a": 1, "b": 2})
    assert mapping == FrozenMapping({"b": 2, "a": 1}) == {"a": 1, "b": 2}
    assert hash(mapping) == hash(FrozenMapping({"b": 2, "a": 1}))
    assert (list(mapping), len(mapping), mapping["b"]) == (["a", "b"], 2, 2)
    assert FrozenMapping() == {}
    assert repr(mapping) == "{'a': 1, 'b': 2}"


def test_with_initial_changes_values_only():
    model = declare()
    state = model.variable
    assert model.with_initial(**{state.name: -1}).initial[state] == -1
    assert model.with_initial() == model
    with pytest.raises(ModelError, match="has no state 'U'; its states are: "):
        model.with_initial(U=1)


def test_with_parameters_changes_values_only():
    model = declare(parameters={tau: 1, b: None})
    assert model.with_parameters(tau=2) == declare(parameters={tau: 2, b: None})
    assert model.with_parameters(b=[1, 2]).values == {tau: 1, b: sp.Tuple(1, 2)}
    assert model.with_parameters() == model
    with pytest.raises(ModelError, match="neuron has no parameter 'c'; its parameters are: tau, b"):
        model.with_parameters(c=1)
    with pytest.raises(ModelError, match="time constant tau = -1 is not positive"):
        model.with_parameters(tau=-1)


def test_decimal_numbers_are_exact():
    model = declare(dynamics={V: 0.1 * V, I: -I}, parameters={tau: 0.2}, initial={V: 0.3})
    assert model.field == V / 10
    assert model.values == {tau: sp.Rational(1, 5)}
    assert model.initial[V] == sp.Rational(3, 10)
    assert SpikeRule(V, HALF).threshold == sp.Rational(1, 2)
    assert SpikeRule(V, INFINITE).is_at_infinity


@pytest.mark.parametrize("values", [(0.5, 2), [0.5, 2], np.array([0.5, 2.0])], ids=["tuple", "list", "array"])
def test_a_parameter_may_have_one_value_per_neuron(values):
    model = declare(parameters={tau: values, b: np.float64(0.1)})
    assert model.values[tau] == sp.Tuple(sp.Rational(1, 2), 2)
    assert model.scalar_values == {b: sp.Rational(1, 10)}
    assert hash(model) == hash(declare(parameters={tau: (0.5, 2), b: 0.1}))


def test_routes():
    model = declare(inputs={"exc": I, "inh": jump({I: I - weight}), "both": jump({I: I + weight, V: 2 * V})})
    assert [route.name for route in model.routes] == ["exc", "inh", "both"]
    assert [route.additive_target for route in model.routes] == [I, None, None]
    assert model.route("inh").jump == {I: I - weight}
    assert declare(inputs=I) == declare(inputs=jump({I: weight + I}))
    assert str(declare().routes[0]) == "I: I -> I + weight"
    assert declare().routes == (InputRoute("I", FrozenMapping({I: I + weight})),)
    with pytest.raises(ModelError, match="neuron has no input route 'c'; its routes are: exc, inh, both"):
        model.route("c")
