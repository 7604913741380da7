"""A wrong formula must not pass the check that every derived formula has to pass."""

import functools

import pytest
import sympy as sp

from symbolic import DerivationError, derive, models
from symbolic.derive.derivation import t
from symbolic.derive.substitution import check_flow, check_spike

MODEL = models.qif_delta()
(V,) = MODEL.states


@functools.cache
def derived():
    return derive(MODEL)


def test_the_right_formulas_pass():
    check_flow(MODEL, dict(derived().flow), None)
    denominator = 1 / (derived().flow[V] - sp.Rational(1, 2))  # vanishes where the flow diverges
    check_spike(MODEL, denominator, derived().time_to_spike, None)


@pytest.mark.parametrize("wrong", [lambda flow: flow + t / 10**6, lambda flow: flow.subs(t, 2 * t), lambda flow: V])
def test_a_wrong_flow_does_not(wrong):
    with pytest.raises(DerivationError, match="the derived flow does not solve the declared equations"):
        check_flow(MODEL, {V: wrong(derived().flow[V])}, None)


def test_a_wrong_spike_does_not():
    denominator = 1 / (derived().flow[V] - sp.Rational(1, 2))
    with pytest.raises(DerivationError, match="the derived time to spike is not a spike"):
        check_spike(MODEL, denominator, derived().time_to_spike * (1 + sp.Rational(1, 10**9)), None)
    with pytest.raises(DerivationError, match="no spike found at which to check"):
        check_spike(MODEL, denominator, sp.oo + 0 * V, None)
