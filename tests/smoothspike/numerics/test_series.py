"""Power series of linear systems, and zeros of polynomials."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.polynomial import Polynomial

from smoothspike.numerics.series import (
    at_most,
    bounded_turn,
    convolved,
    falling_zero,
    fastest_rate,
    first_rise,
    linear_series,
    longest_step,
    order_for,
    size_within,
    slope_at,
    value_at,
)

EPS = float(np.finfo(float).eps)


def series(*coefficients):
    return [jnp.asarray(float(coefficient)) for coefficient in coefficients]


def with_roots(*roots, scale=1.0):
    return [jnp.asarray(scale * float(c)) for c in Polynomial.fromroots(roots).coef]


def test_a_linear_system_has_the_series_of_its_exponential():
    couplings, rates = [(0, 0), (0, 1), (1, 1)], series(-1, 2, -3)
    found = linear_series(series(0.5, -1), couplings, rates, series(0.25, 0), 6)
    matrix, now = np.array([[-1.0, 2.0], [0.0, -3.0]]), np.array([0.5, -1.0])
    for k in range(7):
        np.testing.assert_allclose([part[k] for part in found], now, rtol=1e-15)
        now = (matrix @ now + (np.array([0.25, 0.0]) if k == 0 else 0.0)) / (k + 1)


def test_products_values_and_slopes():
    one, other = series(1, 2, 3), series(-1, 0.5, 4)
    product = Polynomial(np.array(one)) * Polynomial(np.array(other))
    assert [float(convolved(one, other, k)) for k in range(3)] == pytest.approx(product.coef[:3])
    assert float(value_at(one, jnp.asarray(0.7))) == pytest.approx(Polynomial(np.array(one))(0.7))
    assert float(slope_at(one, jnp.asarray(0.7))) == pytest.approx(2 + 6 * 0.7)


def test_a_step_makes_the_last_terms_negligible():
    order = order_for(jnp.float64(0).dtype)
    exponential = [jnp.asarray(3.0 * (-2.0) ** k / math.factorial(k)) for k in range(order + 1)]
    step = longest_step(jnp.asarray(3.0), [exponential], 4 * EPS)
    assert 0.15 < step < 0.3
    assert abs(float(value_at(exponential, step)) / (3 * np.exp(-2 * step)) - 1) < 4 * EPS
    assert np.isinf(longest_step(jnp.asarray(1.0), [series(1, 0, 0)], EPS))


def test_the_fastest_rate_does_not_depend_on_units():
    couplings = [(0, 0), (0, 1), (1, 0), (1, 1)]
    rates = [fastest_rate(2, couplings, series(-1, 3 * unit, -2 / unit, -0.5), jnp.zeros(())) for unit in (1, 1e6)]
    largest = abs(np.linalg.eigvals([[-1, 3], [-2, -0.5]])).max()
    assert rates[0] == pytest.approx(rates[1])
    assert largest <= rates[0] < 2 * largest
    assert fastest_rate(2, [(0, 1)], series(3), jnp.zeros(())) == 3  # all eigenvalues vanish
    assert fastest_rate(1, [(0, 0)], series(0), jnp.zeros(())) == 0
    assert fastest_rate(0, [], [], jnp.zeros(())) == 0


def test_the_last_of_a_chain_is_not_taken_for_one_that_stays_zero():
    chain = [(0, 1), (1, 2), (2, 3)]
    first = linear_series(series(0, 0, 0, 5), chain, series(1, 1, 1), series(0, 0, 0, 0), 6)[0]
    assert size_within(first, jnp.asarray(2.0), 4) == pytest.approx(5 / 6 / 8)
    assert size_within(series(0, 0, 0), jnp.asarray(0.0), 1) == 0


def test_steps_are_bounded():
    assert at_most(jnp.asarray(jnp.inf), jnp.asarray(4.0)) == 0.25
    assert at_most(jnp.asarray(0.1), jnp.asarray(4.0)) == 0.1
    assert np.isinf(at_most(jnp.asarray(jnp.inf), jnp.asarray(0.0)))
    assert bounded_turn(jnp.asarray(10.0), jnp.asarray(9.0), jnp.asarray(1.0)) * 4 < np.pi
    assert bounded_turn(jnp.asarray(10.0), jnp.asarray(0.0), jnp.asarray(0.0)) == 10


@pytest.mark.parametrize("zero", [1e-300, 1e-9, 0.5, 0.999, 1 - 2 * EPS])
def test_falling_zeros(zero):
    found = falling_zero([jnp.asarray(c) for c in (zero * 1.0, -1.0, 0.0)], jnp.asarray(1.0))
    assert float(found) == pytest.approx(zero, rel=2 * EPS)
    bent = with_roots(zero, -3.0, scale=-1.0)
    assert float(falling_zero(bent, jnp.asarray(1.0))) == pytest.approx(zero, rel=1e-15)


def test_a_series_that_starts_at_its_zero():
    assert falling_zero(series(0, -1, -1), jnp.asarray(1.0)) == 0


# Rising, rising and falling again within the step, touching, not there, at the very end, beyond.
RISES = {
    "one": (with_roots(0.4), 0.4),
    "two within the step": (with_roots(0.4, 0.41, scale=-1.0), 0.4),
    "two within a billionth of it": (with_roots(0.4, 0.4 + 1e-9, scale=-1.0), 0.4),
    "three": (with_roots(0.1, 0.3, 0.9), 0.1),
    "at the end": (series(-1, 1), 1.0),
    "beyond the end": (with_roots(1.0 + 1e-9), None),
    "just not touching": ([*series(-0.16 - 1e-12, 0.8, -1)], None),
    "far below": (series(-5, 0, 1), None),
    "falling first": (series(-0.1, -1, 3), (1 + 2.2**0.5) / 6),
    "constant": (series(-1, 0, 0), None),
}


@pytest.mark.parametrize("name", RISES)
def test_first_rise(name):
    coefficients, expected = RISES[name]
    padded = [*coefficients, *series(*[0] * (4 - len(coefficients)))]
    place, crosses = first_rise(padded, jnp.asarray(1.0))
    assert bool(crosses) == (expected is not None)
    if expected is not None:
        # zeros at a distance of 1e-9 move by more when a coefficient is rounded
        assert float(place) == pytest.approx(expected, abs=1e-8 if "billionth" in name else 1e-14)


def test_a_search_that_runs_out_is_no_number_and_counts_as_a_crossing(monkeypatch):
    monkeypatch.setattr("smoothspike.numerics.series._MARCHES", 1)
    place, crosses = first_rise(with_roots(0.4, 0.41, 0.42), jnp.asarray(1.0))
    assert np.isnan(place)
    assert crosses


def test_a_component_close_to_the_smallest_number_does_not_stop_the_steps(float32):
    smallest = jnp.finfo(jnp.float32).tiny
    for value in (2 * smallest, 100 * smallest, 1e6 * smallest):
        (decaying,) = linear_series([jnp.float32(value)], [(0, 0)], [-jnp.float32(1.4)], [jnp.float32(0)], 8)
        step = longest_step(size_within(decaying, jnp.float32(1.4), 1), [decaying], 5e-7)
        assert step > 0.1


def test_single_precision(float32):
    place, crosses = first_rise([jnp.float32(c) for c in (-0.5, 1.0, 0.0, 0.0)], jnp.float32(1.0))
    assert place.dtype == jnp.float32
    assert crosses
    assert place == 0.5
    assert order_for(place.dtype) < order_for(np.dtype(float))
