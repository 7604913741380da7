"""A field of the potential alone: its minimum, and the time to the spike in the lifted field."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from smoothspike.numerics.adaptive_steps import Integration
from smoothspike.numerics.rheobase_field import field_minimum, time_to_top


@dataclass(frozen=True)
class Exponential:
    """V' = exp(V / a) - V + w, lowest at a log(a)."""

    states: int = 2

    def rate(self, variable, others, parameters):
        return jnp.exp(variable / parameters[0]) - variable + others[0]

    def weight(self, variable, parameters):
        return jnp.ones_like(variable)


@dataclass(frozen=True)
class Straight:
    """V' = a V: lowest at an end."""

    states: int = 1

    def rate(self, variable, others, parameters):
        return parameters[0] * variable

    def weight(self, variable, parameters):
        return jnp.ones_like(variable)


@dataclass(frozen=True)
class Even:
    """V' = a V**n + w: its minimum is w."""

    power: int
    states: int = 2

    def rate(self, variable, others, parameters):
        return parameters[0] * variable**self.power + others[0]

    def weight(self, variable, parameters):
        return jnp.ones_like(variable)


@pytest.mark.slow
def test_the_minimum():
    a, w = np.array([0.2, 0.5, 1.5]), np.array([0.0, -3.0, 2.0])

    def found(w, a):
        return jnp.stack(field_minimum(Exponential(), 5.0, jnp.full(3, -24.0), 7.0, w, a))

    values, push = jax.linearize(found, w, a)
    np.testing.assert_allclose(values[0], a - a * np.log(a) + w, rtol=1e-14)
    # the width is where a cosh(w / a) = a + w / 5
    width = 5 * values[1]
    np.testing.assert_allclose(a * np.cosh(width / a), a + width / 5, rtol=1e-13)
    np.testing.assert_allclose(push(np.ones(3), np.zeros(3)), [np.ones(3), np.zeros(3)], atol=1e-10)
    by_a = (1 - np.cosh(width / a) + width / a * np.sinh(width / a)) / (np.sinh(width / a) - 1 / 5) / 5
    np.testing.assert_allclose(push(np.zeros(3), np.ones(3)), [-np.log(a), by_a], rtol=1e-9)


@pytest.mark.parametrize("power", [2, 4, 6])
def test_the_width_of_a_minimum(power):
    """Where a w**n = w / T; a quadratic one has 1 / (a T**2), and a flat one is nothing special."""

    def slow(duration, a):
        return field_minimum(Even(power), duration, -24.0, 24.0, 0.3, a)[1]

    value, (by_duration, by_a) = jax.value_and_grad(slow, (0, 1))(5.0, 0.7)
    expected = (5.0 * 0.7) ** (-1 / (power - 1)) / 5.0
    np.testing.assert_allclose(value, expected, rtol=1e-13)
    np.testing.assert_allclose(by_a, -expected / 0.7 / (power - 1), rtol=1e-12)
    np.testing.assert_allclose(by_duration, -expected / 5.0 * (1 + 1 / (power - 1)), rtol=1e-12)


@pytest.mark.parametrize("slope", [-2.0, 2.0])
def test_a_minimum_at_an_end_moves_with_it(slope):
    gradients = jax.grad(lambda low, top: field_minimum(Straight(), 5.0, low, top, slope)[0], (0, 1))(-0.5, 0.7)
    end = 0 if slope > 0 else 1
    assert float(gradients[end]) == pytest.approx(slope * np.cosh((-0.5, 0.7)[end]), rel=1e-12)
    assert gradients[1 - end] == 0


def test_the_time_to_the_top():
    """In V' = a V + lift, below the floor what it is there."""

    def found(x, lift, a):
        return time_to_top((Straight(), Integration()), x, np.arcsinh(2.0), np.arcsinh(-0.5), lift, a)[0]

    above = jax.jit(jax.value_and_grad(found, (0, 1, 2)))(np.arcsinh(0.5), 1.0, 0.5)
    assert float(above[0]) == pytest.approx(2 * np.log(2 / 1.25), rel=1e-12)
    expected = (-np.hypot(1, 0.5) / 1.25, 2 * (1 / 2 - 1 / 1.25), -4 * np.log(2 / 1.25) + 2 * (1 - 0.5 / 1.25))
    np.testing.assert_allclose(above[1], expected, rtol=1e-10)
    below = found(np.arcsinh(-3.0), 1.0, 0.5)
    assert float(below) == pytest.approx(2.5 / 0.75 + 2 * np.log(2 / 0.75), rel=1e-11)
