"""Open parameters: the verdict in each region, reported as cases."""

import json
from typing import Any

import pytest
import sympy as sp

from symbolic import NeuronModel, at_infinity, crosses, models
from symbolic.verify import Regularity, verify

V, I = sp.symbols("V I", real=True)
a, b, p, V_r = sp.symbols("a b p V_r", real=True)
positive = sp.Symbol("q", positive=True)


def model(field, parameters, reset: Any = -sp.oo, **declaration):
    return NeuronModel(
        "open", dynamics={V: field, I: -I}, spike=at_infinity(V), reset={V: reset}, inputs=I, parameters=parameters,
        **declaration,
    )  # fmt: skip


def told(certificate):
    return [(str(condition), case.verdict.name) for condition, case in certificate.cases]


def test_an_open_exponent():
    certificate = verify(model(sp.Abs(V) ** p + I, [p, V_r], V_r))
    assert certificate.verdict.name == "UNDECIDED"
    assert told(certificate) == [("p > 1", "HOLDS"), ("p <= 1", "FAILS")]
    above, below = (case for _, case in certificate.cases)
    assert above.regularity is Regularity.CONTINUOUS
    assert above.model == certificate.model
    assert sp.simplify(above.route("I").contact_exponent - p / (p - 1) - 1) == 0
    assert "reaches infinity in finite time" in [condition.name for condition in below.failures]
    assert sp.Gt(p, 1) in above.assumptions


def test_a_positive_exponent():
    certificate = verify(model(sp.Abs(V) ** positive + I, [positive], 0))
    assert told(certificate) == [("q > 1", "HOLDS"), ("q <= 1", "FAILS")]


def test_the_sign_of_a_coefficient():
    certificate = verify(model(a * V**2 + I, [a]))
    assert told(certificate) == [("a > 0", "HOLDS"), ("a <= 0", "FAILS")]
    assert certificate.cases[0][1].regularity is Regularity.C2


def test_two_open_parameters():
    certificate = verify(model(a * V**2 + b * V**4 + I, [a, b]))
    assert told(certificate) == [("b > 0", "HOLDS"), ("Eq(b, 0)", "UNDECIDED"), ("b < 0", "FAILS")]
    assert told(certificate.cases[1][1]) == [("a > 0", "HOLDS"), ("a <= 0", "FAILS")]


def test_a_drive_around_the_threshold():
    """V' = a - V + I with I >= 0 crosses the threshold 1 everywhere exactly if a > 1."""
    neuron = NeuronModel(
        "threshold", dynamics={V: a - V + I, I: -I}, spike=crosses(V, 1), reset={V: 0}, inputs=I, parameters=[a],
        bounds={I: (0, sp.oo)},
    )  # fmt: skip
    certificate = verify(neuron)
    assert told(certificate) == [("a > 1", "HOLDS"), ("Eq(a, 1)", "UNDECIDED"), ("a < 1", "FAILS")]


def test_cases_are_written_down():
    certificate = verify(model(sp.Abs(V) ** p + I, [p], 0))
    text, markdown, latex = str(certificate), certificate.to_markdown(), certificate.to_latex()
    assert "\nCase p > 1: HOLDS.\n  Input I: no grazing holds" in text
    assert "\nCase p <= 1: FAILS.\n  Case p = 1: FAILS.\n    reaches infinity in finite time: FAILS. " in text
    assert "\n  Case p < 0: FAILS." in text
    assert "\n  Case 0 <= p < 1: FAILS." in text
    assert "- **Case $p > 1$: HOLDS.**" in markdown
    assert "\n  - **Case $p = 1$: FAILS.**" in markdown
    assert r"p \leq 1 && \text{case: FAILS}" in latex
    cases = json.loads(json.dumps(certificate.to_dict()))["cases"]
    assert [(case["condition"], case["certificate"]["verdict"]) for case in cases] == told(certificate)
    assert isinstance(hash(certificate), int)


def test_reasons_are_in_the_declared_parameters():
    """Not in the symbols that stand for a parameter's distance from the edge of its region."""
    certificate = verify(model(sp.Abs(V) ** p + I, [p], 0))
    assert "dV/dt behaves like V**p as V -> oo; the integral of its inverse diverges" in str(certificate)
    assert "vanishes like u^(p/(p - 1) + 1) with the time u left" in str(certificate)
    assert "$u^{\\frac{p}{p - 1} + 1}$" in certificate.to_markdown()


def test_cases_of_a_case_name_their_region():
    below = verify(model(sp.Abs(V) ** p + I, [p], 0)).cases[1][1]
    conditions = [condition for condition, _ in below.cases]
    assert conditions == [sp.Eq(p, 1), p < 0, sp.And(p >= 0, p < 1)]


def test_an_edge_with_another_reason_is_told_apart():
    below = verify(model(a * V**2 + I, [a])).cases[1][1]
    assert told(below) == [("Eq(a, 0)", "FAILS"), ("a < 0", "FAILS")]
    assert "dV/dt behaves like I as V -> oo" in below.cases[0][1].failures[0].reason


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in ("rapid_theta", "rapid_theta_current") else ())
        for name in models.names()
    ],
)
def test_library_models_with_all_parameters_open(name):
    declared = getattr(models, name)()
    values = dict.fromkeys(str(symbol) for symbol in declared.parameters)
    certificate = verify(declared.with_parameters(**values))
    known = verify(declared)
    assert certificate.verdict.name == "UNDECIDED" or certificate.verdict is known.verdict
    for condition, case in certificate.cases:
        here = condition.subs({s: v for s, v in declared.values.items() if v.is_number})
        if here == sp.true and case.verdict.name != "UNDECIDED":
            assert case.verdict is known.verdict
