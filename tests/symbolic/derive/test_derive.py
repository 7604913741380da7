"""Derivations: formulas that solve the declared equations, and refusals that say why."""

import re

import pytest
import sympy as sp
from cases import SOLVED

from symbolic import DerivationError, NeuronModel, at_infinity, crosses, derive, jump, models, weight
from symbolic import time as t
from symbolic.derive import AffineForm, ProjectiveForm

V, I, J, theta = sp.symbols("V I J theta", real=True)
g = sp.Symbol("g", nonnegative=True)
tau, tau_s = sp.symbols("tau tau_s", positive=True)
NAMES = [name for name in SOLVED if name not in ("lif_delta", "lif_oscillatory")]


def derived_of(name):
    return derive(getattr(models, name)())


def symbol(model, name):
    return next(s for s in (*model.states, *model.parameters) if s.name == name)


def quadratic(name="m", field=None, dynamics=None, reset=None, inputs=V, parameters=None):
    return NeuronModel(
        name, dynamics={V: V**2 + 1 if field is None else field} | (dynamics or {}), spike=at_infinity(V),
        reset={V: -sp.oo} | (reset or {}), inputs=inputs, parameters=parameters or {},
    )  # fmt: skip


def linear(field, reset, others=None):
    states = {V: field, I: -I} | (others or {})
    return NeuronModel("m", dynamics=states, spike=crosses(V, 1), reset=reset, inputs=I)


@pytest.mark.parametrize("name", NAMES)
def test_the_flow_solves_the_equations(name):
    """At numbers other than those at which `derive` checks itself."""
    derived = derived_of(name)
    assert derived.closed_form
    point = dict(derived.model.scalar_values)
    point |= {state: sp.Rational(3 + 2 * i, 10) for i, state in enumerate(derived.model.states)}
    for state, formula in derived.flow.items():
        rate = derived.model.dynamics[state].subs(dict(derived.flow), simultaneous=True)
        for time in (sp.Rational(1, 7), sp.Rational(1, 3)):
            residual = (sp.diff(formula, t) - rate).subs(point).subs(t, time)
            assert abs(residual.evalf(40)) < 1e-30
        assert abs((formula.subs(t, 0) - state).subs(point).evalf(40)) < 1e-30


@pytest.mark.parametrize(
    ("name", "rheobase", "period"),
    [
        ("qif", lambda m: sp.Rational(1, 4), lambda m: 2 * sp.pi * m("tau_m") / sp.sqrt(4 * m("I") - 1)),
        ("qif_delta", lambda m: 1 / (4 * m("tau_m")), lambda m: sp.oo),
        ("theta_neuron", lambda m: -m("I_0") / m("tau_m"), lambda m: sp.pi * m("tau_m") / sp.sqrt(m("I_0"))),
        ("lif", lambda m: m("V_th"), lambda m: m("tau_m") * sp.log((m("I") - m("V_r")) / (m("I") - m("V_th")))),
    ],
)
def test_rheobase_and_period_of_the_textbooks(name, rheobase, period):
    derived = derived_of(name)

    def named(symbol_name):
        return symbol(derived.model, symbol_name)

    assert sp.simplify(derived.rheobase - rheobase(named)) == 0
    expected = period(named)
    assert derived.period == expected or sp.simplify(derived.period - expected) == 0


def test_phase_and_period_belong_together():
    """The phase is 0 right after the reset and the period at the spike."""
    derived = derived_of("qif")
    at = {symbol(derived.model, "tau_m"): 1, symbol(derived.model, "I"): 3}
    phase = derived.phase.subs(at)
    potential = symbol(derived.model, "V")
    assert sp.limit(phase, potential, -sp.oo) == 0
    assert sp.simplify(sp.limit(phase, potential, sp.oo) - derived.period.subs(at)) == 0
    leaky = derived_of("lif")
    at = {s: {"V_th": 1, "V_r": 0, "tau_m": 1, "I": 3}.get(s.name, s) for s in leaky.phase.free_symbols}
    assert leaky.phase.subs(at).subs(symbol(leaky.model, "V"), 0) == 0


def test_the_lif_has_closed_spike_times_for_two_ratios_only():
    for tau_s_value, closed in ((0.5, True), (1.0, True), (0.7, False)):
        derived = derive(models.lif(tau_s=tau_s_value))
        assert derived.closed_form is closed
        assert (derived.time_to_spike is not None) is closed
        assert derived.flow is not None
    assert derive(models.lif(tau_s=1.0)).time_to_spike.has(sp.LambertW)


@pytest.mark.parametrize(
    ("potential", "current", "spikes"),
    [(0, 5, True), (0, 3, False), (-2, sp.Rational(1, 10), False), (-2, 20, True), (sp.Rational(1, 2), -1, False)],
)
@pytest.mark.parametrize("tau_s_value", [0.5, 1.0])
def test_the_lif_spikes_where_its_potential_reaches_the_threshold(potential, current, spikes, tau_s_value):
    """A strongly inhibited neuron with a weak current must not get a complex time."""
    model = models.lif(tau_s=tau_s_value)
    derived = derive(model)
    V, I = model.states
    spikes = spikes or (tau_s_value == 1.0 and current == 3)
    time = derived.time_to_spike.subs(model.scalar_values).subs({V: potential, I: current})
    assert (time != sp.oo) == spikes
    if spikes:
        assert time.is_real
        reached = derived.flow[V].subs(model.scalar_values).subs({V: potential, I: current, t: time})
        assert abs(reached.evalf(30) - 1) < 1e-25


class TestRelations:
    def test_the_qif_needs_half_the_time_constant(self):
        relation = derived_of("qif").relation
        assert {s.name for s in relation.parameters} == {"tau_m", "tau_s"}
        assert str(relation) == "tau_s = tau_m/2"
        for parameter, solution in relation.solutions.items():
            assert sp.simplify(relation.equation.subs(parameter, solution)) == 0

    def test_any_values_that_obey_it_will_do(self):
        assert derive(models.qif(tau_m=3.0, tau_s=1.5)).closed_form
        assert derive(models.qif(tau_m=(1.0, 3.0), tau_s=(0.5, 1.5))).closed_form

    @pytest.mark.parametrize("values", [(1.0, 1.0), (1.0, 0.5 + 1e-9), ((1.0, 2.0), (0.5, 0.5))])
    def test_others_are_solved_otherwise_and_told_what_is_needed(self, values):
        derived = derive(models.qif(*values))
        assert (derived.method, derived.closed_form) == ("projective", False)
        assert re.search(r"Bessel functions; a closed form exists where tau_s = tau_m/2", derived.attempts[0].reason)

    def test_a_relation_that_needs_no_parameters(self):
        derived = derive(quadratic(field=V**2 - V + I, dynamics={I: -2 * I}, inputs=I))
        assert (derived.closed_form, derived.relation) == (True, None)

    def test_values_must_be_known(self):
        reason = derive(models.qif(tau_s=None)).attempts[0].reason
        assert "a closed form exists where tau_s = tau_m/2" in reason
        assert "give tau_s a value" in reason

    def test_a_relation_between_trained_parameters_does_not_count(self):
        derived = derive(models.qif(), trainable=("tau_m",))
        assert derived.relation is None
        assert derived.attempts[0].reason == "it holds only where tau_s = tau_m/2, and tau_m is trainable"


def test_forms():
    assert isinstance(derived_of("qif").form, ProjectiveForm)
    assert isinstance(derived_of("lif").form, AffineForm)
    assert derived_of("theta_neuron").form.circle is not None


@pytest.mark.parametrize("name", NAMES)
def test_what_a_reader_sees(name):
    derived = derived_of(name)
    text = str(derived)
    assert text.startswith(f"{derived.model.name}: method {derived.method}\n  because {derived.reason}")
    assert all(f"{key} = " in text for key in derived.formulas)
    latex = derived.to_latex()
    assert latex.startswith("\\begin{aligned}")
    assert latex.count("&=") == len(derived.formulas)
    assert derived._repr_latex_() == f"${latex}$"


@pytest.mark.parametrize("name", NAMES)
def test_equal_models_have_equal_derivations(name):
    again = derive(getattr(models, name)(), method=derived_of(name).method)
    assert again == derived_of(name)
    assert hash(again) == hash(derived_of(name))


@pytest.mark.parametrize(
    ("model", "method", "message"),
    [
        (quadratic(field=V**2 + g * V, dynamics={g: -g}, inputs=g), "projective", "a conductance"),
        (
            quadratic(field=V**2 + I, dynamics={I: 1 - I}, inputs=I),
            "projective",
            "dI/dt = 1 - I is not a plain exponential decay",
        ),
        (
            quadratic(field=V**2 - V + I + J, dynamics={I: -2 * I, J: -3 * J}, inputs=I),
            "projective",
            "Bessel functions|different time constants",
        ),
        (
            quadratic(reset={V: sp.Integer(-5)}),
            "projective",
            "an elementary solution passes through infinity; this neuron resets V to -5",
        ),
        (
            quadratic(field=V**2 - V + I, dynamics={I: -2 * I}, reset={I: I + 1}, inputs=I),
            "projective",
            "an elementary solution passes through infinity; this neuron's reset changes I",
        ),
        (quadratic(field=-(V**2)), "phase", r"coefficient -1 of V\*\*2 is not positive: no spikes"),
        (quadratic(inputs=jump({V: V + weight**2})), "phase", r"changes V by weight\*\*2; .* proportional"),
        (quadratic(field=V**2 + g**2, dynamics={g: -g}, inputs=g), "numeric", "not affine|not linear"),
        (linear(V + I, {V: 0}), "linear", r"no leak \(the field grows with V\)"),
        (linear(I - V, {V: 0, I: 0}), "linear", "the reset I -> 0 depends on or changes other states"),
        (linear(I - V, {V: 0}, {I: 2 - I}), "linear", "dI/dt = 2 - I is not a plain exponential decay"),
        (linear(I - V + J, {V: 0}, {I: -I, J: -2 * J}), "linear", "its currents decay at different rates"),
    ],
)
def test_attempts(model, method, message):
    """What a better solver could not do is said, and another one found."""
    derived = derive(model)
    assert derived.method == method
    assert any(re.search(message, attempt.reason) for attempt in derived.attempts)
    assert f"not by {derived.attempts[0].name}: {derived.attempts[0].reason}" in str(derived)


@pytest.mark.parametrize("method", [None, "linear", "numeric"])
def test_a_linear_field_at_infinity_is_refused(method):
    with pytest.raises(DerivationError, match="a linear field never reaches infinity; declare a finite threshold"):
        derive(quadratic(field=-V), method)


@pytest.mark.parametrize(
    ("model", "method", "message"),
    [
        (
            models.lif(),
            "projective",
            "method 'projective' does not apply: .*every equation is affine.* method='linear'",
        ),
        (models.qif(), "linear", "method 'linear' does not apply: .* use method='projective'"),
        (models.eif(), "projective", "method 'projective' does not apply: it is of the general class"),
        (models.eif(), "linear", r"exp.* is not affine in the states"),
        (models.qif(), "magic", "unknown method 'magic'; choose one of projective, linear, phase, numeric, or leave"),
    ],
)
def test_a_method_that_does_not_apply(model, method, message):
    with pytest.raises(DerivationError, match=message):
        derive(model, method=method)


@pytest.mark.parametrize("name", models.names())
def test_every_library_model_has_a_solver_and_can_be_integrated(name):
    model = getattr(models, name)()
    assert derive(model).method in ("projective", "linear", "phase", "numeric")
    assert derive(model, method="numeric").method == "numeric"


def test_which_library_models_are_solved_by_the_simplest_formulas():
    def is_simple(name):
        derived = derive(getattr(models, name)())
        return isinstance(derived.form, (ProjectiveForm, AffineForm)) and derived.flow is not None

    assert {name for name in models.names() if is_simple(name)} == set(SOLVED)


@pytest.mark.parametrize(
    ("name", "rheobase"),
    [("qif_alpha", sp.Rational(1, 4)), ("lif_alpha", "V_th"), ("eif", "V_T - Delta"), ("adex", "V_T - Delta")],
)
def test_rheobase_of_general_solvers(name, rheobase):
    model = getattr(models, name)()
    named = {symbol.name: symbol for symbol in model.parameters}
    expected = sp.sympify(rheobase, locals=named)
    assert sp.simplify(derive(model).rheobase - expected) == 0


@pytest.mark.parametrize("equations", ["dV/dt = V*(V - 1) + I; dI/dt = -2*I", "dV/dt = V*(V - 1) + I; dI/dt = -I/3"])
def test_a_finite_threshold_is_never_passed_on_the_projective_line(equations):
    model = NeuronModel.from_equations(equations, name="peak", spike="V = 5", reset="V = -1", inputs="I")
    derivation = derive(model)
    assert derivation.method == "numeric"
    assert "spikes at V = 5" in derivation.attempts[0].reason
    with pytest.raises(DerivationError, match="spikes at infinity"):
        derive(model, method="projective")
