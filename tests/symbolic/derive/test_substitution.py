"""A wrong formula must not pass the check that every derived formula has to pass."""

import pytest
import sympy as sp

from symbolic import DerivationError, derive, models
from symbolic.derive.derivation import t
from symbolic.derive.substitution import check_flow, check_spike

MODEL = models.qif_delta()
DERIVED = derive(MODEL)
(V,) = MODEL.states


def test_the_right_formulas_pass():
    check_flow(MODEL, dict(DERIVED.flow), None)
    denominator = 1 / (DERIVED.flow[V] - sp.Rational(1, 2))  # vanishes where the flow diverges
    check_spike(MODEL, denominator, DERIVED.time_to_spike, None)


@pytest.mark.parametrize("wrong", [lambda flow: flow + t / 10**6, lambda flow: flow.subs(t, 2 * t), lambda flow: V])
def test_a_wrong_flow_does_not(wrong):
    with pytest.raises(DerivationError, match="the derived flow does not solve the declared equations"):
        check_flow(MODEL, {V: wrong(DERIVED.flow[V])}, None)


def test_a_wrong_spike_does_not():
    denominator = 1 / (DERIVED.flow[V] - sp.Rational(1, 2))
    with pytest.raises(DerivationError, match="the derived time to spike is not a spike"):
        check_spike(MODEL, denominator, DERIVED.time_to_spike * (1 + sp.Rational(1, 10**9)), None)
    with pytest.raises(DerivationError, match="no spike found at which to check"):
        check_spike(MODEL, denominator, sp.oo + 0 * V, None)
