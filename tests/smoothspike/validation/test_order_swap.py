"""Powers of made-up bends: what a smooth function hides, and what cannot be told."""

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from smoothspike.validation.order_swap import DELAYS, singular_power

AROUND = np.concatenate([DELAYS, -DELAYS])
NEAR = st.floats(-1, 1)


def of(function):
    with np.errstate(all="ignore"):
        values = 3 + function(AROUND)
    return singular_power(values[: len(DELAYS)], values[len(DELAYS) :])


def smooth(slope, bend, curl):
    return lambda d: np.sin((1 + slope) * d) + bend * d**2 + curl * np.exp(d)


@given(NEAR, NEAR, NEAR, st.sampled_from([0.5, 2 / 3, 1.0, 4 / 3, 1.5, 1.75]), st.floats(0.2, 2), NEAR, st.booleans())
@settings(derandomize=True, max_examples=80, deadline=None, phases=[Phase.generate])
def test_roots_and_kinks(slope, bend, curl, power, size, other, is_after):
    """A power on one side, and another multiple of it on the other one, beside anything smooth."""
    sides = (size, other * size / 2) if is_after else (other * size / 2, size)
    found = of(lambda d: smooth(slope, bend, curl)(d) + np.where(d > 0, *sides) * np.abs(d) ** power)
    assert found.power == pytest.approx(power, abs=0.1)


@given(NEAR, NEAR, NEAR, st.floats(0.3, 2), st.booleans())
@settings(derandomize=True, max_examples=40, deadline=None, phases=[Phase.generate])
def test_a_jump_of_the_second_derivative(slope, bend, curl, size, is_after):
    found = of(lambda d: smooth(slope, bend, curl)(d) + size * np.where((d > 0) == is_after, d**2, 0))
    assert found.power == pytest.approx(2, abs=0.05)


@given(NEAR, NEAR, NEAR)
@settings(derandomize=True, max_examples=40, deadline=None, phases=[Phase.generate])
def test_nothing_is_seen_in_smooth_functions(slope, bend, curl):
    found = of(smooth(slope, bend, curl))
    assert found.power == np.inf or np.isnan(found.power)
    assert found.resolved >= 2 or np.isnan(found.power)


def test_how_far_smooth_functions_are_resolved():
    assert of(np.exp) == (np.inf, pytest.approx(3, abs=1))
    assert of(np.exp).resolved >= 3
    assert of(lambda d: d) == (np.inf, 4)  # nothing but rounding is left, of an effect that is there
    assert of(lambda d: d**2).power == np.inf
    assert of(lambda d: d**3).power == np.inf
    assert of(lambda d: np.abs(d) ** 3 + d).power == pytest.approx(3, abs=0.05)


def test_what_cannot_be_told():
    nothing = of(lambda d: 0 * d)
    assert np.isnan(nothing.power)
    assert nothing.resolved == 0
    assert np.isnan(of(lambda d: 1e-11 * np.abs(d)).power)  # an effect among the last digits
    assert np.isnan(of(lambda d: np.where(d > 1e-3, np.nan, d)).power)
    assert np.isnan(of(lambda d: d + np.sin(2 * np.log(np.abs(d))) * d**2).power)  # no power at all
    noise = 1e-7 * np.sin(np.arange(len(AROUND)) ** 2)
    assert np.isnan(of(lambda d: d + noise).power)


def test_a_jump():
    assert of(lambda d: np.where(d > 0, 1, 0) + d).power == pytest.approx(0, abs=0.05)
