"""Closed forms of neurons with one state: right where they are given, and refused with a reason where SymPy fails."""

import mpmath
import numpy as np
import pytest
import sympy as sp

from symbolic import DerivationError, NeuronModel, at_infinity, models
from symbolic.derive import PhaseForm, Refusal, derive_phase, phase_closed_form
from symbolic.derive.antiderivative import coordinate_of
from symbolic.derive.writing import expanded, roots_taken_out, without_differences, without_overflow
from symbolic.structure import recognise

V = sp.Symbol("V", real=True)
t, u = sp.Symbol("t", nonnegative=True), sp.Symbol("u", positive=True)
SECONDS = 20.0  # generous: the outcome must not depend on how busy the machine is


def neuron(field, reset=-sp.oo, **parameters):
    symbols = {s: value for s in field.free_symbols for name, value in parameters.items() if s.name == name}
    return NeuronModel("m", dynamics={V: field}, spike=at_infinity(V), reset={V: reset}, inputs=V, parameters=symbols)


def solved(model):
    return phase_closed_form(model, recognise(model), SECONDS)


FIELDS = {
    "exp": sp.exp(V),
    "exp + 1": sp.exp(V) + 1,
    "cosh": sp.cosh(V),
    "quadratic": V**2 + 1,
    "cubic": V**3 + V,
    "quartic": V**4 - V,
}


@pytest.mark.parametrize("name", FIELDS)
def test_formulas_agree_with_quadrature_and_with_each_other(name):
    """At potentials other than those at which they check themselves, and in double precision."""
    form = solved(neuron(FIELDS[name]))
    assert isinstance(form, PhaseForm)
    assert form.is_closed
    assert form.is_accurate
    rate = sp.lambdify(V, FIELDS[name], "mpmath")
    time, flow = sp.lambdify(V, form.time_to_spike, "numpy"), sp.lambdify((V, t), form.flow, "numpy")
    back = sp.lambdify(u, form.phase_to_potential, "numpy")
    for place in (1.25, 2.5, 9.0):
        with mpmath.workdps(25):
            expected = float(mpmath.quad(lambda v: 1 / rate(v), [place, place + 1, place + 8, mpmath.inf]))
        assert float(time(place)) == pytest.approx(expected, rel=1e-12)
        assert float(back(expected)) == pytest.approx(place, rel=1e-11)
        assert float(time(flow(place, expected / 3))) == pytest.approx(expected * 2 / 3, rel=1e-11)


@pytest.mark.parametrize(
    ("field", "period", "rheobase"),
    [(V**2 + 1, sp.pi, -1), (sp.cosh(V), sp.pi, -1), (sp.exp(V), sp.oo, 0), (V**3 + V, sp.oo, sp.oo)],
)
def test_period_and_rheobase(field, period, rheobase):
    form = solved(neuron(field))
    assert form.period == period
    assert form.rheobase == rheobase


def test_below_the_unstable_zero_no_spike_comes():
    form = solved(neuron(sp.exp(V) - 1))
    assert form.zeros == (0,)
    assert not form.is_global
    assert form.time_to_spike.subs(V, -1) == sp.oo
    assert form.period == sp.oo
    assert form.rheobase == 1
    resting = form.flow.subs({V: -2, t: 3}).evalf(20)
    assert abs(resting + sp.log(1 + (sp.exp(2) - 1) * sp.exp(3)).evalf(20)) < 1e-15


def test_parameters_stay_symbols():
    threshold, width, tau = sp.symbols("V_T Delta tau", real=True)
    form = solved(neuron(width * sp.exp((V - threshold) / width) / tau, V_T=1.0, Delta=0.2, tau=2.0))
    assert form.fixed == {}
    assert sp.simplify(form.time_to_spike - tau * sp.exp((threshold - V) / width)) == 0


@pytest.mark.parametrize("wrong", [sp.S.Zero, sp.atan(V) + sp.sign(V - 2), sp.atan(V) * sp.Rational(1001, 1000)])
def test_a_wrong_integral_is_noticed(monkeypatch, wrong):
    """SymPy 1.14 returns 0 for the integral of `1/(V**4 - V + I_0)`."""
    from symbolic.derive import antiderivative

    monkeypatch.setattr(antiderivative.sp, "integrate", lambda expression, variable: wrong.subs(V, variable))
    assert isinstance(solved(neuron(V**2 + 1)), Refusal)


def test_a_sum_over_roots_is_no_formula():
    form = solved(models.quartic(I_0=1.0))
    assert isinstance(form, Refusal)
    assert form.form.zeros == ()
    assert form.form.is_global
    assert [what for what, _ in form.attempts] == ["for any parameters", "at the declared parameters"]
    assert "RootSum" in form.reason


@pytest.mark.parametrize("field", [sp.exp(V) - V, 1 + V**2 + sp.exp(V)])
def test_what_sympy_cannot_integrate_is_refused(field):
    found = solved(neuron(field))
    assert isinstance(found, Refusal)
    assert "implicit" in str(found)
    derived = derive_phase(neuron(field), recognise(neuron(field)))
    assert not derived.closed_form
    assert "no closed form: " in derived.reason
    assert derived.reason.endswith("solved by quadrature")


def test_a_sum_of_logarithms_that_cancels_is_not_accurate():
    form = solved(neuron(V**4 + 1))
    assert not form.is_accurate
    assert ("the time to spike", "it loses digits in double precision") in form.attempts
    plain = sp.lambdify(V, form.time_to_spike, "numpy")
    assert abs(float(plain(np.float64(1e5))) * 3e15 - 1) > 1e-3
    assert form.period == sp.sqrt(2) * sp.pi / 2


def test_pieces_are_glued():
    form = solved(neuron(V**2 + 1 - sp.Abs(V) / 2))
    time = sp.lambdify(V, form.time_to_spike, "mpmath")
    expected = mpmath.quad(lambda v: 1 / (v**2 + 1 - abs(v) / 2), [-2, 0, 1, mpmath.inf])
    assert float(time(-2.0)) == pytest.approx(float(expected), rel=1e-10)
    assert float(form.phase_to_potential.subs(u, expected)) == pytest.approx(-2.0, rel=1e-8)


def test_a_finite_threshold():
    form = solved(models.lif_oscillatory())
    values = {s: {"tau_m": 1, "I_0": 2, "V_th": 1, "V_r": 0}.get(s.name, s) for s in form.time_to_spike.free_symbols}
    time = form.time_to_spike.subs(values)
    assert time.subs(V, 0) == sp.log(2)
    assert time.subs(V, 3) == 0
    never = solved(models.lif_delta())
    assert never.period == sp.oo
    assert never.flow is not None


def test_derivations_on_a_circle():
    model = models.theta_neuron()
    derived = derive_phase(model, recognise(model))
    assert derived.method == "phase"
    assert derived.closed_form
    (theta,) = model.states
    at = {**model.scalar_values, theta: sp.Rational(1, 2), t: sp.Rational(1, 3)}
    residual = sp.diff(derived.flow[theta], t) - model.dynamics[theta].subs(theta, derived.flow[theta])
    assert abs(residual.subs(at).evalf(30)) < 1e-25
    assert float(derived.period.subs(at)) == pytest.approx(np.pi)


def test_other_states_are_refused():
    with pytest.raises(DerivationError, match="QIF: I is a state besides V; a phase describes one state"):
        phase_closed_form(models.qif(), recognise(models.qif()))


def test_forms():
    x, z = sp.symbols("x z", real=True)
    assert coordinate_of(sp.exp(2 * V) + sp.exp(V), V).rate == 1
    for form in (without_overflow(sp.log(sp.exp(x) + 1))[1], without_differences(sp.exp(x) - 1), expanded(x / z)):
        assert form.free_symbols <= {x, z}
    assert roots_taken_out(sp.cbrt(x**3 / (z + 1))) == x * sp.cbrt(1 / (z + 1))
