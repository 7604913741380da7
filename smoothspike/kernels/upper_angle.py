"""The angle of a point in the upper half plane, which XLA does not vectorise on a CPU."""

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import mpmath
from jaxtyping import Array, Float

from . import PLAIN

Real = Float[Array, "*#shape"]

# After turning a point by an eighth of a turn or not, the arctangent of at most this is left to find.
_LARGEST = 2**0.5 - 1


def plain_upper_angle(y: Real, x: Real) -> Real:
    """Return `arctan2(y, x)` for `y >= 0`."""
    return jnp.arctan2(y, x)


@jax.custom_jvp
def fast_upper_angle(y: Real, x: Real) -> Real:
    """Return `arctan2(y, x)` for `y >= 0`: between 0 and pi; small angles keep all their digits.

    One division and a polynomial, without a table or a call for every number. The origin has no angle: NaN.

    Differentiation:
        Forward and reverse mode, any order.
    """
    width = jnp.abs(x)
    is_steep = y > width
    short, long = jnp.where(is_steep, width, y), jnp.where(is_steep, y, width)
    is_turned = short > _LARGEST * long
    ratio = jnp.where(is_turned, short - long, short) / jnp.where(is_turned, short + long, long)
    angle = ratio * _arctangent_ratio(ratio**2) + jnp.where(is_turned, jnp.pi / 4, 0.0)
    angle = jnp.where(is_steep, jnp.pi / 2 - angle, angle)
    return jnp.where(x < 0, jnp.pi - angle, angle)


@fast_upper_angle.defjvp
def _upper_angle_jvp(primals, tangents):
    (y, x), (y_dot, x_dot) = primals, tangents
    # divided first: squares of both could vanish
    size = jnp.maximum(y, jnp.abs(x))
    sine, cosine = y / size, x / size
    return fast_upper_angle(y, x), (cosine * (y_dot / size) - sine * (x_dot / size)) / (cosine**2 + sine**2)


def _arctangent_ratio(square: Real) -> Real:
    """Return arctan(r) / r for the square of r."""
    first, *others = _coefficients(12 if jnp.finfo(square.dtype).nmant > 30 else 6)
    total = jnp.full_like(square, first)
    for coefficient in others:
        total = total * square + coefficient
    return total


@cache
def _coefficients(terms: int) -> list[float]:
    """Fit a polynomial, highest power first; 6 terms are good to 1e-9, 12 to 1e-18."""

    def ratio(square: Any) -> Any:
        root = mpmath.sqrt(square)
        return mpmath.atan(root) / root if root else mpmath.mpf(1)

    with mpmath.workdps(30):
        return [float(value) for value in mpmath.chebyfit(ratio, [0, (mpmath.sqrt(2) - 1) ** 2], terms)]


upper_angle = plain_upper_angle if PLAIN else fast_upper_angle
