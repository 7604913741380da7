"""Transfer matrices of intervals with one exponential current, against the equations solved with 30 digits."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from smoothspike.numerics.current_polynomials import (
    REACHES,
    Interval,
    in_steps,
    level,
    pass_interval,
    transfer,
    transfer_and_slope,
)

# length, constant drive, gain, rate, current: of every reach, at its ends, of both signs; without length or drive
INTERVALS = [
    (0.1, 1.5, 1.0, -0.6, 0.05), (0.01, -2.0, 0.5, -1.4, 300.0), (0.4, 0.3, 1.0, -0.6, -1.5),
    (0.3, 2.5, 2.0, -0.8, 1.3), (0.5, -3.9, 1.0, -0.9, 15.9), (0.5, 0.1, 1.0, -0.99, 15.4),
    (0.5, 0.0, 3.0, -0.7, -5.3), (0.0, 0.2, 1.0, -1.0, 7.0),
    (1.0, -1.9, 1.0, -1.9, 8.9), (1.0, 1.9, 1.0, -2.0, -8.8), (0.5, 3.9, 2.0, -3.9, 15.0),
]  # fmt: skip


def exact(length, drive, gain, rate, current):
    """The transfer matrix, column by column: Taylor series of the equations in short steps."""
    steps, terms = 1 + int(8 * float(length)), 40
    with mpmath.workdps(30):
        drive, gain, rate, current = (mpmath.mpf(float(value)) for value in (drive, gain, rate, current))
        step, matrix = mpmath.mpf(float(length)) / steps, mpmath.eye(2)
        for number in range(steps):
            strength = gain * current * mpmath.exp(rate * step * number)
            d = [strength * rate**k / mpmath.factorial(k) for k in range(terms)]
            d[0] += drive
            for column in range(2):
                g, q = [matrix[0, column]], [matrix[1, column]]
                for k in range(terms):
                    g.append(mpmath.fsum(d[j] * q[k - j] for j in range(k + 1)) / (k + 1))
                    q.append(-g[k] / (k + 1))
                matrix[0, column] = mpmath.polyval(g[::-1], step)
                matrix[1, column] = mpmath.polyval(q[::-1], step)
        return np.array(matrix.tolist(), float)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_against_the_equations(dtype):
    arrays = [jnp.asarray(column, dtype) for column in np.transpose(INTERVALS)]
    interval, current = Interval(*arrays[:4]), arrays[4]
    levels = level(interval, current)
    assert set(np.asarray(levels).tolist()) == {0, 1, 2}
    found = np.asarray(jax.jit(transfer)(interval, current, levels), dtype)
    for place, values in enumerate(zip(*(np.asarray(each) for each in arrays), strict=True)):
        expected = exact(*values)
        # in units in which a ray turns evenly
        rate = max(1e-3, abs(values[1]) + abs(values[2] * values[4])) ** 0.5
        scales = np.array([[1, rate], [1 / rate, 1]])
        error = np.abs(found[:, place].reshape(2, 2) - expected) / scales
        assert error.max() < 8 * np.finfo(dtype).eps * max(1, np.abs(expected / scales).max())


def test_what_is_beyond_reach_goes_in_steps():
    """Strong currents of both signs and long intervals; what no number of steps could reach is not a number."""
    cases = [(2.0, 0.2, 1.0, -0.5, 60.0), (1.0, -0.3, 1.0, -0.5, -80.0), (6.0, 0.5, 2.0, -1.0, 1.0)]
    arrays = [jnp.asarray(column) for column in np.transpose([*cases, (1.0, 0.0, 1.0, -1.0, 1e12)])]
    interval, current = Interval(*arrays[:4]), arrays[4]
    assert (level(interval, current) == len(REACHES)).all()
    passed = jax.jit(in_steps)(interval, current, jnp.full(4, 0.6), jnp.full(4, 0.8))
    assert np.isnan(passed.q).tolist() == [False, False, False, True]
    for place, values in enumerate(cases):
        g, q = exact(*values) @ [0.6, 0.8]
        angle = np.arctan2(passed.q[place], passed.g[place]) - np.arctan2(q, g)
        np.testing.assert_allclose(np.sin(angle), 0, atol=1e-13)
    # the spikes that the angle of a ray has passed, from fine steps
    (length, drive, gain, rate, strong), steps = cases[0], 2000
    g, q, count = 0.6, 0.8, 0
    for t in np.arange(steps) * length / steps:
        d, h = drive + gain * strong * np.exp(rate * (t + length / steps / 2)), length / steps
        turn = np.sqrt(d) * h
        g, q = np.cos(turn) * g + np.sin(turn) * np.sqrt(d) * q, np.cos(turn) * q - np.sin(turn) / np.sqrt(d) * g
        count, g, q = (count + 1, -g, -q) if q < 0 else (count, g, q)
    assert passed.spiked[0] == count > 2


@pytest.mark.slow
def test_derivatives():
    arrays = [jnp.asarray(column) for column in np.transpose(INTERVALS[:6])]
    interval, current = Interval(*arrays[:4]), arrays[4]
    levels = level(interval, current)
    _, slope = transfer_and_slope(interval, current, levels)
    _, expected = jax.jvp(lambda each: transfer(interval, each, levels), (current,), (jnp.ones(6),))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-15), slope, expected)

    def ray(*arguments):
        return jnp.stack(transfer(Interval(*arguments[:4]), arguments[4], levels)(0.6, 0.8))

    def in_steps_ray(*arguments):
        g, q = pass_interval(None, *arguments, 0.6, 0.8)
        # scaled and turned: only its angle counts
        return jnp.arctan(g / q)

    for argument in range(5):
        _, change = jax.jvp(
            lambda each, at=argument: ray(*arrays[:at], each, *arrays[at + 1 :]), (arrays[argument],), (jnp.ones(6),)
        )
        g, q = ray(*arrays)
        by_angle = jax.jacfwd(in_steps_ray, argument)(*arrays).diagonal()
        np.testing.assert_allclose((q * change[0] - g * change[1]) / (g**2 + q**2), by_angle, rtol=1e-10, atol=1e-14)
