"""Cosine, sine and the next function of many rotations, by series as short as the largest angle among them allows."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Float

from . import PLAIN
from .batch_reductions import largest
from .in_kernel import in_kernel, polynomial

Real = Float[Array, "*#shape"]
#: Functions of squared angles: cosine, sine, the next of their row, and the square of the factor that all three have.
Functions = tuple[Real, Real, Real, Real]


class Series(NamedTuple):
    """Power series that are exact to rounding errors for squared angles below a limit.

    Attributes:
        limit: Of squared angles.
        terms: How many are summed, by bits of a float.
        doublings: How often the angle, divided by as many twos, is then doubled.
    """

    limit: float
    terms: Mapping[int, int]
    doublings: int


# From the shortest intervals to those for which series do not pay any more.
_SERIES = (
    Series(0.0625, {64: 6, 32: 4}, 0),
    Series(12.0, {64: 11, 32: 7}, 1),
    Series(128.0, {64: 14, 32: 9}, 2),
)


def plain_rotation_functions(angle: Real, exactly: Callable[[Real], Functions]) -> Functions:
    """Return the functions by their closed forms."""
    return exactly(angle)


def fast_rotation_functions(angle: Real, exactly: Callable[[Real], Functions]) -> Functions:
    """Return the same up to a common factor, by series where no angle is large.

    A gradient of the `yin_yang` benchmark takes 2.7 instead of 3.7 ms, one of `recurrent` 33 instead of 44 (AMD EPYC,
    jax 0.10). The choice is made once for all neurons, which also keeps the compiler from computing them again for each
    use.
    """
    if in_kernel():  # a thread for every neuron, which would wait for the others to choose
        return exactly(angle)
    size = jnp.abs(stop_gradient(angle))
    # whole numbers, as XLA's kernel for the largest of many floating-point numbers is ten times slower on a CPU
    level = largest(sum((~(size < series.limit)).astype(jnp.int32) for series in _SERIES))
    return jax.lax.switch(level, [*(partial(_by_series, series) for series in _SERIES), exactly], angle)


def _by_series(series: Series, angle: Real) -> Functions:
    """Sum series at a part of the root, then double; nothing cancels, as 1 - cos is kept."""
    part, terms = angle / 4**series.doublings, range(series.terms[jnp.finfo(angle.dtype).bits])
    gap = part * _sum(part, [math.factorial(2 * k + 2) for k in terms])
    sine = _sum(part, [math.factorial(2 * k + 1) for k in terms])
    next_order = _sum(part / 2, [math.factorial(k) * math.prod(range(1, 2 * k + 4, 2)) for k in terms])
    for _ in range(series.doublings):
        gap, sine, next_order = 2 * gap * (2 - gap), sine * (1 - gap), (sine**2 + next_order * (1 - gap)) / 4
    return 1 - gap, sine, next_order, jnp.ones_like(angle)


def _sum(x: Real, divisors: list[int]) -> Real:
    return polynomial([(-1) ** k / each for k, each in enumerate(divisors)][::-1], x)


rotation_functions = plain_rotation_functions if PLAIN else fast_rotation_functions
