"""Declared models as functions of arrays, and where their line ends."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import smoothspike as ss
from smoothspike.validation.cutoff_study import settles
from smoothspike.validation.equations import numeric_model
from symbolic import ModelError, NeuronModel, at_infinity, crosses, jump, weight

pytestmark = pytest.mark.usefixtures("float64")

V, I, J = sp.symbols("V I J", real=True)
LEFT = 1e-18 ** np.array([0.125, 0.25, 0.5, 1.0])


def line(field, reset=-sp.oo):
    return numeric_model(NeuronModel("m", dynamics={V: field}, spike=at_infinity(V), reset={V: reset}, inputs=V))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: ss.models.lif(V_th=None), r"LIF: parameter V_th needs one value to be simulated, not None"),
        (lambda: ss.models.qif(tau_m=(1.0, 2.0), tau_s=(0.5, 1.0)), r"QIF: parameter tau_m needs one value .* not \("),
    ],
)
def test_open_parameters_are_refused(model, message):
    with pytest.raises(ModelError, match=message):
        numeric_model(model())


@pytest.mark.parametrize(
    ("field", "left"),
    [
        (V**2, lambda v, s: 1 / (v * s)),
        (V**2 - V, lambda v, s: 1 / ((v - 1) * s)),
        (V**4, lambda v, s: 1 / (v**3 * s)),
        (sp.exp(V), lambda v, s: v * np.exp(-v) / s),
        (sp.exp(V) - V, lambda v, s: v * np.exp(-v) / s),
        (sp.cosh(V), lambda v, s: 2 * v * np.exp(-v) / s),
        (sp.Abs(V) ** sp.Rational(11, 10), lambda v, s: v**-0.1 / s),
    ],
)
def test_the_spike_is_where_little_time_is_left(field, left):
    """The cut-offs are where V/V' is that small, on a grid of 0.05 in asinh(V)."""
    ready = line(field)
    assert ready.is_reachable
    assert list(ready.tops) == sorted(set(ready.tops))
    assert ready.top == ready.tops[-1]
    assert list(ready.bottoms) == sorted(set(ready.bottoms), reverse=True)
    assert ready.bottoms[0] < 0 < ready.tops[0]
    at = left(np.sinh(ready.tops), ready.time_scale)
    before = left(np.sinh(np.array(ready.tops) - 0.05), ready.time_scale)
    assert (at <= LEFT * 1.01).all()
    assert (before >= LEFT * 0.99).all()


@pytest.mark.parametrize("field", [V, 1 + 0 * V, sp.sqrt(1 + V**2) * sp.log(2 + V**2), V - V**3])
def test_where_infinity_is_out_of_reach(field):
    """Linear, constant, up to a logarithm, or not upwards at all: cut off where floating-point numbers still tell."""
    ready = line(field, reset=0)
    ends = np.array(ready.tops)
    assert (np.diff(ends) > 0).all()
    assert np.isfinite(np.sinh(ends)).all()
    if field != V - V**3:
        assert not ready.is_reachable


@pytest.mark.parametrize("power", ["21/20", "11/10"])
def test_where_the_numbers_end_before_the_time(power):
    """The square overflows before a slow power has used up the time: cut off where it falls, not where it overflows."""
    ready = line((1 + V**2) ** (sp.Rational(power) / 2))
    assert not ready.is_reachable
    np.testing.assert_allclose(np.diff(np.log2(ready.tops)), 1)
    assert np.isfinite(ready.equations.rates(jnp.sinh(jnp.array([ready.top])))).all()
    assert settles(np.sinh(ready.tops) ** float(1 - sp.Rational(power)))


def test_millivolts():
    ready = numeric_model(ss.models.izhikevich())
    np.testing.assert_array_equal(ready.initial, [-65, -13, 0])
    assert ready.is_reachable
    assert np.sinh(ready.tops[0]) > 30  # beyond the cut-off of the source
    assert np.sinh(ready.bottoms[0]) < -65
    assert 0.3 < ready.time_scale < 30


def test_a_circle_and_a_threshold():
    for model, threshold in ((ss.models.theta_current(), np.pi), (ss.models.lif(V_th=2.5), 2.5)):
        ready = numeric_model(model)
        np.testing.assert_allclose(np.sinh(ready.tops), threshold, rtol=1e-15)
        assert ready.is_reachable
        assert np.sinh(ready.bottoms[0]) < -np.pi


def test_an_input_never_takes_an_angle_across_its_ends():
    """Rounding may leave the angle beyond them by its last digit; a spike would be lost there, or come twice."""
    change = numeric_model(ss.models.theta_neuron()).equations.jump
    angles = np.pi * np.array([-1 - 4e-16, -1, -1 + 4e-16, 1 - 4e-16, 1, 1 + 4e-16])
    for strength in jnp.array([-3.0, 3.0]):
        moved = jax.vmap(lambda angle, w=strength: change(jnp.array(0), w, angle[None])[0])(jnp.asarray(angles))
        np.testing.assert_allclose(moved, angles, rtol=1e-14)
        assert (np.abs(moved) < np.pi).all()


def test_rates_jumps_and_resets_are_those_declared():
    declared = NeuronModel(
        "m", dynamics={V: sp.Piecewise((V**2, V > 0), (-V, True)) + I * J, I: J - I, J: -J / 2}, spike=crosses(V, 5),
        reset={V: -1, I: I + J}, inputs={"one": J, "both": jump({I: I + weight, J: J - 2 * weight}), "V": V},
        initial={V: sp.Rational(1, 4), J: 3},
    )  # fmt: skip
    ready = numeric_model(declared)
    np.testing.assert_array_equal(ready.initial, [0.25, 0, 3])
    for v in (2.0, -2.0):
        states = jnp.array([v, 0.5, 3.0])
        np.testing.assert_allclose(ready.equations.rates(states), [1.5 + (4 if v > 0 else 2), 2.5, -1.5])
        np.testing.assert_allclose(ready.equations.reset(states), [-1, 3.5, 3])
        for route, expected in ((-1, states), (0, [v, 0.5, 4]), (1, [v, 1.5, 1]), (2, [v + 1, 0.5, 3])):
            np.testing.assert_allclose(ready.equations.jump(jnp.array(route), jnp.array(1.0), states), expected)


def test_lines_at_a_cut_off():
    ready = numeric_model(ss.models.qif_delta())
    for cut in range(4):
        found = ready.line(cut)
        assert (found.top, found.bottom) == (ready.tops[cut], ready.bottoms[cut])
    assert ready.line().top == ready.top
