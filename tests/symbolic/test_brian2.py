"""Text for Brian2 says what the declaration says: read back by another parser, it has the same values."""

import math
import re

import numpy as np
import pytest
import sympy as sp

from symbolic import ModelError, NeuronModel, at_infinity, crosses, jump, models, weight
from symbolic.brian2 import to_brian2

V, U = sp.symbols("V U", real=True)
TEXTS = [name for name in models.names() if not name.startswith("rapid_theta")]  # those have cases


def number(text, values):
    """Evaluate text as Python with NumPy's functions, as Brian2's NumPy target does."""
    functions = {name: getattr(np, name) for name in ("exp", "log", "sqrt", "sin", "cos", "tan", "arctan", "tanh")}
    return eval(text, functions | {"abs": abs, "pi": math.pi}, dict(values))


@pytest.mark.parametrize("name", TEXTS)
def test_every_text_has_the_value_of_its_expression(name):
    model = getattr(models, name)()
    found = to_brian2(model, cutoff=50.0 if model.spike.is_at_infinity else None)
    chance = np.random.default_rng(0)
    states = {state.name: chance.uniform(0.1, 0.9) for state in model.states}
    known = found.namespace | states | {"time_unit": 1.0, "weight": 0.3} | {f"{s}_post": v for s, v in states.items()}
    at = {symbol: known[symbol.name] for symbol in (*model.states, *model.parameters, weight)}
    equations = dict(re.fullmatch(r"d(\w+)/dt = (.*) : 1", line).groups() for line in found.model.splitlines())
    for state, rate in model.dynamics.items():
        assert number(equations[state.name], known) == pytest.approx(float(rate.subs(at)), rel=1e-12)
    for route in model.routes:
        after = dict(known)
        for line in found.on_pre[route.name].splitlines():
            target, sign, text = re.fullmatch(r"(\w+) (\+?)= (.*)", line).groups()
            after[target] = number(text, after) + (after[target] if sign else 0.0)
        for state, value in route.jump.items():
            assert after[f"{state}_post"] == pytest.approx(float(value.subs(at)), rel=1e-12)
    after = dict(known)
    for line in found.reset.splitlines():
        target, text = line.split(" = ")
        after[target] = number(text, after)
    for state, value in model.reset.items():
        expected = -50.0 if value == -sp.oo else float(value.subs(at))
        assert after[state.name] == pytest.approx(expected, rel=1e-12)


def model(**changes):
    parts = {"dynamics": {V: V**2 + U, U: -U}, "spike": at_infinity(V), "reset": {V: -sp.oo}, "inputs": U} | changes
    return NeuronModel("m", **parts)


def test_changes_at_once_do_not_read_one_another():
    swapped = model(
        spike=crosses(V, 1), reset={V: U / 3 - 1, U: U + V / 4}, inputs=jump({V: U, U: V + weight}), bounds={U: (0, 1)}
    )
    found = to_brian2(swapped)
    for text, suffix, expected in (
        (found.reset, "", {"V": 0.3 / 3 - 1, "U": 0.3 + 0.5 / 4}),
        (found.on_pre["V"], "_post", {"V_post": 0.3, "U_post": 0.5 + 2.0}),
    ):
        values = {f"V{suffix}": 0.5, f"U{suffix}": 0.3, "weight": 2.0}
        for line in text.splitlines():
            target, right = line.split(" = ")
            values[target] = number(right, values)
        assert {name: values[name] for name in expected} == pytest.approx(expected)


def test_a_step_that_overflows_is_a_spike():
    """A Runge-Kutta step of an exponential neuron turns to NaN on its way to infinity, and would never be reset."""
    threshold = to_brian2(models.eif(), cutoff=3.0).threshold
    held = {V: eval(threshold, {}, {"V": V}) for V in (2.9, 3.1, math.inf, math.nan)}
    assert [held[V] for V in held] == [False, True, True, True]


def test_parameters_of_each_neuron_are_equations():
    found = to_brian2(models.lif(tau_m=[1.0, 2.0]))
    assert found.model.splitlines()[-1] == "tau_m : 1 (constant)"
    assert found.per_neuron == {"tau_m": [1.0, 2.0]}
    assert "tau_m" not in found.namespace


@pytest.mark.parametrize(
    ("build", "options", "message"),
    [
        (model, {}, r"spikes at infinity, which Brian2 cannot reach; pass cutoff=\.\.\."),
        (models.lif, {"cutoff": 3.0}, "has a finite threshold, V_th; leave cutoff out"),
        (model, {"cutoff": -1.0}, "cutoff is -1.0, but must be a positive number"),
        (models.rapid_theta, {"cutoff": 9.0}, "Brian2 has no case distinctions"),
        (lambda: model(dynamics={V: V**2 + sp.erf(U), U: -U}), {"cutoff": 9.0}, r"erf\(U\) has no counterpart"),
        (lambda: model(parameters={sp.Symbol("dt", positive=True): 1}), {"cutoff": 9.0}, "'dt' means something else"),
        (lambda: model(parameters=[sp.Symbol("a", real=True)]), {"cutoff": 9.0}, "a has no value"),
    ],
)  # fmt: skip
def test_what_brian2_cannot_do_is_refused(build, options, message):
    with pytest.raises(ModelError, match=message):
        to_brian2(build(), **options)
