"""What an interval does to an affine system `y' = M y + f`, as a matrix that serves all neurons with the same rates.

Where states drive the first one alone, which is a neuron with exponential synapses, its entries are closed forms that
are regular for equal rates; others are carried by series.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Float

from .affine import Shape
from .propagator import Structure, propagator
from .special_functions import exponential

Real = Float[Array, "*#shape"]
Matrix = tuple[tuple[Real | None, ...], ...]


class Transfer(NamedTuple):
    """`y -> matrix y + shift`; None stands for zero."""

    matrix: Matrix
    shift: tuple[Real | None, ...]

    def __call__(self, values: tuple[Real, ...]) -> tuple[Real, ...]:
        """Return the states at the end of the interval."""
        return tuple(combined(row, values, shift) for row, shift in zip(self.matrix, self.shift, strict=True))


def combined(row: tuple[Real | None, ...], values: tuple[Real, ...], shift: Real | None = None) -> Real:
    """Return a row of a matrix times values, and a shift added."""
    total = jnp.zeros_like(values[0]) if shift is None else shift
    for entry, value in zip(row, values, strict=True):
        total = total if entry is None else total + entry * value
    return total


def rates_matrix(shape: Shape, rates: tuple[Real, ...]) -> Matrix:
    """Return M."""
    entries = dict(zip(shape.couplings, rates, strict=True))
    return tuple(tuple(entries.get((i, j)) for j in range(shape.states)) for i in range(shape.states))


def transfer(shape: Shape, duration: Real, rates: tuple[Real, ...], sources: tuple[Real, ...]) -> Transfer:
    """Return what an interval does.

    Args:
        shape: Which coefficients there are.
        duration: Of the interval.
        rates: The entries of M that are not zero.
        sources: The parts of f that are not zero.

    Differentiation:
        Both modes; to any order where states drive the first one alone, else first order.
    """
    if is_star(shape):
        return _star(rates_matrix(shape, rates), duration, sources)
    # a state that is always 1 carries the sources
    size, driven = shape.states, tuple((index, shape.states) for index in shape.sources)
    entries = propagator(Structure(size + 1, shape.couplings + driven), duration, (*rates, *sources))
    matrix = tuple(tuple(entries.get((i, j)) for j in range(size)) for i in range(size))
    return Transfer(matrix, tuple(entries.get((i, size)) for i in range(size)))


def is_star(shape: Shape) -> bool:
    """Whether every state but the first decays by itself."""
    return all(row in (0, column) for row, column in shape.couplings) and all(index == 0 for index in shape.sources)


def _star(matrix: Matrix, duration: Real, sources: tuple[Real, ...]) -> Transfer:
    nothing, size = jnp.zeros_like(duration), len(matrix)
    rates = [matrix[i][i] for i in range(size)]
    own = [nothing if rate is None else rate * duration for rate in rates]
    decayed = [jnp.exp(rate) for rate in own]
    first: list[Real | None] = [decayed[0]]
    for j in range(1, size):
        gain = matrix[0][j]
        # the integral of both decays, without a difference of rates to divide by; either order has the same derivatives
        gap, is_slower = own[j] - own[0], own[j] > own[0]
        both = exponential(0, jnp.where(is_slower, gap, -gap)) * jnp.where(is_slower, decayed[j], decayed[0])
        first.append(None if gain is None else gain * duration * both)
    others = [tuple(decayed[i] if i == j else None for j in range(size)) for i in range(1, size)]
    shift = sources[0] * duration * exponential(0, -own[0]) if sources else None
    return Transfer((tuple(first), *others), (shift, *[None] * (size - 1)))


def bend(shape: Shape, duration: Real, rates: tuple[Real, ...]) -> tuple[Real, ...]:
    """Return by how much the first state may rise above the higher of its ends, per absolute rate of each state.

    That is the square of the duration over 8 times a bound on the second derivative. Absolute rates obey an equation
    whose matrix has the absolute values of M beside its diagonal, and are largest at the end if nothing decays.
    """
    duration, rates = stop_gradient((duration, rates))
    absolute = tuple(
        jnp.maximum(rate, 0.0) if row == column else jnp.abs(rate)
        for (row, column), rate in zip(shape.couplings, rates, strict=True)
    )
    growth = transfer(shape._replace(sources=()), duration, absolute, ()).matrix
    row = tuple(None if rate is None else jnp.abs(rate) for rate in rates_matrix(shape, rates)[0])
    # rounded up
    unit = (1 + 1e-3) * duration**2 / 8
    return tuple(
        unit * sum((a * b for a, b in zip(row, column, strict=True) if a is not None and b is not None), 0.0)
        for column in zip(*growth, strict=True)
    )
