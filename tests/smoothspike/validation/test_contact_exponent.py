"""Fitted exponents of made-up shifts and bends."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import smoothspike as ss
from smoothspike.validation.contact_exponent import (
    NEAR_INFINITY,
    NEAR_THRESHOLD,
    contact,
    fitted_exponent,
    places_before_spike,
)
from smoothspike.validation.equations import numeric_model

FAR = np.geomspace(1e-6, 1e-13, 9)  # times left to a spike at infinity
NEAR = np.geomspace(1e-2, 1e-5, 9)  # and to one at a threshold


@given(exponent=st.floats(0.5, 6), factor=st.floats(1e-3, 1e3), far=st.booleans())
def test_powers(exponent, factor, far):
    left = FAR if far else NEAR
    assert fitted_exponent(left, factor * left**exponent) == pytest.approx(exponent, abs=1e-6)


@given(exponent=st.integers(1, 4), power=st.sampled_from([-1, 1, 2]))
def test_powers_beside_logarithms(exponent, power):
    """Their slopes approach the exponent like 1/log(u), which is extrapolated."""
    found = fitted_exponent(FAR, FAR**exponent * np.log(1 / FAR) ** power)
    assert found == pytest.approx(exponent, abs=0.02)


def test_powers_beside_powers():
    assert fitted_exponent(FAR, FAR**2 + 3 * FAR**3) == pytest.approx(2, abs=1e-4)
    assert fitted_exponent(NEAR, NEAR + 2 * NEAR**2) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("left", [FAR, NEAR, np.geomspace(0.3, 0.01, 9)])
def test_flat_shifts(left):
    with np.errstate(under="ignore"):
        assert fitted_exponent(left, np.exp(-1 / left)) == np.inf


def test_slopes_that_do_not_settle():
    """Neither a power nor flat: between two powers, the fit would name one that is not there."""
    crossover = FAR**2 + 1e-20 * FAR**0.2
    assert np.isnan(fitted_exponent(FAR, crossover))


def test_what_could_not_be_measured():
    shift = FAR**3
    assert np.isnan(fitted_exponent(FAR, np.full(9, np.nan)))
    assert np.isnan(fitted_exponent(np.where(np.arange(9) < 4, FAR, np.nan), shift))
    some = np.where(np.isin(np.arange(9), [0, 4]), np.nan, shift)
    assert fitted_exponent(FAR, some) == pytest.approx(3, abs=1e-6)
    assert fitted_exponent(FAR, shift[::-1][::-1]) == pytest.approx(3, abs=1e-6)


@pytest.mark.parametrize(("name", "first", "last"), [("qif_delta", 1e-6, 1e-13), ("lif_oscillatory", 1e-2, 1e-5)])
def test_places_are_as_far_from_the_spike_as_asked_for(name, first, last):
    """The time left is log(V/(V - 1)) and log((2 - V)/(2 - 1)) there."""
    ready = numeric_model(getattr(ss.models, name)())
    with jax.enable_x64(True):
        span = NEAR_INFINITY if name == "qif_delta" else NEAR_THRESHOLD
        potential = np.asarray(jnp.sinh(places_before_spike(ready, jnp.zeros(0), span)))
    left = np.log1p(1 / (potential - 1)) if name == "qif_delta" else np.log1p(1 - potential)
    assert (np.diff(left) < 0).all()
    np.testing.assert_allclose(left[[0, -1]] / ready.time_scale, [first, last], rtol=0.02)


@pytest.mark.slow
def test_an_input_without_effect_has_no_exponent():
    """Its jump multiplies a state that is zero, or not: a shift of exactly zero is no fast power."""
    V, x = sp.symbols("V x", real=True)
    model = ss.NeuronModel(
        "m", dynamics={V: V**2 + 1, x: -x}, spike=ss.at_infinity(V), reset={V: -sp.oo},
        inputs=ss.jump({V: V + ss.weight * x}),
    )  # fmt: skip
    found = contact(numeric_model(model), 0, np.array([[0.0], [1.0]]), np.random.default_rng(0))
    assert np.isnan(found.exponent[0])
    assert found.exponent[1] == pytest.approx(2, abs=1e-3)
