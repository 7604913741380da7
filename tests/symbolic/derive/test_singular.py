"""Formulas that divide by zero: where, what they tend to there, and numbers without loss of digits."""

import functools

import mpmath
import pytest
import sympy as sp

from symbolic import DerivationError, derive, models
from symbolic.derive import evaluate, singularities


@functools.cache
def leaky():
    return derive(models.lif(tau_s=0.3))


@functools.cache
def quadratic():
    return derive(models.qif())


def found(derived, name):
    return {str(s.condition.lhs): s for s in singularities(derived) if s.formula == name}


def test_equal_time_constants_of_the_leaky_neuron():
    singularity = found(leaky(), "V(t)")["tau_s"]
    V, I = leaky().model.states
    tau_m, _tau_s = (s for s in leaky().model.parameters if s.name.startswith("tau"))
    t = sp.Symbol("t", nonnegative=True)
    assert singularity.condition.rhs == tau_m
    assert sp.simplify(singularity.limit - (V + I * t / tau_m) * sp.exp(-t / tau_m)) == 0
    assert "a division by 1/tau_s - 1/tau_m" in singularity.reason


def test_no_current_in_the_quadratic_neuron():
    singularity = found(quadratic(), "V(t)")["I"]
    assert singularity.condition.rhs == 0
    V, I = quadratic().model.states
    assert not singularity.limit.has(I)
    t = sp.Symbol("t", nonnegative=True)
    assert sp.simplify(singularity.limit.subs(t, 0) - V) == 0
    expected = quadratic().model.dynamics[V].subs({V: singularity.limit, I: 0})
    assert sp.simplify(sp.diff(singularity.limit, t) - expected) == 0


def test_what_truly_diverges_has_no_limit():
    for derived in (leaky(), quadratic()):
        for name in ("period", "phase"):
            assert found(derived, name)
            assert all(s.limit is None and not s.is_removable for s in found(derived, name).values())


def test_branches_of_a_case_distinction_that_exclude_the_place_are_left_out():
    """The time to a spike has a case of its own for a vanishing drive."""
    assert found(derive(models.qif_delta()), "time to spike") == {}
    assert "I" not in found(quadratic(), "time to spike")


@pytest.mark.parametrize("gap", [0.0, 1e-16, 1e-13, -1e-9, 1e-5])
def test_no_digits_are_lost_near_equal_time_constants(gap):
    tau_s = 1.0 + gap
    value = evaluate(leaky(), "V(t)", {"tau_m": 1.0, "tau_s": tau_s, "V": 0.25, "I": 0.5, "t": 0.75})
    with mpmath.workdps(60):
        rate = 1 / mpmath.mpf(tau_s) - 1
        rise = mpmath.mpf(0.75) if rate == 0 else (1 - mpmath.exp(-rate * mpmath.mpf(0.75))) / rate
        expected = (mpmath.mpf(0.25) + mpmath.mpf(0.5) * rise) * mpmath.exp(-mpmath.mpf(0.75))
    assert value == pytest.approx(float(expected), rel=3e-16)


@pytest.mark.parametrize("current", [0.0, 1e-300, 1e-20, -1e-20, 1e-8])
def test_no_digits_are_lost_near_a_vanishing_current(current):
    value = evaluate(quadratic(), "V(t)", {"V": 0.5, "I": current, "t": 0.5})
    assert value == pytest.approx(0.5 / (0.5 + 0.5 * float(mpmath.exp(0.5))), rel=1e-15 + 10 * abs(current))


def test_two_singularities_at_once():
    """Neither limit alone has a value where the threshold is the drive and the reset as well."""
    assert evaluate(leaky(), "V(t)", {"tau_s": 1, "V": 0, "I": 0, "t": 1}) == 0.0


def test_what_cannot_be_evaluated():
    with pytest.raises(DerivationError, match="there is no formula 'speed'; there are: V"):
        evaluate(leaky(), "speed", {})
    with pytest.raises(DerivationError, match="give values to I, V, t"):
        evaluate(leaky(), "V(t)", {})
    with pytest.raises(DerivationError, match="period has no limit at"):
        evaluate(leaky(), "period", {"I": 1})


def test_what_a_reader_sees():
    assert "    at tau_s = tau_m: (I*t/tau_m + V)*exp(-t/tau_m)" in str(leaky()).splitlines()
    assert r"\begin{cases}" in leaky().to_latex()
    assert str(found(leaky(), "V(t)")["tau_s"]).startswith("V(t) at tau_s = tau_m: tends to")
