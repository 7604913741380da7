"""Three answers about every statement of a certificate: agrees, contradicts, not measured.

The certificates are written here, so that the examination is tested whether or not `verify` is right.
"""

import json
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

import smoothspike as ss
from smoothspike.validation import RouteFindings, cross_examine
from smoothspike.validation.cross_examination import CrossExamination, Notes, compare_route, is_borne_out
from smoothspike.validation.order_swap import Swap, swap_with_spike
from smoothspike.validation.random_trials import prepared
from symbolic import Regularity, Verdict, verify

V, I, x, w = sp.symbols("V I x w", real=True)
W, oo = ss.weight, sp.oo
ANALYTIC, CONTINUOUS, C1, C2 = Regularity.ANALYTIC, Regularity.CONTINUOUS, Regularity.C1, Regularity.C2


def model(dynamics, inputs, **others):
    declared = {"spike": ss.at_infinity(V), "reset": {V: -oo}, "inputs": ss.jump(inputs)} | others
    return ss.NeuronModel("m", dynamics=dynamics, **declared)


# the second derivative of the later spike is twice as large before the own spike as after it
HALVED = model({V: V**2 + 1, x: 1 - x}, {V: V + W * x}, reset={V: -oo, x: x / 2}, initial={x: 1})
# the slope of the later spike is -0.369 before the own spike and 0.370 after it
KINKED = model({V: V**2 + 1 + I, I: -I, x: sp.tanh(V) - x}, {I: I + W * x})
ROOTED = model({V: V**2 + 1 + I, I: -I, x: (1 + V**2) ** sp.Rational(1, 4) - x}, {I: I + W * x})
# a state that nothing reads
STILL = model({V: V**2 + 1, x: -x}, {x: x + W})


def certified(declared, later, is_exact=False, exponent=None):
    """A certificate that holds and says what it is told to about the only route."""
    found = verify(declared)
    route = replace(found.routes[0], later_spikes=later, later_is_exact=is_exact, order_swap=Verdict.HOLDS)
    route = replace(route, contact_exponent=route.contact_exponent if exponent is None else exponent)
    return replace(found, verdict=Verdict.HOLDS, routes=(route,))


@pytest.mark.slow
@pytest.mark.parametrize(("declared", "power"), [(KINKED, 1.0), (ROOTED, 0.5)], ids=["kink", "square root"])
def test_bends_at_the_own_spike(declared, power):
    generator = np.random.default_rng(0)
    simulator, screening = prepared(declared, generator, None, 4)
    swap = swap_with_spike(simulator, screening.with_spikes(4, at_least=2), 0, generator)
    np.testing.assert_allclose(swap.exponent, power, atol=0.02)
    assert swap.least.power == pytest.approx(power, abs=0.02)
    assert not is_borne_out(C2, False, *swap.least)
    assert is_borne_out(CONTINUOUS, True, *swap.least)


@pytest.mark.slow
def test_a_claim_that_is_too_good_is_contradicted():
    found = cross_examine(certified(HALVED, ANALYTIC, exponent=sp.Integer(2)), trials=4)
    (contradiction,) = found.contradictions
    name, swap = found.routes[0].name, found.routes[0].swap_with_spike
    np.testing.assert_allclose(swap.exponent, 2, atol=0.02)
    assert is_borne_out(C1, True, *swap.least)
    assert contradiction == (
        f"input {name} past the own spike: the next spike is singular like |delay|^2, "
        "by the certificate at least ANALYTIC"
    )
    assert "CONTRADICTS the verdict HOLDS" in str(found)
    assert not found.agrees
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["contradictions"] == [contradiction]


@pytest.mark.slow
def test_an_input_that_does_nothing_is_not_measured():
    """Its state acts on no spike: whatever the certificate says is neither confirmed nor contradicted."""
    found = cross_examine(certified(STILL, C1, exponent=sp.Integer(2)), trials=2)
    assert not found.agreements
    assert not found.agrees
    assert not found.is_complete
    assert not found.routes[0].has_effect
    assert "could not measure the verdict HOLDS" in str(found)
    assert "? not measured: the contact exponent of input x: it shifts no spike in these trials" in str(found)
    assert "? not measured: no input shifts a spike in any trial, so that none could jump" in str(found)
    assert found.to_dict()["not_measured"] == list(found.not_measured)
    assert found.to_dict()["contact_exponents"] == {"x": None}
    for exponent, later in ((sp.Integer(2), C1), (oo, ANALYTIC), (sp.Integer(3), CONTINUOUS)):
        notes = Notes()
        compare_route(certified(STILL, later, later is CONTINUOUS, exponent), found.routes[0], notes)
        assert len(notes.not_measured) == 3
        assert not notes.contradictions + notes.agreements


@pytest.mark.slow
def test_an_input_that_acts_only_from_other_states_is_started_there():
    """Its jump multiplies a state that stays at zero from the declared initial state."""
    declared = model({V: V**2 + 1, x: -x / 5}, {V: V + W * x}, reset={V: -oo, x: x / 2})
    simulator, screening = prepared(declared, np.random.default_rng(0), None, 2)
    assert simulator.numeric.model.initial[x] != 0
    assert len(screening.with_spikes(2)) == 2
    generator = np.random.default_rng(1)
    swap = swap_with_spike(simulator, screening.with_spikes(2, at_least=2), 0, generator)
    np.testing.assert_allclose(swap.exponent, 2, atol=0.02)


@pytest.mark.parametrize(
    ("proven", "is_exact", "power", "resolved", "answer"),
    [
        (ANALYTIC, False, 2.0, 2, False),
        (ANALYTIC, False, 3.0, 3, False),
        (ANALYTIC, False, np.inf, 2, None),  # a jump of the second derivative would not show
        (ANALYTIC, False, np.inf, 3, True),
        (C2, False, np.inf, 2, None),
        (C2, False, 2.0, 2, False),
        (C2, False, 2.5, 2.5, True),
        (C1, False, np.inf, 2, True),
        (C1, False, 1.0, 1, False),
        (C1, True, 4 / 3, 4 / 3, True),
        (C1, True, 2.0, 2, True),
        (C1, True, np.inf, 3, None),  # no better, it says; that may be too little to be seen
        (CONTINUOUS, True, 1.0, 1, True),
        (CONTINUOUS, True, 0.5, 0.5, True),
        (CONTINUOUS, True, np.inf, 2, False),
        (CONTINUOUS, False, np.inf, 2, True),
        (CONTINUOUS, False, 0.0, 0, False),  # a jump
        (Regularity.C5, False, np.inf, 3, True),
        (Regularity.C5, False, 3.0, 3, False),
    ],
)
def test_classes_and_powers(proven, is_exact, power, resolved, answer):
    assert is_borne_out(proven, is_exact, power, resolved) is answer


def test_what_most_trials_say():
    def swap(*powers):
        return Swap(np.zeros(len(powers)), np.array(powers), np.full(len(powers), 3.0))

    assert np.isnan(swap().least.power)
    assert np.isnan(swap(np.nan, np.nan).least.power)
    assert swap(np.nan, 2.0).least == (2, 3)
    assert swap(2.0, np.inf, np.inf, np.inf).least.power == np.inf  # one alone may be an accident
    assert swap(2.0, 2.0, np.inf, np.inf).least.power == 2


def test_findings_that_are_made_up():
    nothing = Swap(np.zeros(0), np.zeros(0), np.zeros(0))
    findings = RouteFindings("I", None, float("nan"), nothing, nothing, has_effect=False)
    found = CrossExamination(verify(ss.models.qif()), (findings,), None, (), ("yes",), (), ("the rest",))
    assert found.agrees
    assert not found.is_complete
    assert str(found).splitlines() == [
        "QIF: the simulation agrees with the verdict HOLDS, as far as it was measured.",
        "  + yes",
        "  ? not measured: the rest",
    ]
