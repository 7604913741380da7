"""Cosine and sine of many rotations at once, as short as the largest angle among them allows.

Source: the entire functions of `entire.circular`; their series are halved and doubled as usual for exponentials.
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

Real = Float[Array, "*shape"]


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


class Known(NamedTuple):
    """Functions of a rotation and of how it changes, up to a common factor.

    Attributes:
        cosine: As of `projective.Rotation`.
        sine: The same, over the length of the interval.
        next_order: The next function of their row (see `entire.circular`).
        determinant: As of `projective.Rotation`.
    """

    cosine: Real
    sine: Real
    next_order: Real
    determinant: Real


def functions_briefly(drive: Real, x: Real) -> Known:
    """Return what `projective.turned_briefly` needs to know of intervals, faster where no neuron turns far.

    What nobody asks for is not worked out. Derivatives hold the determinant constant.
    """
    return Known(*functions(3, drive * x**2, with_determinant=True))


def functions(orders: int, angle: Real, *, with_determinant: bool = False) -> tuple[Real, ...]:
    """Return `circular(-1, angle)` and the orders after it, up to a common factor, and the square of that.

    The choice between series and closed forms is made once for all neurons; that also keeps the compiler from working
    them out again for each of their uses.
    """

    def briefly(series: Series, angle: Real) -> tuple[Real, ...]:
        return _by_series(series, angle)[:orders] + ((jnp.ones_like(angle),) if with_determinant else ())

    def anyhow(angle: Real) -> tuple[Real, ...]:
        found = tuple(circular(order, angle) for order in range(-1, orders - 1))
        return found + ((determinant(angle),) if with_determinant else ())

    level = reached(jnp.abs(stop_gradient(angle)), tuple(series.limit for series in _SERIES))
    return jax.lax.switch(level, [*(partial(briefly, series) for series in _SERIES), anyhow], angle)


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
