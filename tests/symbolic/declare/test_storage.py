"""A declaration in text comes back as it was: every expression, symbol, value and their order."""

import json

import pytest
import sympy as sp

from symbolic import ModelError, NeuronModel, Solution, at_infinity, crosses, jump, models, time, weight
from symbolic.declare.exact_text import read_exact, written
from symbolic.declare.storage import from_json, to_json

V, I = sp.symbols("V I", real=True)
TAU = sp.Symbol("tau", positive=True)


def strange():
    """Names that text cannot hold, expressions that evaluation would change, and every part of a declaration."""
    a, theta, other = sp.Symbol("a", positive=True), sp.Symbol("ϑ", nonnegative=True), sp.Symbol("exp", real=True)
    cases = sp.Piecewise((V, (V > 0) & (V < 3)), (sp.erf(V) * sp.Max(V, theta, 2), True))
    return NeuronModel(
        "strange ü",
        dynamics={
            V: sp.factor(a * V**2 + a * V) + sp.Mul(2, 3, V, evaluate=False) + other * sp.exp(-(V**2)) + cases,
            other: -other * theta + sp.sqrt(3) * sp.pi - sp.E**2 / 7 + sp.Abs(V) ** sp.Rational(-3, 2),
        },
        spike=crosses(V, 5 + a),
        reset={other: other + sp.cos(V), V: -2},
        inputs={"τ exc": jump({other: other + weight * sp.exp(-V)}), "inh": V},
        parameters={theta: [0.1, 0.25, 1e-7], a: sp.sqrt(2), TAU: None},
        initial={other: theta + 1},
        bounds={other: (0, sp.oo)},
    )


def readout_with_currents():
    given = sp.symbols("I_ext other", real=True)
    return NeuronModel(
        "readout",
        dynamics={V: -V / TAU + given[1] + I * given[0], I: -I},
        inputs=I,
        parameters=[TAU],
        currents=given[::-1],
    )


def with_solution():
    # V' = V/tau; its flow is known, and its formulas have decimal numbers that are kept as such
    flow = {V: V * sp.exp(time / TAU)}
    return NeuronModel(
        "grows",
        dynamics={V: V / TAU},
        spike=crosses(V, 1),
        reset={V: 0},
        inputs=V,
        parameters={TAU: 0.3},
        solution=Solution(flow, sp.Piecewise((sp.Float("-1.0", 30) * TAU * sp.log(V), V > 0), (sp.oo, True))),
    )  # fmt: skip


def same(one, other):
    orders = [
        [list(getattr(m, part)) for part in ("dynamics", "reset", "parameters", "initial", "bounds")]
        for m in (one, other)
    ]
    assumed = [[symbol._assumptions_orig for symbol in (*m.states, *m.parameters)] for m in (one, other)]
    return one == other and orders[0] == orders[1] and assumed[0] == assumed[1]


@pytest.mark.parametrize(
    "build", [strange, with_solution, readout_with_currents, *(getattr(models, name) for name in models.names())]
)
def test_a_declaration_comes_back_equal(build):
    model = build()
    text = json.dumps(to_json(model))
    assert same(from_json(json.loads(text)), model)


def test_order_counts():
    one = NeuronModel("a", dynamics={V: V**2 + I, I: -I}, spike=at_infinity(V), reset={V: -sp.oo, I: 0}, inputs=I)
    other = NeuronModel("a", dynamics={I: -I, V: V**2 + I}, spike=at_infinity(V), reset={I: 0, V: -sp.oo}, inputs=I)
    assert one == other
    assert from_json(to_json(one)).order == one.order != from_json(to_json(other)).order == other.order


@pytest.mark.parametrize(
    "expression",
    [
        (V + 1) ** 2 / 3 - V, -V, -(V**2), V ** (-TAU), (V**2) ** TAU, sp.Rational(-1, 2) ** V, (-V) ** 3, V ** (V**V),
        sp.Add(V, V, evaluate=False), 2 * (V + sp.Mul(1, V, evaluate=False)), sp.Float("1.1e-300"), sp.Float(-0.1, 50),
        sp.Ne(V, I) & (V <= 1) | ~sp.Eq(V, 2), sp.Float(0.0), V - (I - TAU) * (V - 1),
    ],
    ids=str,
)  # fmt: skip
def test_an_expression_comes_back_node_by_node(expression):
    text = written(expression, {V: "V", I: "I", TAU: "tau"}, "here")
    assert sp.srepr(read_exact(text, {"V": V, "I": I, "tau": TAU}, "here")) == sp.srepr(expression)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("__import__(V)", "neither a number nor a known name"), ("V.args", "unexpected"), ("lambda: V", "unexpected"),
        ("eval(V)", "neither a number nor"), ("V V", "unexpected 'V'"), ("V**V**V", "operands"),
        ("(V", r"expected '\)'"),
        ("V +", "the end"), ("1/0", "neither"), ("exp(V, V)", "exp of 2 operands"),
        ("(" * 500 + "V" + ")" * 500, "too deep"),
        ("V + " * 30000 + "V", "more than"), ("Piecewise(V)", r"expected '\('"),
    ],
)  # fmt: skip
def test_other_text_is_refused(text, message):
    with pytest.raises(ModelError, match=f"is not an expression as declarations are saved: .*({message})"):
        read_exact(text, {"V": V}, "here")


def test_what_has_no_text_is_refused_when_it_is_saved():
    dummy = sp.Dummy("x", real=True)
    field = {"spike": at_infinity(V), "reset": {V: -sp.oo}, "inputs": V}
    with pytest.raises(ModelError, match="is a Dummy, equal to no other"):
        to_json(NeuronModel("d", dynamics={V: V**2 + dummy}, parameters={dummy: 1}, **field))
    with pytest.raises(ModelError, match="zeta, cannot be saved"):
        to_json(NeuronModel("z", dynamics={V: V**2 + sp.zeta(V)}, **field))
    deep = V
    for _ in range(120):
        deep = sp.tanh(deep + 1)
    with pytest.raises(ModelError, match="nested more than 100 deep"):
        written(deep, {V: "V"}, "here")


def test_a_wrong_declaration_is_refused_like_any_other():
    content = to_json(models.qif())
    with pytest.raises(ModelError, match="is not positive"):
        from_json(content | {"parameters": {"tau_m": "-1", "tau_s": "1"}})
    with pytest.raises(ModelError, match="unknown keyword 'refractoriness'"):
        from_json(content | {"refractoriness": "2"})
    with pytest.raises(ModelError, match="must be true or false"):
        from_json(content | {"symbols": {"V": {"real": "__import__('os')"}}})
    with pytest.raises(ModelError, match="'Popen' is unknown to this version"):
        from_json(content | {"spike": {"$class": "Popen", "variable": "V"}})
