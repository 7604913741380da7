"""When rays under one exponential current have zeros, against the equations solved with 30 digits."""

import itertools

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from smoothspike.numerics.current_zeros import Drive, time_to_zero

# which zero, constant drive, current, rate, and the ray: short and long ways, drives of both signs and none, slow and
# fast currents and one that stays, just after a zero, and at one
ZEROS = [
    (0, -0.25, 2.0, -1.4, 0.3, 1.0), (0, -0.25, 15.0, -1.4, -0.8, 0.6), (1, 0.5, 12.0, -0.7, 0.1, 1.0),
    (3, 2.0, -1.0, -0.2, -0.5, 0.7), (0, 0.0, 0.0, -1.0, 0.5, 1.0), (0, -1.0, 0.0, -3.0, 1.2, 1.0),
    (2, 1.3, 4.0, 0.0, 0.4, 0.9), (0, 0.1, 300.0, -9.0, -1.0, 0.0), (0, 0.8, 5.0, -1e-3, 1.0, 1e-9),
    (0, -0.25, -6.0, -2.0, 4.0, 1.0), (1, 1.0, 1e-8, -1.0, -0.3, 1.0),
]  # fmt: skip


@jax.jit
def find(index, drive, current, rate, g, q):
    return time_to_zero(jnp.full_like(g, 20.0), index, Drive(drive, current, rate), g, q)


def path(t, drive, current, rate, g, q):
    """The ray at the ends of short steps, by Taylor series of the equations."""
    steps, terms = 1 + int(8 * t), 40
    step = t / steps
    powers = [rate**k / mpmath.factorial(k) for k in range(terms)]
    rays = [(g, q)]
    for number in range(steps):
        strength = current * mpmath.exp(rate * step * number)
        d = [strength * power for power in powers]
        d[0] += drive
        gs, qs = [g], [q]
        for k in range(terms):
            gs.append(mpmath.fdot(d[: k + 1], qs[::-1]) / (k + 1))
            qs.append(-gs[k] / (k + 1))
        g, q = mpmath.polyval(gs[::-1], step), mpmath.polyval(qs[::-1], step)
        rays.append((g, q))
    return rays


def exact(t, *arguments):
    return path(t, *arguments)[-1]


def zero_near(t, arguments):
    """The exact zero close to a time, by Newton's method."""
    for _ in range(2):
        g, q = exact(t, *arguments)
        t += q / g
    return t


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_against_the_equations(dtype):
    found = np.asarray(find(*(jnp.asarray(column, dtype) for column in np.transpose(ZEROS))))
    assert found.dtype == dtype
    for t, (index, *rest) in zip(found, ZEROS, strict=True):
        with mpmath.workdps(30):
            arguments = [mpmath.mpf(float(dtype(value))) for value in rest]
            there = zero_near(mpmath.mpf(float(t)), arguments)
            assert abs(t - there) < 40 * np.finfo(dtype).eps * abs(there)
            signs = [q > 0 for _, q in path(there, *arguments)[1:-1]]
        assert sum(a != b for a, b in itertools.pairwise(signs)) == index


def test_derivatives_against_the_equations():
    """Forwards and backwards, against differences with 30 digits."""
    zeros = ZEROS[::2]
    columns = [jnp.asarray(column) for column in np.transpose(zeros)]
    arguments = range(1, 6)
    backwards = jax.jit(jax.grad(lambda *given: find(*given).sum(), argnums=tuple(arguments)))(*columns)
    forwards = jax.jit(jax.jacfwd(lambda *given: find(*given).sum(), argnums=tuple(arguments)))(*columns)
    found = np.asarray(find(*columns))
    for place, (_, *rest) in enumerate(zeros):
        with mpmath.workdps(30):
            point, step = [mpmath.mpf(value) for value in rest], mpmath.mpf(10) ** -10
            there = zero_near(mpmath.mpf(float(found[place])), point)
            for number in range(5):
                ends = [
                    exact(there, *(p + sign * step * (k == number) for k, p in enumerate(point))) for sign in (1, -1)
                ]
                expected = float((ends[0][1] - ends[1][1]) / (2 * step) / exact(there, *point)[0])
                for found_by in backwards, forwards:
                    assert found_by[number][place] == pytest.approx(expected, rel=2e-13, abs=1e-15)


def test_zeros_at_the_ends_and_none():
    """One is at once, none is there under a negative drive or in time, and none moves what does not exist."""
    g, q = jnp.array([1.0, 0.4, 0.0, 0.0]), jnp.array([0.0, 1.0, 1.0, 1.0])
    drive, within = jnp.array([1.0, -0.25, 1.0, 1.0]), jnp.array([5.0, 5.0, np.pi / 2 + 1e-9, 0.1])

    def wait(current):
        return time_to_zero(within, jnp.zeros(4), Drive(drive, current, jnp.full(4, -1.0)), g, q)

    found = np.asarray(wait(jnp.zeros(4)))
    np.testing.assert_allclose(found[:3], [0.0, np.inf, np.pi / 2], rtol=1e-14)
    assert found[3] > 0.1
    slopes = np.asarray(jax.grad(lambda current: jnp.where(found < within, wait(current), 0.0).sum())(jnp.zeros(4)))
    assert not slopes[:2].any()
    assert slopes[2] < 0
    assert np.isnan(find(0.0, 1.0, np.nan, -1.0, 0.3, 1.0))
    with pytest.raises(NotImplementedError, match="second derivatives"):
        jax.hessian(lambda current: wait(current)[2])(jnp.zeros(4))
