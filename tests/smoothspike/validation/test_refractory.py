"""Certificates of neurons with a refractory time, against simulations."""

import pytest
import sympy as sp

import smoothspike as ss
from smoothspike.validation import cross_examine

HALF = sp.Rational(1, 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["qif_delta", "qif", "qif_finite_reset", "theta_neuron", "eif", "quartic"])
def test_measured_classes_agree_at_the_spike_and_at_the_release(name):
    model = getattr(ss.models, name)()._replaced(refractory=HALF)
    found = cross_examine(model, trials=6)
    assert found.agrees, str(found)
    assert any("past the release" in sentence for sentence in found.agreements), str(found)


@pytest.mark.slow
def test_a_jump_at_the_release_is_found_and_confirmed():
    model = ss.models.qif_finite_reset_delta()._replaced(refractory=HALF)
    witness = ss.find_witness(ss.verify(model), trials=6)
    assert witness is not None
    assert ss.simulate_witness(witness).confirms
