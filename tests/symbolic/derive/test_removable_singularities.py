"""Formulas that divide by zero: where, and their limits there."""

import functools

import sympy as sp

from symbolic import derive, models
from symbolic.derive import singularities


@functools.cache
def leaky():
    return derive(models.lif(tau_s=0.3))


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
    assert (
        sp.simplify(sp.diff(singularity.limit, t) - quadratic().model.dynamics[V].subs({V: singularity.limit, I: 0}))
        == 0
    )


def test_what_truly_diverges_has_no_limit():
    for derived in (leaky(), quadratic()):
        for name in ("period", "phase"):
            assert found(derived, name)
            assert all(s.limit is None and not s.is_removable for s in found(derived, name).values())


def test_branches_of_a_case_distinction_that_exclude_the_place_are_left_out():
    """The time to a spike has a case of its own for a vanishing drive."""
    assert found(derive(models.qif_delta()), "time to spike") == {}
    assert "I" not in found(quadratic(), "time to spike")


def test_what_a_reader_sees():
    assert "    at tau_s = tau_m: (I*t/tau_m + V)*exp(-t/tau_m)" in str(leaky()).splitlines()
    assert r"\begin{cases}" in leaky().to_latex()
    assert str(found(leaky(), "V(t)")["tau_s"]).startswith("V(t) at tau_s = tau_m: tends to")
