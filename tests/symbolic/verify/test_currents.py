"""What certificates say of currents: proven for every value in bounds and every step and kink, and refuted else."""

import pytest
import sympy as sp

from symbolic import NeuronModel, Regularity, Verdict, at_infinity, crosses, derive, models, verify

V, I, w, E = sp.symbols("V I w I_ext", real=True)
POSITIVE = {I: (0, sp.oo)}


def lif(bounds, inputs=I, **changes):
    return NeuronModel("lif", dynamics={V: -V + I + E, I: -I}, spike=crosses(V, 1), reset={V: 0}, inputs=inputs,
                       bounds=bounds, currents=E, **changes)  # fmt: skip


def at_infinity_with(field, reset=-sp.oo, **other):
    dynamics = {V: field} | ({I: -I} if field.has(I) else {})
    inputs = I if field.has(I) else V
    return NeuronModel(
        "m", dynamics=dynamics, spike=at_infinity(V), reset={V: reset}, inputs=inputs, currents=E, **other
    )


@pytest.mark.parametrize(
    ("field", "reset", "steps"),
    [
        # the field V**2 outgrows every current: a step u before the spike moves it by u**3, as V = 1/u and dV = u
        (V**2 + E, -sp.oo, (3, Regularity.C2)),
        (V**2 - V + I + E, -sp.oo, (3, Regularity.C2)),
        # a current that multiplies V is a conductance
        (V**2 + E * V + I, -sp.oo, (2, Regularity.C1)),
        (V**4 + 1 + E, -sp.oo, (sp.Rational(7, 3), Regularity.C2)),
        (sp.exp(V) - V + I + E, -1, (2, Regularity.C1)),
    ],
)
def test_spikes_at_infinity_are_continuous_under_any_current(field, reset, steps):
    certificate = verify(at_infinity_with(field, reset))
    assert certificate.holds
    exponent, regularity = steps
    step, kink = certificate.route("I_ext"), certificate.route("dI_ext/dt")
    assert (step.contact_exponent, step.own_spike) == (exponent, regularity)
    # a kink is one order smoother
    assert kink.contact_exponent == exponent + 1
    assert kink.own_spike == regularity + 1


def test_a_finite_threshold_holds_only_where_the_current_alone_crosses_it():
    certificate = verify(lif({E: (2, 3)} | POSITIVE))
    assert certificate.holds
    # a step at the threshold changes the slope: spike times have a kink where it meets them
    assert certificate.route("I_ext").own_spike is Regularity.CONTINUOUS
    assert certificate.route("dI_ext/dt").own_spike is Regularity.C1


@pytest.mark.parametrize("bounds", [{}, POSITIVE, {E: (sp.Rational(1, 2), 3)} | POSITIVE, {E: (-1, sp.Rational(1, 2))}])
def test_currents_that_let_the_potential_graze_are_refuted(bounds):
    certificate = verify(lif(bounds))
    assert certificate.verdict is Verdict.FAILS
    assert certificate.failures[0].name == "field is positive at the spike"


def test_bounds_are_those_of_what_is_given_and_need_no_proof():
    """The slope of a current drives it out of any range: that it stays inside is checked at run time."""
    names = {condition.name for condition in verify(lif({E: (2, 3)})).conditions}
    assert "declared ranges are kept" not in names
    assert "declared ranges are kept" in {
        condition.name for condition in verify(lif({E: (2, 3)} | POSITIVE)).conditions
    }


def test_an_open_bound_decides():
    certificate = verify(lif({E: (w, w + 1)} | POSITIVE, parameters=(w,)))
    assert certificate.verdict is Verdict.UNDECIDED
    assert {condition: case.verdict for condition, case in certificate.cases} == {
        sp.Gt(w, 1): Verdict.HOLDS, sp.Eq(w, 1): Verdict.UNDECIDED, sp.Lt(w, 1): Verdict.FAILS,
    }  # fmt: skip


def test_one_value_per_neuron_in_bounds():
    model = lif({E: (w, sp.oo)} | POSITIVE, parameters={w: (2, 3)})
    assert verify(model).holds
    assert verify(model.with_parameters(w=(2, 0.5))).verdict is Verdict.FAILS


def test_a_wrong_assumption_on_the_symbol_is_not_believed():
    positive = sp.Symbol("E", positive=True)
    model = NeuronModel("m", dynamics={V: V**2 + positive}, spike=at_infinity(V), reset={V: -sp.oo}, inputs=V,
                        currents=positive)  # fmt: skip
    assert verify(model).verdict is Verdict.UNDECIDED


def test_a_constant_current_leaves_the_closed_form():
    derived = derive(at_infinity_with(V**2 + E))
    assert derived.closed_form
    # a regular spiker: V = sqrt(E) tan(sqrt(E) t)
    assert sp.simplify(derived.period - sp.pi / sp.sqrt(E)) == 0
    t = next(iter(symbol for symbol in derived.flow[V].free_symbols if symbol.name == "t"))
    assert sp.N(derived.flow[V].subs({V: 0, E: 4, t: 0.3}) - 2 * sp.tan(0.6)) == pytest.approx(0, abs=1e-14)
    assert not derive(at_infinity_with(V**2 - V + I + E)).closed_form


def test_models_without_currents_are_what_they_were():
    certificate = verify(models.qif())
    assert certificate.model == models.qif()
    assert [route.name for route in certificate.routes] == ["I"]
