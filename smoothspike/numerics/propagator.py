"""The exponential of the matrix of a linear system, elementwise over intervals: exact propagation over any time.

The matrix is scaled until a power series converges at once, and the exponential squared back. Where no states drive one
another in a circle, its diagonal is known and put in at every squaring, so that all entries keep their relative
accuracy, however different their rates are. Nothing is ever divided by a difference of rates.

Source: Al-Mohy & Higham, SIAM J. Matrix Anal. Appl. 31 (2009), for squaring triangular matrices.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jax.lax import stop_gradient
from jaxtyping import Array, Float

from .elementwise import differentiable
from .series import fastest_rate, order_for

Real = Float[Array, "*#shape"]
#: Entries of a matrix that are not zero for its structure, by row and column.
Entries = Mapping[tuple[int, int], Real]

#: The time over which the series converges, in units of the fastest time constant.
_REACH = 0.5
_MOST_SQUARINGS = 4096
#: Up to this many states the series is written out, which is faster, but takes long to compile for more.
_MOST_UNROLLED = 2


class Structure(NamedTuple):
    """Which entries of the matrix of a linear system there are.

    Attributes:
        size: How many states there are.
        couplings: Row and column of every entry that is not zero.
    """

    size: int
    couplings: tuple[tuple[int, int], ...]

    @property
    def reached(self) -> tuple[tuple[int, int], ...]:
        """Row and column of the entries of the exponential that are not zero: which states depend on which."""
        found = {(state, state) for state in range(self.size)} | set(self.couplings)
        for middle, row, column in itertools.product(range(self.size), repeat=3):
            if (row, middle) in found and (middle, column) in found:
                found.add((row, column))
        return tuple(sorted(found))

    @property
    def is_cascade(self) -> bool:
        """Whether no states drive one another in a circle."""
        return self.drivers_first() is not None

    def drivers_first(self) -> tuple[int, ...] | None:
        """Order states so that each comes after those that drive it; None if some drive one another in a circle."""
        drivers = {state: {c for r, c in self.couplings if r == state and c != state} for state in range(self.size)}
        order: list[int] = []
        while len(order) < self.size:
            free = [state for state in drivers if state not in order and drivers[state] <= set(order)]
            if not free:
                return None
            order += free
        return tuple(order)


def propagator(structure: Structure, duration: Real, rates: Sequence[Real]) -> Entries:
    """Return the exponential of a matrix times a duration, by its entries.

    Args:
        structure: Which entries of the matrix there are.
        duration: At least 0.
        rates: The entries, in the order of `structure.couplings`.

    Differentiation:
        Both modes, first order, by duration and rates.
    """
    return dict(zip(structure.reached, _propagator(structure, duration, *rates), strict=True))


def carried(entries: Entries, values: Sequence[Real]) -> tuple[Real, ...]:
    """Return the values of all states a time later."""
    return tuple(read_out(entries, values, row) for row in range(len(values)))


def read_out(entries: Entries, values: Sequence[Real], row: int) -> Real:
    """Return the value of one state a time later."""
    parts = [entry * values[column] for (at, column), entry in entries.items() if at == row]
    return sum(parts[1:], parts[0])


def _exponential(structure: Structure, duration: Real, *rates: Real) -> tuple[Real, ...]:
    reached = structure.reached
    matrix = dict(zip(structure.couplings, rates, strict=True))
    diagonal = [matrix.get((state, state), jnp.zeros_like(duration)) for state in range(structure.size)]
    fastest = fastest_rate(structure.size, structure.couplings, rates, duration)
    scaled = jnp.maximum(stop_gradient(duration) * fastest / _REACH, 1.0)
    squarings = jnp.where(jnp.isfinite(scaled), jnp.ceil(jnp.log2(scaled)), 0.0)
    length = duration * jnp.exp2(-squarings)
    exact = structure.is_cascade

    def with_diagonal(entries: dict, length: Real) -> dict:
        return entries | {(i, i): jnp.exp(rate * length) for i, rate in enumerate(diagonal)} if exact else entries

    def going(state: tuple) -> Array:
        *_, left, count = state
        return (left > 0).any() & (count < _MOST_SQUARINGS)

    def squared(state: tuple) -> tuple:
        values, length, left, count = state
        entries = dict(zip(reached, values, strict=True))
        square: dict = {}
        for (row, middle), one in entries.items():
            for column in range(structure.size):
                if (middle, column) in entries:
                    part = one * entries[middle, column]
                    square[row, column] = square[row, column] + part if (row, column) in square else part
        square = with_diagonal(square, 2 * length)
        goes_on = left > 0
        moved = tuple(jnp.where(goes_on, square[place], value) for place, value in zip(reached, values, strict=True))
        return moved, jnp.where(goes_on, 2 * length, length), left - 1, count + 1

    entries = with_diagonal(_series(structure, matrix, length), length)
    start = tuple(entries[place] for place in reached), length, squarings, jnp.array(0)
    return lax.while_loop(going, squared, start)[0]


def _series(structure: Structure, matrix: Entries, length: Real) -> dict[tuple[int, int], Real]:
    """The power series of the exponential over a short time, by Horner's scheme."""
    one, nothing = jnp.ones_like(length), jnp.zeros_like(length)
    identity = {place: one if place[0] == place[1] else nothing for place in structure.reached}
    order = order_for(length.dtype)

    def inwards(step: int | Array, total: dict) -> dict:
        scaled, found = length / (order - step), dict(identity)
        for (row, middle), rate in matrix.items():
            for column in range(structure.size):
                if (middle, column) in total:
                    found[row, column] = found[row, column] + rate * scaled * total[middle, column]
        return found

    if structure.size <= _MOST_UNROLLED:
        total = identity
        for step in range(order):
            total = inwards(step, total)
        return total
    return lax.fori_loop(0, order, inwards, identity)


_propagator = differentiable(_exponential)
