"""Numbers for open parameters, and one neuron of several."""

from dataclasses import replace
from itertools import islice

import pytest
import sympy as sp

import smoothspike as ss
from smoothspike.validation.instantiate import instantiate
from symbolic import NeuronModel, at_infinity, verify

V = sp.Symbol("V", real=True)
a, b = sp.symbols("a b", real=True)


def test_a_model_with_numbers_is_itself():
    model = ss.models.qif()
    assert [found.values for found in instantiate(verify(model))] == [model.values]


def test_one_model_for_each_different_neuron():
    model = ss.models.lif(tau_m=(1.0, 2.0, 1.0), tau_s=(0.5, 0.5, 0.5), V_th=2.0)
    found = list(instantiate(verify(model)))
    assert [tuple(float(value) for value in one.values.values()) for one in found] == [(1, 0.5, 2, 0), (2, 0.5, 2, 0)]


def test_numbers_obey_the_assumptions_of_the_certificate():
    declared = NeuronModel(
        "m", dynamics={V: b * V**2 + a}, spike=at_infinity(V), reset={V: -sp.oo}, inputs=V,
        parameters={a: None, b: None},
    )  # fmt: skip
    certificate = replace(verify(declared), assumptions=(b > 1, sp.Lt(a, b - 1)))
    found = [model.scalar_values for model in instantiate(certificate)]
    assert len(found) > 10
    assert all(values[b] > 1 and values[a] < values[b] - 1 for values in found)
    assert len({(values[a], values[b]) for values in found}) == len(found)
    impossible = replace(certificate, assumptions=(b > 1, b < 0))
    assert list(instantiate(impossible)) == []


@pytest.mark.parametrize("name", ["tau_m", "V_th", "V_r"])
def test_numbers_are_ones_that_can_be_declared(name):
    """Time constants are positive, and the reset lies below the threshold."""
    for model in islice(instantiate(verify(ss.models.lif(**{name: None}))), 5):
        tau_m, tau_s, threshold, reset = (float(value) for value in model.values.values())
        assert tau_m > 0
        assert tau_s > 0
        assert reset < threshold


def test_open_parameters_of_several_neurons():
    found = next(instantiate(verify(ss.models.lif(tau_m=(1.0, 2.0), V_th=None))))
    assert [float(value) for value in found.values.values()][:2] == [1, 0.5]
    assert None not in found.values.values()
