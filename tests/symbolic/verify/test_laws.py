"""Laws that verdicts obey: independent of names, units and notation; right for every polynomial; never a hang."""

import threading
import time

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from symbolic import NeuronModel, SpikeRule, at_infinity, jump, models
from symbolic.verify import verify

V, I = sp.symbols("V I", real=True)

LAW = settings(deadline=None, derandomize=True)


def in_other_units(model, scale):
    """The same model with all states measured in other units and other names, and time too."""
    new = {state: sp.Symbol(f"y_{state.name}", real=True) for state in model.states}
    old = {state: scale * new[state] for state in model.states}

    def put(value):
        return value if value == -sp.oo else value.subs(old, simultaneous=True) / scale

    dynamics = {new[s]: 3 * put(rate) for s, rate in model.dynamics.items()}
    threshold = model.spike.threshold if model.spike.is_at_infinity else model.spike.threshold / scale
    weight_scaled = {
        route.name: jump({new[s]: put(value) for s, value in route.jump.items()}) for route in model.routes
    }  # fmt: skip
    return NeuronModel(
        "in other units",
        dynamics=dynamics,
        spike=SpikeRule(new[model.variable], threshold),
        reset={new[s]: put(value) for s, value in model.reset.items()},
        inputs=weight_scaled,
        parameters=dict(model.parameters),
        initial={new[s]: put(value) for s, value in model.initial.items()},
    )


@pytest.mark.parametrize("name", models.names())
@pytest.mark.parametrize("scale", [sp.Rational(1, 7), pytest.param(sp.Integer(40), marks=pytest.mark.slow)])
def test_units_do_not_matter(name, scale):
    model = getattr(models, name)()
    assert verify(in_other_units(model, scale)).verdict is verify(model).verdict


@LAW
@given(st.lists(st.integers(-5, 5), min_size=1, max_size=7))
def test_every_polynomial_with_a_reset_to_minus_infinity(coefficients):
    field = sp.Poly(coefficients, V).as_expr()
    degree = sp.degree(field, V) if field.has(V) else 0
    holds = degree >= 2 and degree % 2 == 0 and sp.LC(field, V) > 0
    model = NeuronModel("p", dynamics={V: field}, spike=at_infinity(V), reset={V: -sp.oo}, inputs=V)
    assert verify(model).verdict.name == ("HOLDS" if holds else "FAILS"), field


@LAW
@given(st.lists(st.integers(-5, 5), min_size=1, max_size=6))
def test_every_polynomial_with_a_finite_reset_and_a_current(coefficients):
    field = sp.Poly(coefficients, V).as_expr()
    degree = sp.degree(field, V) if field.has(V) else 0
    leading = sp.LC(field, V) if field.has(V) else 0
    holds = degree >= 2 and degree % 2 == 0 and leading > 0
    model = NeuronModel("p", dynamics={V: field + I, I: -I}, spike=at_infinity(V), reset={V: 0}, inputs=I)
    assert verify(model).verdict.name == ("HOLDS" if holds else "FAILS"), field


@LAW
@given(st.sampled_from([1, 2, 3, 4]), st.integers(0, 5), st.fractions(-2, 2, max_denominator=3))
def test_adaptation_is_finite_if_the_field_outgrows_its_drive(half, drive, slope):
    """A field V^n + ... reached from an adaptation that follows V^m: finite at the spike exactly if n > m + 1."""
    w = sp.Symbol("w", real=True)
    degree = 2 * half
    drive_term = sp.Rational(slope.numerator, slope.denominator) * V**drive
    model = NeuronModel(
        "a",
        dynamics={V: V**degree + I - w, I: -I, w: drive_term - w},
        spike=at_infinity(V),
        reset={V: -sp.oo},
        inputs=I,
    )
    verdict = verify(model).verdict.name
    if slope == 0 or degree > drive + 1:
        assert verdict == "HOLDS"
    else:
        assert verdict in ("FAILS", "UNDECIDED")
        assert degree != drive + 1 or verdict == "FAILS"


@LAW
@given(st.fractions(-3, 3, max_denominator=4), st.fractions(-3, 3, max_denominator=4))
def test_threshold_models_hold_exactly_if_the_drive_is_above_threshold(drive, threshold):
    """V' = drive - V + I with excitation only and a finite reset: grazes exactly if drive <= threshold."""
    start = sp.Rational(threshold.numerator, threshold.denominator) - 1
    model = NeuronModel(
        "t",
        dynamics={V: sp.Rational(drive.numerator, drive.denominator) - V + I, I: -I},
        spike=SpikeRule(V, start + 1),
        reset={V: start},
        initial={V: start},
        inputs=I,
        bounds={I: (0, sp.oo)},
    )
    expected = "HOLDS" if drive > threshold else "UNDECIDED" if drive == threshold else "FAILS"
    assert verify(model).verdict.name == expected


@pytest.mark.slow
def test_no_declaration_hangs():
    """Expressions that SymPy cannot handle in time leave the verdict open, soon."""
    a, b = sp.symbols("a b", real=True)
    tower = V**2
    for _ in range(9):
        tower = sp.sqrt(1 + (tower + a * V + b) ** 2)
    model = NeuronModel("slow", dynamics={V: tower}, spike=at_infinity(V), reset={V: 0}, inputs=V, parameters=[a, b])
    verify(model)


@pytest.mark.parametrize("name", models.names())
def test_a_clock_that_runs_fifty_times_faster_changes_nothing(name, monkeypatch):
    model = getattr(models, name)()
    before = verify(model)
    for clock in ("monotonic", "perf_counter", "time"):
        real, start = getattr(time, clock), getattr(time, clock)()
        monkeypatch.setattr(time, clock, lambda real=real, start=start: start + 50 * (real() - start))
    after = verify(model)
    monkeypatch.undo()
    assert after == before
    assert after.to_dict() == before.to_dict()


def test_a_leading_coefficient_counts_however_small_it_is():
    """exp(-300) is zero to a hundred digits, but V**3 outgrows V**2: the spike is glued in no chart, V runs to -oo."""
    small = NeuronModel(
        "m", dynamics={V: V**2 + sp.exp(-300) * V**3}, spike=at_infinity(V), reset={V: -sp.oo}, inputs=V
    )
    quadratic = NeuronModel("m", dynamics={V: V**2}, spike=at_infinity(V), reset={V: -sp.oo}, inputs=V)
    assert verify(small).verdict.name == "FAILS"
    assert verify(quadratic).holds


def test_verify_works_in_any_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(verify(models.qif()).holds))
    thread.start()
    thread.join()
    assert found == [True]
