"""What a certificate says, and how it is written down."""

import json
import pickle
import re
import time
from itertools import accumulate
from typing import Any

import pytest
import sympy as sp

from symbolic import NeuronModel, at_infinity, models
from symbolic.errors import ContinuityError, ModelError
from symbolic.verify import Condition, Regularity, Verdict, verify

V, I, w = sp.symbols("V I w", real=True)
a, b, p = sp.symbols("a b p", real=True)


def with_scale(value):
    return NeuronModel(
        "scaled", dynamics={V: a * V**2 + I, I: -I}, spike=at_infinity(V), reset={V: -sp.oo}, inputs=I,
        parameters={a: value},
    )  # fmt: skip


def test_regularity_is_ordered():
    names = ["DISCONTINUOUS", "CONTINUOUS", *(f"C{n}" for n in range(1, 10)), "SMOOTH", "ANALYTIC"]
    assert [item.name for item in sorted(Regularity)] == names


def test_a_certificate_that_holds():
    certificate = verify(models.qif())
    assert certificate.holds
    assert certificate.failures == certificate.open_questions == ()
    report = certificate.route("I")
    assert (report.no_grazing, report.order_swap) == (Verdict.HOLDS, Verdict.HOLDS)
    assert report.contact_exponent == 3
    assert (report.own_spike, report.later_spikes) == (Regularity.C2, Regularity.ANALYTIC)
    assert certificate.regularity is Regularity.C2
    assert certificate.condition("reaches infinity in finite time").holds


def test_a_certificate_that_fails():
    certificate = verify(models.lif())
    assert not certificate.holds
    assert certificate.route("I").no_grazing is Verdict.FAILS
    assert certificate.route("I").order_swap is Verdict.HOLDS
    assert certificate.regularity is Regularity.DISCONTINUOUS
    assert [condition.name for condition in certificate.failures] == ["field is positive at the spike"]
    assert "I = V_th" in certificate.failures[0].reason


def test_routes_are_judged_apart():
    model = NeuronModel(
        "two routes", dynamics={V: V**2 + I, I: -I}, spike=at_infinity(V), reset={V: 0}, inputs={"slow": I, "fast": V}
    )
    certificate = verify(model)
    assert certificate.verdict is Verdict.FAILS
    assert certificate.route("slow").order_swap is Verdict.HOLDS
    assert certificate.route("slow").own_spike is Regularity.C2
    assert certificate.route("slow").later_spikes is Regularity.CONTINUOUS
    assert certificate.route("fast").own_spike is Regularity.C1
    assert certificate.route("fast").later_spikes is Regularity.DISCONTINUOUS
    assert certificate.route("fast").order_swap is Verdict.FAILS
    with pytest.raises(ModelError, match="no input route 'other'; its routes are: slow, fast"):
        certificate.route("other")


def test_strict_gives_the_reason():
    assert verify(models.qif(), strict=True).holds
    with pytest.raises(ContinuityError, match=r"LIF: continuity fails. field is positive at the spike: .* graze"):
        verify(models.lif(), strict=True)
    with pytest.raises(ContinuityError, match=r"undecided.*a > 0"):
        verify(with_scale(None), strict=True)


def test_values_decide_and_are_recorded():
    assert verify(with_scale(2)).assumptions == (sp.Gt(a, 0),)
    assert verify(with_scale(2)).holds
    failing = verify(with_scale(-2))
    assert failing.verdict is Verdict.FAILS
    assert failing.assumptions == (sp.Lt(a, 0),)


def test_an_open_parameter_names_the_condition():
    certificate = verify(with_scale(None))
    assert certificate.verdict is Verdict.UNDECIDED
    assert certificate.regularity is None
    assert all("a > 0" in question.reason for question in certificate.open_questions)


def test_an_open_exponent_names_the_condition():
    model = NeuronModel(
        "p", dynamics={V: sp.Abs(V) ** p + I, I: -I}, spike=at_infinity(V), reset={V: 0}, inputs=I, parameters=[p]
    )
    assert "p > 1" in verify(model).condition("reaches infinity in finite time").reason
    assert verify(model.with_parameters(p=1.5)).assumptions == (sp.Gt(p, 1),)
    assert verify(model.with_parameters(p=1)).verdict is Verdict.FAILS
    assert verify(model.with_parameters(p=0.5)).verdict is Verdict.FAILS


@pytest.mark.parametrize(
    ("values", "verdict"), [([1, 2, 3], "HOLDS"), ([1, -1, 2], "FAILS"), ([1, 0], "FAILS"), ([-1, -2], "FAILS")]
)
def test_one_value_per_neuron(values, verdict):
    assert verify(with_scale(values)).verdict.name == verdict


def test_many_neurons_are_quick():
    start = time.process_time()
    assert verify(with_scale([0.5 + k / 700 for k in range(500)])).holds
    assert time.process_time() - start < 5


def test_neurons_that_hold_for_different_reasons():
    model = NeuronModel(
        "e", dynamics={V: V**4 + a * V + I - w, I: -I, w: b * V - w}, spike=at_infinity(V), reset={V: 0}, inputs=I,
        parameters={a: [1, -1, 0], b: [0, 1, -1]},
    )  # fmt: skip
    assert verify(model).holds


@pytest.mark.parametrize("bounds", [None, (-1, sp.oo)])
def test_a_sign_in_a_symbol_must_be_declared_as_a_range(bounds):
    positive = sp.Symbol("I", positive=True)
    declared = {} if bounds is None else {positive: bounds}
    model = NeuronModel(
        "s", dynamics={V: V**2 * positive + 1, positive: 1 - positive}, spike=at_infinity(V), reset={V: -sp.oo},
        inputs=V, bounds=declared,
    )  # fmt: skip
    certificate = verify(model)
    assert certificate.verdict is Verdict.UNDECIDED
    assert "no declared range confirms" in certificate.open_questions[0].reason
    report = certificate.route("V")
    assert (report.no_grazing, report.order_swap) == (Verdict.UNDECIDED, Verdict.UNDECIDED)


def test_text_reads_like_a_proof():
    text = str(verify(models.lif()))
    assert text.startswith("LIF\n  dV/dt = (I - V)/tau_m")
    assert "\nFAILS: " in text
    assert "2. field is positive at the spike: FAILS" in text
    assert "Input I: no grazing fails, order swap holds" in text
    holding = str(verify(models.qif()))
    assert "contact exponent 3; own spike C2, later spikes ANALYTIC." in holding
    assert "vanishes like u^3 with the time u left to the spike" in holding
    assert "Under: a > 0" in str(verify(with_scale(2)))


@pytest.mark.parametrize("name", models.names())
def test_every_certificate_can_be_written_down(name):
    certificate = verify(getattr(models, name)())
    assert certificate == verify(getattr(models, name)())
    assert isinstance(hash(certificate), int)
    assert certificate.verdict.name in certificate.to_markdown()
    assert certificate._repr_markdown_() == certificate.to_markdown()
    latex = certificate.to_latex()
    assert latex.count(r"&& \text{") == len(certificate.conditions)
    assert well_formed(f"${latex}$")
    plain = json.loads(json.dumps(certificate.to_dict()))
    assert plain["verdict"] == certificate.verdict.name
    assert [c["holds"] for c in plain["conditions"]] == [c.holds for c in certificate.conditions]


def well_formed(latex):
    """Whether braces, environments and dollar signs come in pairs, and nothing special stands unescaped in the text."""
    bare = re.sub(r"\\[\\{}$%&#_]", "", latex)
    depths = list(accumulate((c == "{") - (c == "}") for c in bare))
    pairs = (bare.count(r"\begin{") == bare.count(r"\end{"), bare.count("$") % 2 == 0, min(depths) == depths[-1] == 0)
    text = re.sub(r"\$[^$]*\$|\\\[.*?\\\]|\\[a-z]+\{", "", latex.replace(r"\$", ""), flags=re.DOTALL)
    return all(pairs) and not re.search(r"(?<!\\)[_^&#%<>]", text)


@pytest.mark.parametrize("parameters", [[a], [p], [a, p]])
def test_open_parameters_can_be_written_down(parameters):
    values = {a: 1, p: 2} | dict.fromkeys(parameters)
    model = NeuronModel(
        "o_p#n", dynamics={V: a * sp.Abs(V) ** p + I, I: -I}, spike=at_infinity(V), reset={V: 0}, inputs=I,
        parameters=values,
    )  # fmt: skip
    certificate = verify(model)
    assert certificate.cases
    assert well_formed(f"${certificate.to_latex()}$")
    assert not re.search(r"[\w)]\*\*[\w(]", certificate.to_markdown())
    plain = json.loads(json.dumps(certificate.to_dict()))
    assert any(condition["needs"] for condition in plain["conditions"])
    assert plain["parameters"] == {
        str(symbol): None if value is None else str(value) for symbol, value in values.items()
    }


@pytest.mark.parametrize("form", ["__str__", "to_markdown"])
def test_every_form_tells_where_inputs_change_places(form):
    sentence = "Where two inputs to the neuron change places, spike times are of class "
    assert f"{sentence}at least C1." in getattr(verify(models.qif()), form)()
    assert f"{sentence}CONTINUOUS." in getattr(verify(models.qif_delta()), form)()
    assert sentence not in getattr(verify(models.lif()), form)()


def test_formulas_in_reasons_are_typeset():
    certificate = verify(models.qif())
    sentence = r"$\mathrm{d}V/\mathrm{d}t$ behaves like $\frac{V^{2}}{\tau_{m}}$ as $V \to \infty$"
    assert sentence in certificate.to_markdown()


def test_reasons_are_strings_that_keep_their_formulas():
    reason = verify(models.qif()).condition("reaches infinity in finite time").reason
    same = pickle.loads(pickle.dumps(reason))
    assert same == reason == str(reason)
    assert (same.template, same.expressions) == (reason.template, reason.expressions)


def test_statements_name_every_state_and_both_ends():
    certificate, start = verify(models.qif()), sp.Symbol("V_1", real=True)
    smooth = certificate.condition("one solution").statement
    finite = certificate.condition("other states stay finite at the spike").statement
    slopes: list[Any] = list(smooth.atoms(sp.Derivative))
    integrals: list[Any] = list(finite.atoms(sp.Integral))
    assert {slope.variables for slope in slopes} == {(V,), (I,)}
    assert {integral.limits[0] for integral in integrals} == {sp.Tuple(V, start, sp.oo), sp.Tuple(V, -sp.oo, start)}


def test_an_assumption_that_follows_from_others_is_left_out():
    assert [str(assumption) for assumption in verify(models.eif()).assumptions] == ["Delta > 0"]


def test_conditions_carry_their_statement():
    for condition in verify(models.theta_current()).conditions:
        assert isinstance(condition, Condition)
        assert isinstance(condition.statement, sp.Basic)
        assert condition.reason.endswith(".")
