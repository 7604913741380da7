"""Closed forms of neurons with one state: right where they are given, else refused with a reason."""

from typing import Any

import mpmath
import pytest
import sympy as sp

from symbolic import DerivationError, NeuronModel, at_infinity, crosses, derive, models
from symbolic.algebra import vanishes
from symbolic.derive import NumericForm, derive_phase
from symbolic.derive.scalar.antiderivative import integrate, rational_field
from symbolic.derive.scalar.coordinate import coordinate_of
from symbolic.structure import recognise

V = sp.Symbol("V", real=True)
t = sp.Symbol("t", nonnegative=True)


def neuron(field, reset=-sp.oo, **parameters):
    symbols = {s: value for s in field.free_symbols for name, value in parameters.items() if s.name == name}
    return NeuronModel("m", dynamics={V: field}, spike=at_infinity(V), reset={V: reset}, inputs=V, parameters=symbols)


def solved(model):
    return derive_phase(model, recognise(model))


FIELDS = {
    "exp": sp.exp(V),
    "exp + 1": sp.exp(V) + 1,
    "cosh": sp.cosh(V),
    "quadratic": V**2 + 1,
    "cubic": V**3 + V,
    "quartic": V**4 - V,
    "a repeated zero": V**2 * (V + 1) ** 2,
    "a quotient": (V**2 + 1) / (V**2 + 2) * (V + 1) ** 2,
}


@pytest.mark.parametrize("name", FIELDS)
def test_formulas_agree_with_quadrature_and_with_each_other(name):
    """At potentials other than those at which they check themselves."""
    found = solved(neuron(FIELDS[name]))
    rate = sp.lambdify(V, FIELDS[name], "mpmath")
    time = sp.lambdify(V, found.time_to_spike, "mpmath")
    flow = sp.lambdify((V, t), found.flow[V], "mpmath") if found.closed_form else None
    assert (flow is None) == (name in ("a repeated zero", "a quotient"))
    for place in (1.25, 2.5, 9.0):
        with mpmath.workdps(25):
            expected: Any = mpmath.quad(lambda v: 1 / rate(v), [place, place + 1, place + 8, mpmath.inf])
            assert time(place) == pytest.approx(expected, rel=1e-12)
            if flow is not None:
                assert time(flow(place, expected / 3)) == pytest.approx(expected * 2 / 3, rel=1e-12)


@pytest.mark.parametrize(
    ("field", "period", "rheobase"),
    [(V**2 + 1, sp.pi, -1), (sp.cosh(V), sp.pi, -1), (sp.exp(V), sp.oo, 0), (V**3 + V, sp.oo, sp.oo),
     (V**4 + 1, sp.sqrt(2) * sp.pi / 2, -1), (V**4 + V**2 + 1, sp.sqrt(3) * sp.pi / 3, -1)],
)  # fmt: skip
def test_period_and_rheobase(field, period, rheobase):
    found = solved(neuron(field))
    assert found.period == period or vanishes(found.period - period)
    assert found.rheobase == rheobase


def test_below_the_unstable_zero_no_spike_comes():
    found = solved(neuron(sp.exp(V) - 1))
    assert found.time_to_spike.subs(V, -1) == sp.oo
    assert (found.period, found.rheobase) == (sp.oo, 1)
    resting = found.flow[V].subs({V: -2, t: 3}).evalf(20)
    assert abs(resting + sp.log(1 + (sp.exp(2) - 1) * sp.exp(3)).evalf(20)) < 1e-15


def test_parameters_stay_symbols():
    threshold, width, tau = sp.symbols("V_T Delta tau", real=True)
    found = solved(neuron(width * sp.exp((V - threshold) / width) / tau, V_T=1.0, Delta=0.2, tau=2.0))
    assert found.fixed == {}
    assert sp.simplify(found.time_to_spike - tau * sp.exp((threshold - V) / width)) == 0
    rapid = derive(models.rapid_theta())
    assert rapid.fixed == {}
    assert {symbol.name for symbol in rapid.time_to_spike.free_symbols} == {"V", "tau_m", "r"}


def test_parameters_are_put_in_where_there_is_no_formula_for_others():
    found = derive(models.quartic())
    assert {s.name: value for s, value in found.fixed.items()} == {"I_0": 0}
    assert "at the declared I_0 = 0" in found.reason
    assert found.attempts[0].reason.startswith("the zeros of I_0 + V**4 - V have no closed form")
    trained = derive(models.quartic(), trainable=("I_0",))
    assert trained.method == "numeric"
    assert "holds only at the declared value of I_0, which is trainable" in trained.attempts[0].reason


def test_a_network_integrates_what_has_formulas_to_read():
    """The solver follows from the class of the equations; the formulas are beside it."""
    found = derive(models.quartic())
    assert (found.method, found.closed_form) == ("phase", True)
    assert isinstance(found.form, NumericForm)
    assert found.reason.endswith("to be read; a network integrates the equation")


@pytest.mark.parametrize("part", ["logarithms", "arctangents", "rest"])
def test_a_wrong_integral_is_noticed(monkeypatch, part):
    import dataclasses
    import sys

    def wrong(field, is_positive):
        found = integrate(field, is_positive)
        changed = {"rest": found.rest + sp.Symbol("x", real=True) * 0 + found.coordinate.of(V) / 1000}
        doubled = tuple((c * sp.Rational(1001, 1000), r) for c, r in getattr(found, part)) if part != "rest" else None
        return dataclasses.replace(found, **(changed if doubled is None else {part: doubled}))

    monkeypatch.setattr(sys.modules["symbolic.derive.scalar.time_to_spike"], "integrate", wrong)
    with pytest.raises(DerivationError, match=r"another derivative|jumps"):
        solved(neuron(V**3 + V if part == "logarithms" else V**2 + 1))


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        (sp.exp(V) - V, "is not rational in V or an exponential of it"),
        (V**4 - V + 1, "have no closed form of roots"),
        (V**2 / (V - 3), "is infinite at V = 3"),
        (0.5891318 * V + sp.exp(V) + 0.4681269, "is not rational"),
        (sp.exp(0.5891318 * V) + sp.exp(V), "is not rational"),
        ((V + 1) ** 400, "too long|no closed form of roots"),
    ],
)
def test_what_has_no_formula_is_refused_and_integrated(field, reason):
    with pytest.raises(DerivationError, match=reason):
        derive(neuron(field), method="phase")
    derived = derive(neuron(field))
    assert (derived.method, derived.closed_form) == ("numeric", False)
    assert derived.attempts[0].name == "phase"


def test_pieces_are_glued():
    found = solved(neuron(V**2 + 1 - sp.Abs(V) / 2))
    time = sp.lambdify(V, found.time_to_spike, "mpmath")
    expected: Any = mpmath.quad(lambda v: 1 / (v**2 + 1 - abs(v) / 2), [-2, 0, 1, mpmath.inf])
    assert float(time(-2.0)) == pytest.approx(float(expected), rel=1e-10)
    flow = sp.lambdify((V, t), found.flow[V], "mpmath")
    assert float(time(flow(-2.0, expected / 2))) == pytest.approx(float(expected) / 2, rel=1e-9)


def test_a_finite_threshold():
    found = derive(models.lif_oscillatory(), method="phase")
    values = {s: {"tau_m": 1, "I_0": 2, "V_th": 1, "V_r": 0}.get(s.name, s) for s in found.time_to_spike.free_symbols}
    time = found.time_to_spike.subs(values)
    assert time.subs(V, 0) == sp.log(2)
    assert time.subs(V, 3) == 0
    never = derive(models.lif_delta(), method="phase")
    assert never.period == sp.oo
    assert never.flow is not None
    at_zero = NeuronModel("m", dynamics={V: 1 - V}, spike=crosses(V, 1), reset={V: 0}, inputs=V)
    assert derive(at_zero, method="phase").period == sp.oo


def test_derivations_on_a_circle():
    model = models.theta_neuron()
    derived = derive(model, method="phase")
    assert (derived.method, derived.closed_form) == ("phase", True)
    (theta,) = model.states
    at = {**model.scalar_values, theta: sp.Rational(1, 2), t: sp.Rational(1, 3)}
    residual = sp.diff(derived.flow[theta], t) - model.dynamics[theta].subs(theta, derived.flow[theta])
    assert abs(residual.subs(at).evalf(30)) < 1e-25
    assert derived.period.subs(at) == sp.pi


def test_other_states_are_refused():
    with pytest.raises(DerivationError, match=r"QIF: I is a state besides V; a phase describes one state"):
        solved(models.qif())


def test_antiderivatives_of_every_kind_of_factor():
    b = sp.Symbol("b", positive=True)
    fields = (V**3 * (V**2 + b) ** 2, V**5 + 1, V**4 - 3 * V**2 + 1, (V - b) ** 3 * (V**2 + V + 1), sp.sinh(V) + 2)
    for field in fields:
        rows = [{b: sp.Rational(3, 2)}]
        found = integrate(rational_field(field, V, rows), lambda _: True)
        assert vanishes(sp.diff(found.at(V), V) * field - 1)
    assert coordinate_of(sp.exp(2 * V) + sp.exp(V), V).rate == 1
