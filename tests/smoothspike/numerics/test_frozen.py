"""A field of the potential alone: its minimum, and the time to the spike in the lifted field."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from smoothspike.numerics.frozen import lowest, time_to_top


@dataclass(frozen=True)
class Exponential:
    """V' = exp(V / a) - V + w, lowest at a log(a), where half its curvature is 1 / (2 a)."""

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


def test_the_minimum_and_its_curvature(optimised):
    a, w = np.array([0.2, 0.5, 1.5]), np.array([0.0, -3.0, 2.0])

    def found(w, a):
        return jnp.stack(lowest(Exponential(), jnp.full(3, -24.0), 7.0, w, a))

    values, push = jax.linearize(found, w, a)
    np.testing.assert_allclose(values[0], a - a * np.log(a) + w, rtol=1e-14)
    np.testing.assert_allclose(values[1], 0.5 / a, rtol=1e-12)
    np.testing.assert_allclose(push(np.ones(3), np.zeros(3)), [np.ones(3), np.zeros(3)], atol=1e-10)
    np.testing.assert_allclose(push(np.zeros(3), np.ones(3)), [-np.log(a), -0.5 / a**2], rtol=1e-9)


@pytest.mark.parametrize("slope", [-2.0, 2.0])
def test_a_minimum_at_an_end_moves_with_it(slope, optimised):
    gradients = jax.grad(lambda low, top: lowest(Straight(), low, top, slope)[0], (0, 1))(-0.5, 0.7)
    end = 0 if slope > 0 else 1
    assert float(gradients[end]) == pytest.approx(slope * np.cosh((-0.5, 0.7)[end]), rel=1e-12)
    assert gradients[1 - end] == 0


def test_the_time_to_the_top(optimised):
    """In V' = a V + lift, below the floor what it is there."""

    def found(x, lift, a):
        return time_to_top(Straight(), x, np.arcsinh(2.0), np.arcsinh(-0.5), lift, a)[0]

    above = jax.jit(jax.value_and_grad(found, (0, 1, 2)))(np.arcsinh(0.5), 1.0, 0.5)
    assert float(above[0]) == pytest.approx(2 * np.log(2 / 1.25), rel=1e-12)
    expected = (-np.hypot(1, 0.5) / 1.25, 2 * (1 / 2 - 1 / 1.25), -4 * np.log(2 / 1.25) + 2 * (1 - 0.5 / 1.25))
    np.testing.assert_allclose(above[1], expected, rtol=1e-10)
    below = found(np.arcsinh(-3.0), 1.0, 0.5)
    assert float(below) == pytest.approx(2.5 / 0.75 + 2 * np.log(2 / 0.75), rel=1e-11)
