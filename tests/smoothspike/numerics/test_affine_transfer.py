"""What an interval does to an affine system, against the exponential of a matrix, and a bound on what it exceeds."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from smoothspike.numerics.affine import Shape
from smoothspike.numerics.affine_transfer import bend, transfer

# a neuron with two synapses, with equal and with very different rates; one whose states drive each other
SYNAPSES, CIRCLE = (
    Shape(3, ((0, 0), (0, 1), (0, 2), (1, 1), (2, 2)), (0,)),
    Shape(2, ((0, 0), (0, 1), (1, 0), (1, 1)), (1,)),
)
CASES = [
    (SYNAPSES, (-1.0, 1.0, -2.0, -1.0, -2.0), (0.3,)),
    (SYNAPSES, (-1.0, 0.5, 3.0, -1.0 - 1e-9, -400.0), (0.3,)),
    (CIRCLE, (-1.0, -2.0, 0.7, -0.1), (0.4,)),
]


def matrix_of(shape, rates, sources):
    matrix = mpmath.zeros(shape.states + 1)
    for (row, column), rate in zip(shape.couplings, rates, strict=True):
        matrix[row, column] = rate
    for row, source in zip(shape.sources, sources, strict=True):
        matrix[row, shape.states] = source
    return matrix


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("duration", [0.0, 0.01, 3.0])
def test_against_the_exponential(case, duration):
    shape, rates, sources = case
    expected = mpmath.expm(matrix_of(shape, rates, sources) * duration, method="taylor")
    found = transfer(shape, jnp.asarray(duration), tuple(map(jnp.asarray, rates)), tuple(map(jnp.asarray, sources)))
    for row in range(shape.states):
        for column, entry in enumerate((*found.matrix[row], found.shift[row])):
            got = 0.0 if entry is None else float(entry)
            np.testing.assert_allclose(got, float(expected[row, column]), rtol=2e-14, atol=1e-15)


@pytest.mark.parametrize("gap", [0.0, 1e-9, -1e-9])
def test_derivatives_where_rates_are_equal(gap):
    """Also where they are exactly so, and the formula has two forms."""
    rate, length = -1.0, 0.7

    def entry(a, b):
        return transfer(Shape(2, ((0, 0), (0, 1), (1, 1)), ()), jnp.array(length), (a, jnp.array(1.0), b), ()).matrix[
            0
        ][1]

    found = jax.grad(entry, (0, 1))(jnp.array(rate), jnp.array(rate + gap))
    np.testing.assert_allclose(found, length**2 / 2 * np.exp(rate * length), rtol=1e-8)


@pytest.mark.parametrize("case", CASES)
def test_no_state_rises_above_the_bound(case):
    shape, rates, sources = case
    generator = np.random.default_rng(2)
    matrix, force = np.zeros((shape.states,) * 2), np.zeros(shape.states)
    for place, rate in zip(shape.couplings, rates, strict=True):
        matrix[place] = rate
    force[list(shape.sources)] = sources
    arguments = tuple(map(jnp.asarray, rates)), tuple(map(jnp.asarray, sources))
    values = jnp.asarray(generator.normal(size=(shape.states, 50)))
    for length in (0.05, 0.5, 2.0):
        inside = transfer(shape, jnp.linspace(0, length, 200)[:, None], *arguments)(tuple(values))[0]
        bounds = bend(shape, jnp.asarray(length), arguments[0])
        margin = sum(by * np.abs(speed) for by, speed in zip(bounds, matrix @ values + force[:, None], strict=True))
        excess = inside.max(0) - jnp.maximum(inside[0], inside[-1])
        assert (excess <= margin + 1e-14).all()
