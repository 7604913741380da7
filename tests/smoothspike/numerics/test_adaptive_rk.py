"""Paths up to a spike, against elementary solutions."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from smoothspike.numerics.adaptive_rk import Problem, edge, farthest, until_spike


@dataclass(frozen=True)
class Quadratic:
    """V' = V**2 + a, w' = -w."""

    states: int = 2
    time_scale: float = 1.0
    may_graze: bool = False
    is_at_infinity: bool = True

    def rates(self, states, parameters):
        return jnp.stack([states[0] ** 2 + parameters[0], -states[1]])


@dataclass(frozen=True)
class Oscillator:
    """V' = w, w' = -V: it may touch a threshold."""

    states: int = 2
    time_scale: float = 1.0
    may_graze: bool = True
    is_at_infinity: bool = False

    def rates(self, states, parameters):
        return jnp.stack([states[1], -states[0]])


run = jax.jit(until_spike, static_argnums=0)


def blow_up(v, a):
    return (np.pi / 2 - np.arctan(v / np.sqrt(a))) / np.sqrt(a)


@pytest.mark.slow
def test_spikes_at_infinity():
    field = Quadratic()
    top, reaches = edge(field, 1, (0.0,), (1.0,))
    bottom, returns = edge(field, -1, (0.0,), (1.0,))
    assert reaches
    assert returns
    assert 0 < top < farthest(top.dtype)
    v, a = np.array([-50.0, 0.0, 0.0, 1e6, 0.3]), np.array([1.0, 1.0, 1e-2, 1.0, 4.0])

    def found(x, a):
        return until_spike(Problem(field), jnp.array([9.0, 9.0, 99.0, 9.0, 0.1]), top, bottom, x, 2.0, a)

    (wait, x, w), (by_start, by_a) = jax.jit(
        lambda x, a: (found(x, a), jax.vjp(lambda x, a: found(x, a)[0][:4].sum(), x, a)[1](1.0))
    )(np.arcsinh(v), a)
    expected = blow_up(v, a)
    np.testing.assert_allclose(wait[:4], expected[:4], rtol=1e-12, atol=1e-15)
    assert np.isinf(wait[4])
    np.testing.assert_allclose(w[:4], 2 * np.exp(-expected[:4]), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(x[:4], top)
    assert float(x[4]) == pytest.approx(np.arcsinh(2 * np.tan(0.2 + np.arctan(0.15))), rel=1e-12)
    np.testing.assert_allclose(by_start[:4], -np.cosh(np.arcsinh(v[:4])) / (v[:4] ** 2 + a[:4]), rtol=1e-9)
    steps = np.array([1e-6, 1e-6, 1e-8, 1e-6])
    by_hand = (blow_up(v[:4], a[:4] + steps) - blow_up(v[:4], a[:4] - steps)) / (2 * steps)
    np.testing.assert_allclose(by_a[:4], by_hand, rtol=1e-6, atol=1e-9)
    assert by_a[4] == 0


@pytest.mark.slow
def test_a_threshold_is_missed_or_touched():
    """V = sin(t), and thresholds about its maximum."""
    top = np.arcsinh(np.array([0.5, 1 - 1e-9, 1 + 1e-9, 2.0]))
    wait, _, w = run(Problem(Oscillator()), 3.0, top, -600.0, 0.0, 1.0)
    np.testing.assert_allclose(wait[:2], [np.pi / 6, np.pi / 2 - np.sqrt(2e-9)], rtol=1e-6)
    assert float(wait[0]) == pytest.approx(np.pi / 6, rel=1e-12)
    assert np.isinf(wait[2:]).all()
    np.testing.assert_allclose(w[2:], np.cos(3.0), rtol=1e-11)
    assert run(Problem(Oscillator()), 3.0, top[0], -600.0, top[0], 1.0)[0] == 0


def test_a_path_that_runs_away_is_not_a_number():
    wait, x, _ = run(Problem(Quadratic()), 20.0, 40.0, -20.0, -3.0, 1.0, -4.0)
    assert np.isinf(wait)
    assert np.sinh(x) == pytest.approx(-2)  # it settles
    _, x, _ = run(Problem(Oscillator()), 9.0, 1.0, -0.5, 0.0, -5.0)
    assert np.isnan(x)


def test_single_precision(float32):
    wait, *_ = run(Problem(Quadratic()), 9.0, 22.0, -22.0, 0.0, 1.0, 1.0)
    assert wait.dtype == jnp.float32
    assert float(wait) == pytest.approx(np.pi / 2, rel=1e-5)
