"""Affine systems: the flow against SciPy's matrix exponential, and first passages."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm

from smoothspike.numerics.affine import Shape, carry, until_level

FULL = Shape(3, tuple((row, column) for row in range(3) for column in range(3)), (0, 1, 2))
CHAIN = Shape(4, ((0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 3), (3, 3)), ())
LINE = Shape(1, ((0, 0),), (0,))
OSCILLATOR = Shape(2, ((0, 1), (1, 0)), ())

run = jax.jit(carry, static_argnums=0)
passage = jax.jit(until_level, static_argnums=0)


def exact(matrix, sources, start, time):
    size = len(start)
    extended = np.zeros((size + 1, size + 1))
    extended[:size, :size], extended[:size, size] = matrix, sources
    return (expm(extended * time) @ [*start, 1.0])[:size]


def test_the_flow_is_the_matrix_exponential():
    generator = np.random.default_rng(0)
    matrices, sources, starts = (generator.normal(size=shape) for shape in ((20, 3, 3), (20, 3), (20, 3)))
    times = generator.uniform(0, 5, 20)
    found = np.stack(run(FULL, times, *starts.T, *matrices.reshape(20, 9).T, *sources.T), 1)
    for each, *case in zip(found, matrices, sources, starts, times, strict=True):
        expected = exact(*case)
        np.testing.assert_allclose(each, expected, atol=1e-13 * np.abs(expected).max())


def test_a_chain_that_starts_at_rest_but_for_its_end():
    """Its first component and two derivatives vanish at first; equal rates are nothing special."""
    found = run(CHAIN, 2.0, 0.0, 0.0, 0.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0)
    np.testing.assert_allclose(found, np.exp(-2.0) * np.array([8 / 6, 2, 2, 1]), rtol=1e-14)
    wait, *_ = passage(CHAIN, 2.5, 0.18, 0.0, 0.0, 0.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0)
    assert wait**3 / 6 * np.exp(-wait) == pytest.approx(0.18, rel=1e-14)


@pytest.mark.parametrize("leak", [0.0, 1e-300, 1e-12, -1e-12])
def test_a_leak_through_zero(leak):
    wait, at = passage(LINE, 1e5, 3.0, 1.0, -leak, 1e-3)
    assert float(wait) == pytest.approx(2000 * (1 + 2000 * leak), rel=1e-10)
    assert at == pytest.approx(3)


def test_an_oscillation_over_thousands_of_turns():
    time = 4_000 * np.pi
    found = run(OSCILLATOR, time, 0.0, 1.0, 1.0, -1.0)
    np.testing.assert_allclose(found, [np.sin(time), np.cos(time)], atol=1e-10)


def test_a_level_is_missed_or_touched():
    """sin(t) touches 1 at pi / 2."""
    for level, crosses in ((1 - 1e-12, True), (1 + 1e-12, False)):
        wait, *_ = passage(OSCILLATOR, 2.5, level, 0.0, 1.0, 1.0, -1.0)
        assert np.isfinite(wait) == crosses
        if crosses:
            assert float(wait) == pytest.approx(np.pi / 2 - np.sqrt(2e-12), abs=1e-9)
    gradient = jax.jacfwd(lambda level: until_level(OSCILLATOR, 2.5, level, 0.0, 1.0, 1.0, -1.0)[0])
    assert np.isfinite(gradient(1.0))
    assert gradient(2.0) == 0


def test_a_start_at_the_level_and_an_end_at_it():
    assert passage(LINE, 1.0, 3.0, 3.0, 0.0, 1.0)[0] == 0
    wait, at_end = passage(LINE, 1.0, 3.0, 2.0, 0.0, 1.0)  # the spike is what comes next
    assert np.isinf(wait)
    assert at_end == 3
    assert np.isinf(passage(LINE, 0.0, 3.0, 2.0, 0.0, 1.0)[0])


def value_and_derivatives(function, point, step=1e-6):
    """The value, and its derivatives forwards, backwards, and by differences, in one compiled call."""
    size = len(point)

    def each(point):
        value, push = jax.linearize(function, point)
        forward = jax.vmap(push)(jnp.eye(size)).T
        return value, forward, jax.vmap(jax.linear_transpose(push, point))(jnp.eye(value.size))[0]

    points = np.concatenate([point[None], point + step * np.eye(size), point - step * np.eye(size)])
    values, forward, reverse = map(np.asarray, jax.jit(jax.vmap(each))(points))
    return values[0], forward[0], reverse[0], ((values[1 : size + 1] - values[size + 1 :]) / (2 * step)).T


def test_derivatives_against_differences():
    point = np.array([3.0, 0.9, 0.2, 1.5, -1.0, 0.8, -0.7, -0.3, 0.5])
    shape = Shape(2, tuple((row, column) for row in range(2) for column in range(2)), (0,))
    value, forward, reverse, differences = value_and_derivatives(
        lambda point: jnp.stack(until_level(shape, *point)), point
    )
    assert np.isfinite(value).all()
    np.testing.assert_allclose(forward, reverse, atol=1e-14)
    np.testing.assert_allclose(forward, differences, atol=1e-8)


def test_derivatives_by_a_component_that_is_zero():
    """A step must not be longer than it takes the derivative's own series to converge."""
    shape = Shape(2, ((0, 0), (0, 1), (1, 1)), (0,))
    by_input = jax.jit(jax.jacfwd(lambda y: carry(shape, 0.5, 1.0, y, -1.0, 1.0, -20.0, 1.0)[0]))
    assert float(by_input(0.0)) == pytest.approx((np.exp(-0.5) - np.exp(-10)) / 19, rel=1e-10)


def test_single_precision(float32):
    wait, _ = passage(LINE, 9.0, 1.0, 0.0, -1.0, 2.0)
    assert wait.dtype == jnp.float32
    assert float(wait) == pytest.approx(np.log(2), rel=1e-6)


def test_derivatives_by_an_interval_without_length():
    """Those of two inputs that arrive together: the equations themselves."""
    generator = np.random.default_rng(2)
    matrix, source, start = (generator.normal(size=shape) for shape in ((3, 3), 3, 3))
    slope = jax.jacrev(lambda length: jnp.stack(run(FULL, length, *start, *matrix.ravel(), *source)))(0.0)
    np.testing.assert_allclose(slope, matrix @ start + source, rtol=1e-14)
