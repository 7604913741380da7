"""How often a ray passes through a spike on its way through an interval (see `projective` for rays)."""

import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Float

Real = Float[Array, "*#shape"]

# The first zero is a quarter of a half turn away or three, give or take one.
_SIDES = 0.25, -0.25


def half_turns(drive: Real, x: Real) -> Real:
    """Return how many half turns a rotation makes in an interval; none against a negative drive."""
    # a count has no derivative, also none whose zero would be multiplied by an infinite one of the root
    drive, x = stop_gradient((drive, x))
    return jnp.sqrt(jnp.maximum(drive, 0.0)) * x / jnp.pi


def winding(g: Real, q: Real, q_end: Real, turns: Real) -> Real:
    """Count the zeros of `q` between a ray and where `rotate` took it, consistently with the sign of `q_end`.

    Whether the count is even or odd is whether `q` changed its sign, so a spike at the very end of an interval belongs
    to exactly one interval. The angle that was turned, and on which side of the circle, leaves one such number.

    Args:
        g: First component of the ray at the start.
        q: Second component; where it is negative, both stand for their opposites.
        q_end: Second component at the end, whose sign is what it is.
        turns: What `half_turns` returns for the interval.

    Example:
        >>> from smoothspike.numerics.projective import rotate, rotation
        >>> g, q, drive, x = map(jnp.array, (0.0, 1.0, 1.0, 8.0))
        >>> int(winding(g, q, rotate(g, q, drive, x, rotation(drive, x))[1], half_turns(drive, x)))
        3
    """
    g, q, q_end = stop_gradient((g, q, q_end))
    sign = jnp.where(q < 0, -1.0, 1.0)
    passed, ahead = sign * q_end < 0, sign * g > 0
    return _nearest(turns + jnp.where(ahead, *_SIDES), jnp.where(passed, 1.0, 0.0))


def _nearest(about: Real, odd: Real) -> Real:
    """Return the even or odd number nearest to what is known to within 3/4."""
    return odd + 2 * jnp.floor((about - odd + 1) / 2)
