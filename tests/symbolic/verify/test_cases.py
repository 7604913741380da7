"""Open parameters: the verdict in each region, reported as cases."""

import json
import time
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
    assert "Case p > 1: HOLDS. Input I: no grazing holds" in str(certificate)
    assert "\nCase p <= 1: FAILS.\n  Case Eq(p, 1): FAILS. reaches infinity in finite time: " in str(certificate)
    assert "\n  Case p < 0: FAILS." in str(certificate)
    assert "- **Case $p > 1$: HOLDS.**" in certificate.to_markdown()
    assert r"\paragraph{Case $p \leq 1$: FAILS.}" in certificate.to_latex()
    cases = json.loads(json.dumps(certificate.to_dict()))["cases"]
    assert [(case["condition"], case["certificate"]["verdict"]) for case in cases] == told(certificate)
    assert isinstance(hash(certificate), int)


@pytest.mark.parametrize("name", models.names())
def test_library_models_with_all_parameters_open(name):
    declared = getattr(models, name)()
    values = dict.fromkeys(str(symbol) for symbol in declared.parameters)
    start = time.monotonic()
    certificate = verify(declared.with_parameters(**values))
    assert time.monotonic() - start < 25
    known = verify(declared)
    assert certificate.verdict.name == "UNDECIDED" or certificate.verdict is known.verdict
    for condition, case in certificate.cases:
        here = condition.subs({s: v for s, v in declared.values.items() if v.is_number})
        if here == sp.true and case.verdict.name != "UNDECIDED":
            assert case.verdict is known.verdict
