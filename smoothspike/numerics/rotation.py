"""Cosine and sine of many rotations at once, from a series as short as the largest angle among them allows.

Source: the entire functions of `special_functions.circular`; their series are halved and doubled as usual for
exponentials.
"""

import math
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Float

from ..numerics.elementwise import reached
from ..numerics.special_functions import circular

Real = Float[Array, "*#shape"]


class Series(NamedTuple):
    """How a rotation is summed to rounding errors, for squared angles below a limit.

    Attributes:
        limit: Of squared angles.
        terms: How many are summed, by bits of a float.
        doublings: How often the angle, divided by as many twos, is then doubled.
    """

    limit: float
    terms: Mapping[int, int]
    doublings: int


# from the shortest intervals to those for which series do not pay any more
_SERIES = (
    Series(0.0625, {64: 6, 32: 4}, 0),
    Series(12.0, {64: 11, 32: 7}, 1),
    Series(128.0, {64: 14, 32: 9}, 2),
)


def functions(angle: Real) -> tuple[Real, Real, Real, Real]:
    """Return `circular` of orders -1, 0 and 1, up to a common factor, and the square of that.

    The choice between series and closed forms is made once for all neurons; that also keeps the compiler from computing
    them again for each of their uses. What is not used is not computed. Derivatives hold the factor constant.
    """

    def by_series(series: Series, angle: Real) -> tuple[Real, ...]:
        return *_by_series(series, angle), jnp.ones_like(angle)

    def at_any_angle(angle: Real) -> tuple[Real, ...]:
        return *(circular(order, angle) for order in (-1, 0, 1)), determinant(angle)

    level = reached(jnp.abs(stop_gradient(angle)), tuple(series.limit for series in _SERIES))
    return jax.lax.switch(level, [*(partial(by_series, series) for series in _SERIES), at_any_angle], angle)


def determinant(angle: Real) -> Real:
    """The square of the factor that `circular` has where the drive is negative; derivatives hold it constant."""
    return stop_gradient(jnp.exp(-2 * jnp.sqrt(jnp.maximum(-angle, 0.0))))


def _by_series(series: Series, angle: Real) -> tuple[Real, ...]:
    """Sum series at a part of the root, then double; nothing cancels, as 1 - cos is kept."""
    part, terms = angle / 4**series.doublings, range(series.terms[jnp.finfo(angle.dtype).bits])
    gap = part * _series(part, [math.factorial(2 * k + 2) for k in terms])
    sine = _series(part, [math.factorial(2 * k + 1) for k in terms])
    next_order = _series(part / 2, [math.factorial(k) * math.prod(range(1, 2 * k + 4, 2)) for k in terms])
    for _ in range(series.doublings):
        gap, sine, next_order = 2 * gap * (2 - gap), sine * (1 - gap), (sine**2 + next_order * (1 - gap)) / 4
    return 1 - gap, sine, next_order


def _series(x: Real, divisors: list[int]) -> Real:
    coefficients = [(-1) ** k / divisor for k, divisor in enumerate(divisors)]
    total = jnp.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        total = total * x + coefficient
    return total
