"""The order of few numbers, of many trials side by side: by comparing all pairs, which XLA vectorises over trials.

A sort goes from trial to trial, and what picks its results from memory from number to number. Comparisons grow with the
square of how many numbers there are, so for many of them sorting is faster.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

#: Above so many numbers a sort is faster.
MOST_COMPARED = 64

#: How many are compared with all others in one step of a loop. What a loop finds XLA does not work out again wherever
#: it is used.
_TOGETHER = 16


def first_of(values: Float[Array, "size trials"], count: int) -> tuple[Array, Int[Array, "{count} trials"]]:
    """Return the smallest numbers of every trial in ascending order, and where they are; of equal ones the first first.

    Args:
        values: The numbers; `inf` counts as one, NaN as the largest.
        count: How many of them, at most all.

    Differentiation:
        Both modes: each derivative moves with its number.

    Example:
        >>> smallest, places = first_of(jnp.array([[3.0, 1.0], [1.0, 1.0], [2.0, 4.0]]), 2)
        >>> smallest.tolist(), places.tolist()
        ([[1.0, 1.0], [2.0, 1.0]], [[1, 0], [2, 1]])
    """
    return _first_of(count, values)


def _found(count: int, values: Array) -> tuple[Array, Array]:
    size, trials = values.shape
    padded = jnp.pad(values, ((0, -size % _TOGETHER), (0, 0)), constant_values=jnp.inf)
    keys = jnp.where(jnp.isnan(padded), jnp.inf, padded)
    places, wanted = _numbers(len(keys)), _numbers(count)[:, None]

    def count_before(rank: Array, some: tuple) -> tuple[Array, None]:
        for key, place in zip(*some, strict=True):
            rank += jnp.where(place < places[:, None], key <= keys, key < keys).astype(jnp.int32)
        return rank, None

    def choose(chosen: tuple, some: tuple) -> tuple[tuple, None]:
        for rank, *these in zip(*some, strict=True):
            chosen = tuple(jnp.where(rank == wanted, new, old) for new, old in zip(these, chosen, strict=True))
        return chosen, None

    def through(step: Any, start: Any, *rows: Array) -> Any:
        steps = len(keys) // _TOGETHER
        return jax.lax.scan(step, start, tuple(each.reshape(steps, _TOGETHER, *each.shape[1:]) for each in rows))[0]

    rank = through(count_before, jnp.zeros(keys.shape, jnp.int32), keys, places)
    start = jnp.zeros((count, trials), values.dtype), jnp.zeros((count, trials), places.dtype)
    return through(choose, start, rank, padded, places)


def _numbers(count: int) -> Int[Array, " {count}"]:
    """Count in 32 bits in double precision, too: a processor compares twice as many of these at a time."""
    return jnp.arange(count, dtype=jnp.int32)


_first_of: Any = jax.custom_jvp(_found, nondiff_argnums=(0,))


@_first_of.defjvp
def _first_of_jvp(count: int, primals: tuple[Array], tangents: tuple[Array]) -> tuple[tuple, tuple]:
    chosen, order = _first_of(count, *primals)
    places = _numbers(primals[0].shape[0])[:, None]
    # backwards this is a choice for each place again, not a scatter
    moves = [jnp.where(place == places, tangents[0], 0.0).sum(0) for place in order]
    moves = jnp.stack(moves) if moves else jnp.zeros_like(chosen)
    return (chosen, order), (moves, np.zeros(order.shape, jax.dtypes.float0))
