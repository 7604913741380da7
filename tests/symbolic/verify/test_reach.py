"""A failure is certified only if some trial gets there; what no trial reaches does not count against a model."""

import pytest
import sympy as sp

from symbolic import NeuronModel, at_infinity, crosses, jump, verify
from symbolic import weight as W
from symbolic.verify import Regularity
from symbolic.verify.context import declared_case, with_derived_ranges

V, I, J, g, x, w, u, m, phi = sp.symbols("V I J g x w u m phi", real=True)
oo, Piecewise, exp, tanh = sp.oo, sp.Piecewise, sp.exp, sp.tanh
POSITIVE = {I: (0, oo)}


def finite(field, others=None, reset=None, inputs=I, **declared):
    dynamics = {V: field, I: -I} | (others or {})
    return NeuronModel(
        "m", dynamics=dynamics, spike=crosses(V, 1), reset={V: 0} | (reset or {}), inputs=inputs, **declared
    )


def infinite(field, others=None, reset=None, inputs=I, **declared):
    dynamics = {V: field, I: -I} | (others or {})
    return NeuronModel(
        "m", dynamics=dynamics, spike=at_infinity(V), reset={V: -oo} | (reset or {}), inputs=inputs, **declared
    )


MODELS = {
    # V arrives at its threshold only while its speed is positive
    "speed that only rises through zero": ("HOLDS", lambda: finite(x, {x: 2 + exp(I) - x}, {x: -1})),
    "speed that grows for ever": ("HOLDS", lambda: finite(w, {w: 1 + exp(I)})),
    "the same, with an input on the speed": (
        "FAILS", lambda: finite(x, {x: 2 + exp(I) - x}, {x: -1}, {"I": I, "x": x})
    ),
    "speed that falls through zero": ("UNDECIDED", lambda: finite(x, {x: -2 - exp(I) - x}, {x: 3}, initial={x: 3})),
    "coefficient that rises through zero": (
        "UNDECIDED", lambda: infinite(w * V**2 + 1 + I**2, {w: 1}, {V: 0}, bounds={V: (0, oo)})
    ),
    "coefficient that an input makes negative": ("FAILS", lambda: infinite((2 + I) * V**2 + 1)),
    # the value at the threshold is never taken
    "branch above the threshold": ("HOLDS", lambda: finite(Piecewise((2 - V + I, V < 1), (0, True)), bounds=POSITIVE)),
    "branch below the threshold": (
        "FAILS", lambda: finite(Piecewise((-V + I, V < 1), (2, True)), bounds={I: (0, oo)})
    ),
    # ranges that no state leaves
    "state that rests at its initial value": (
        "HOLDS", lambda: finite(w + I, {w: 1 - w}, initial={w: 1}, bounds=POSITIVE)
    ),
    "state between the values of tanh": ("HOLDS", lambda: finite(2 + w, {w: tanh(V) - w})),
    "state between two fixed points": ("HOLDS", lambda: finite(2 + u + I, {u: u**2 - 1}, bounds=POSITIVE)),
    "state in a chain of ranges": ("HOLDS", lambda: finite(2 + u, {w: tanh(V) - w, u: w - u})),
    "potential above its reset": ("HOLDS", lambda: infinite(V**3 + 1 + exp(I), reset={V: 0})),
    "potential that an input carries below": (
        "FAILS", lambda: infinite(V**3 + 1 + exp(I), reset={V: 0}, inputs={"I": I, "V": V})
    ),
    "range that an input breaks": (
        "FAILS", lambda: finite(w + I, {w: 1 - w}, inputs={"I": I, "w": w}, initial={w: 1}, bounds=POSITIVE)
    ),
    "range that a reset breaks": (
        "UNDECIDED", lambda: finite(w + I, {w: 1 - w}, {w: -w}, initial={w: 1}, bounds=POSITIVE)
    ),
    "range that the initial value breaks": (
        "FAILS", lambda: finite(w + 2 + I, {w: w**2 - 1}, initial={w: 2}, bounds=POSITIVE)
    ),
    "range kept by a jump that is not additive": (
        "HOLDS", lambda: finite(w, {w: 1 - w}, inputs={"I": I, "w": jump({w: (1 + w) / 2})}, initial={w: 2})
    ),
    # resets of infinite states
    "infinite state reset to tanh": ("UNDECIDED", lambda: infinite(V**2 + I - w, {w: V - w}, {w: tanh(w)})),
    "infinite state reset to 0": ("UNDECIDED", lambda: infinite(V**2 + I - w, {w: V - w}, {w: 0})),
    "infinite state reset by half": ("FAILS", lambda: infinite(V**2 + I - w, {w: V - w}, {w: w / 2})),
    # two-sided bounds suffice
    "drive plus a sine": ("HOLDS", lambda: finite(I + sp.sin(phi) + 2, {phi: 1}, bounds=POSITIVE)),
    "slow oscillation of the field": ("HOLDS", lambda: infinite(V**2 * (2 + sp.sin(sp.log(1 + V**2))) + I)),
    "fast oscillation of the field": ("HOLDS", lambda: infinite(V**2 * (1 + sp.sin(V) / 2) + I)),
    "oscillation down to zero": ("UNDECIDED", lambda: infinite(V**2 * (1 + sp.sin(V)) + I)),
    # nonlinear states
    "cubic decay and a step at spikes": ("HOLDS", lambda: infinite(V**2 + I - w, {w: -w - w**3}, {w: w + 1})),
    "state that inputs drive to infinity": ("FAILS", lambda: infinite(V**2 + I + u, {u: u**2 + I})),
    "state that is at rest at a place that repels": ("HOLDS", lambda: infinite(V**2 + I + u, {u: u**2})),
    "reset that climbs": ("FAILS", lambda: finite(1 + I, {x: 0}, {V: x, x: (1 + x) / 2}, bounds=POSITIVE)),
    "rate of an ion channel": (
        "HOLDS", lambda: infinite(V**2 + I - w, {w: V / (1 - exp(-V)) / (1 + V**2) - w})
    ),
    "rate with a pole": ("UNDECIDED", lambda: infinite(V**2 + I - w, {w: (V + 1) / (1 - exp(-V)) / (1 + V**2) - w})),
    # what hardly moves
    "neuron that never spikes": ("FAILS", lambda: finite(-V)),
    "potential that rests where it repels": ("HOLDS", lambda: infinite(V * sp.log(1 + V**2) ** 2, reset={V: 0})),
    "difference of two synapses that jump together": (
        "FAILS", lambda: finite(-V + x - u, {x: -x, u: -2 * u}, inputs=jump({x: x + W, u: u + W}))
    ),
    "excitatory conductance of an active neuron": (
        "HOLDS", lambda: finite(2 - V + g * (3 - V), {g: -g}, inputs=g, bounds={g: (0, oo)})
    ),
    "inhibitory conductance": ("FAILS", lambda: finite(2 - V - g * (V + 1), {g: -g}, inputs=g, bounds={g: (0, oo)})),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_verdicts(name):
    expected, declare = MODELS[name]
    certificate = verify(declare())
    assert certificate.verdict.name == expected, str(certificate)


def test_ranges_are_named_with_what_they_rest_on():
    certificate = verify(finite(w + I, {w: 1 - w}, initial={w: 1}, bounds=POSITIVE))
    condition = certificate.condition("states stay in ranges that follow from the equations")
    assert sp.Eq(w, 1, evaluate=False) in condition.statement.args
    assert "declared initial values" in condition.reason
    advice = verify(finite(w + I, {w: 1 - w}, {w: -w}, initial={w: 1}, bounds=POSITIVE)).open_questions[0].reason
    assert "Declare the ranges of" in advice


def test_reasons_are_true():
    (condition,) = (c for c in verify(finite(-V)).conditions if c.holds is False)
    assert condition.reason.endswith("the neuron never spikes.")
    (condition,) = (c for c in verify(finite(-V, inputs=V)).conditions if c.name == "field is positive at the spike")
    assert condition.reason.endswith("only an input can carry V over the threshold.")
    cubic = verify(NeuronModel("m", dynamics={V: V**2 + x, x: -(x**3)}, spike=at_infinity(V), reset={V: -oo}, inputs=x))
    assert "affine" not in cubic.condition("other states stay finite between spikes").reason


@pytest.mark.parametrize("order", [1, 2, 3])
def test_orders_at_the_threshold_are_taken_from_below(order):
    """What the field does above the threshold changes nothing: the contact exponent is one more than the order."""
    below, above = (1 - V) ** order / (1 + V**2), V - 1
    declared = finite(1 + I * Piecewise((below, V < 1), (above, True)), bounds=POSITIVE)
    (report,) = verify(declared).routes
    assert report.contact_exponent == order + 1
    assert report.own_spike == Regularity(order)


def test_derived_ranges():
    declared = finite(
        2 + u, {w: tanh(V) - w, u: w - u, m: 1 - m - m * exp(V)}, {m: m / 2}, initial={m: sp.Rational(1, 2)}
    )
    case = with_derived_ranges(declared_case(declared, (declared.scalar_values,)))
    assert {s: case.derived[s] for s in (w, u, m)} == {w: (-1, 1), u: (-1, 1), m: (0, 1)}
