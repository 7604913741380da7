"""A wrong formula must not pass the check that every derived formula has to pass."""

import pytest
import sympy as sp

from symbolic import DerivationError, derive, models
from symbolic import time as t
from symbolic.derive.substitution import check_flow, check_spike

V = sp.Symbol("V", real=True)


@pytest.fixture
def derived():
    return derive(models.qif_delta())


def test_the_right_formulas_pass(derived):
    check_flow(derived.model, dict(derived.flow), None)
    denominator = 1 / (derived.flow[V] - sp.Rational(1, 2))  # vanishes where the flow diverges
    check_spike(derived.model, denominator, derived.time_to_spike, None)


@pytest.mark.parametrize("wrong", [lambda flow: flow + t / 10**6, lambda flow: flow.subs(t, 2 * t), lambda flow: V])
def test_a_wrong_flow_does_not(wrong, derived):
    with pytest.raises(DerivationError, match="the derived flow does not solve the declared equations"):
        check_flow(derived.model, {V: wrong(derived.flow[V])}, None)


def test_a_wrong_spike_does_not(derived):
    denominator = 1 / (derived.flow[V] - sp.Rational(1, 2))
    with pytest.raises(DerivationError, match="the derived time to spike is not a spike"):
        check_spike(derived.model, denominator, derived.time_to_spike * (1 + sp.Rational(1, 10**9)), None)
    with pytest.raises(DerivationError, match="no spike found at which to check"):
        check_spike(derived.model, denominator, sp.oo + 0 * V, None)
