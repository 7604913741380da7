"""Quantities with units: converted, checked, printed, saved."""

import json
import sys

import pytest
import sympy as sp

from symbolic import ModelError, NeuronModel, at_infinity, crosses
from symbolic.declare.storage import from_json, to_json
from symbolic.declare.units import in_words, quantity

pytest.importorskip("pint")

LIF = {
    "equations": "dV/dt = (E_L - V + R*I)/tau_m; dI/dt = -I/tau_s", "name": "LIF", "spike": "V = -50 mV",
    "reset": "V = -65 mV", "inputs": "I", "initial": {"V": "-0.07 V"}, "refractory": "2 ms",
    "parameters": {"E_L": "-70 mV", "R": "10 MOhm", "tau_m": "20 ms", "tau_s": "0.005 s"},
}  # fmt: skip


def declared(**changes):
    return NeuronModel.from_equations(**(LIF | changes))


def test_everything_is_converted_exactly_and_what_is_not_given_is_found():
    model = declared()
    assert [value for value in model.parameters.values()] == [-70, 10, 20, 5]
    assert (model.spike.threshold, model.reset_value, model.initial[model.variable]) == (-50, -65, -70)
    assert model.refractory == 2
    units = {symbol.name: unit for symbol, unit in model.units.items()}
    assert units == {"V": "mV", "I": "nA", "E_L": "mV", "R": "MOhm", "tau_m": "ms", "tau_s": "ms"}
    assert "V in mV, I in nA, E_L in mV, R in MOhm, tau_m in ms, tau_s in ms; time in ms" in repr(model)


@pytest.mark.parametrize(
    ("text", "number", "unit"),
    [
        ("0.5 nF", sp.Rational(1, 2), "nF"), ("500 pF", sp.Rational(1, 2), "nF"), ("3 nS", sp.Rational(3, 1000), "uS"),
        ("1 MΩ", 1, "MOhm"), ("5 Hz", sp.Rational(1, 200), "1/ms"), ("-65mV", -65, "mV"), ("2 mM", 2, "mM"),
        ("300 K", 300, "K"), ("1e3 us", 1, "ms"), ("2 pC", 2, "pC"), ("1 mV/ms", 1, "mV/ms"),
    ],
)  # fmt: skip
def test_units_fit_together(text, number, unit):
    found, dimension = quantity(text, "x")
    assert (found, in_words(dimension)) == (number, unit)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"equations": "dV/dt = (E_L - V + R*I + 3)/tau_m; dI/dt = -I/tau_s"}, "dV/dt: the term 3 has no unit, but mu"),
        ({"parameters": LIF["parameters"] | {"E_L": -70}}, "dV/dt: the term -V has the unit mV, but must have no unit"),
        (
            {"parameters": LIF["parameters"] | {"tau_s": "5 mV"}},
            "dI/dt: the term -I/tau_s has",
        ),
        (
            {"equations": "dV/dt = (E_L - exp(V)*V + R*I)/tau_m; dI/dt = -I/tau_s"},
            "the term V has the unit mV, but mus",
        ),
        ({"units": {"I": "mV"}}, "dV/dt: the term I.R has the unit"),
        ({"refractory": "2 mV"}, "refractory: '2 mV' is in another unit than ms"),
        ({"refractory": "tau_m + E_R", "parameters": LIF["parameters"] | {"E_R": "1 mV"}}, "refractory: the term E_R"),
        ({"spike": "V = -50 ms"}, "reset V: '-65 mV' is in another unit than ms"),
        (
            {"parameters": LIF["parameters"] | {"R": "10 bananas"}},
            "parameter R: 'bananas' is not a unit that can be us",
        ),
        ({"parameters": LIF["parameters"] | {"R": "10 cd"}}, "the unit 'cd' has the dimension .luminosity."),
        ({"parameters": LIF["parameters"] | {"R": "3 degC"}}, "'degC' is not a unit that can be used"),
        ({"units": {"x": "mV"}}, "units of 'x': no such state or parameter"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(changes, message):
    with pytest.raises(ModelError, match=message):
        declared(**changes)


def test_other_values_may_be_quantities_or_numbers_in_the_same_units():
    model = declared().with_parameters(tau_m="0.03 s", R=20).with_initial(V="-66 mV")
    assert [value for value in model.parameters.values()] == [-70, 20, 30, 5]
    assert model.initial[model.variable] == -66
    assert model.units == declared().units
    with pytest.raises(ModelError, match="'3 mV' is in another unit than ms"):
        model.with_parameters(tau_m="3 mV")


def test_one_value_per_neuron_open_ones_and_declared_units_of_plain_numbers():
    model = declared(parameters=LIF["parameters"] | {"tau_m": ("20 ms", "0.03 s"), "R": None}, units={"I": "pA"},
                     initial={"V": "-70 mV", "I": 500})  # fmt: skip
    values = {symbol.name: value for symbol, value in model.parameters.items()}
    assert tuple(values["tau_m"]) == (20, 30)
    assert values["R"] is None
    assert {symbol.name: unit for symbol, unit in model.units.items()}["R"] == "MOhm"
    assert {state.name: value for state, value in model.initial.items()}["I"] == sp.Rational(1, 2)


def test_saved_and_read_back():
    model = declared()
    assert from_json(json.loads(json.dumps(to_json(model)))) == model


def test_symbols_and_a_spike_at_infinity():
    V, tau = sp.Symbol("V", real=True), sp.Symbol("tau", positive=True)
    model = NeuronModel(
        "QIF", dynamics={V: V * (V - 1) / tau}, spike=at_infinity(V), reset={V: -sp.oo}, inputs=V,
        parameters={tau: "20 ms"},
    )  # fmt: skip
    assert model.parameters[tau] == 20
    assert dict(model.units) == {tau: "ms"}
    finite = NeuronModel(
        "IF", dynamics={V: -V / tau}, spike=crosses(V, "10 mV"), reset={V: "0 mV"}, inputs=V, parameters={tau: "20 ms"}
    )
    assert (finite.spike.threshold, finite.units[V]) == (10, "mV")


def test_without_pint_the_extra_is_named(monkeypatch):
    from symbolic.declare import units

    units._registry.cache_clear()
    units.unit.cache_clear()
    monkeypatch.setitem(sys.modules, "pint", None)
    with pytest.raises(ImportError, match=r'need pint; run pip install "smoothspike\[units\]"'):
        declared()
    units._registry.cache_clear()


def test_declarations_without_units_do_not_need_it():
    plain = declared(
        spike="V = 1",
        reset="V = 0",
        initial={},
        refractory=2,
        parameters=dict.fromkeys(("E_L", "R", "tau_m", "tau_s"), 1),
    )
    assert not plain.units
