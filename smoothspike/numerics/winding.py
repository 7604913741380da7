"""How often a ray passes through a spike on its way through an interval (see `projective` for rays)."""

from typing import NamedTuple

import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Float

Real = Float[Array, "*#shape"]

# The first zero is a quarter of a half turn away or three, give or take one.
_SIDES = 0.25, -0.25


class Windings(NamedTuple):
    """How many zeros of `q` an interval can hold, by the side of the circle and by whether `q` changes its sign.

    For intervals that serve many rays. In the dtype of rays: XLA does not vectorise conversions on a CPU.

    Attributes:
        ahead: An even and an odd number, for rays on their way to a zero in the first half of a half turn.
        behind: The same for the others.
    """

    ahead: tuple[Real, Real]
    behind: tuple[Real, Real]


def half_turns(drive: Real, x: Real) -> Real:
    """Return how many half turns a rotation makes in an interval; none against a negative drive."""
    # a count has no derivative, also none whose zero would be multiplied by an infinite one of the root
    drive, x = stop_gradient((drive, x))
    return jnp.sqrt(jnp.maximum(drive, 0.0)) * x / jnp.pi


def windings(turns: Real) -> Windings:
    """Return all that `winding` can be in intervals of so many half turns."""
    even, odd = jnp.zeros_like(turns), jnp.ones_like(turns)
    ahead, behind = ((_nearest(turns + side, even), _nearest(turns + side, odd)) for side in _SIDES)
    return Windings(ahead, behind)


def winding(g: Real, q: Real, q_end: Real, turns: Real | Windings) -> Real:
    """Count the zeros of `q` between a ray and where `rotate` took it, consistently with the sign of `q_end`.

    Whether the count is even or odd is whether `q` changed its sign, so a spike at the very end of an interval belongs
    to exactly one interval. The angle that was turned, and on which side of the circle, leaves one such number.

    Args:
        g: First component of the ray at the start.
        q: Second component; where it is negative, both stand for their opposites.
        q_end: Second component at the end, whose sign is what it is.
        turns: What `half_turns` or `windings` returns for the interval.

    Example:
        >>> from smoothspike.numerics.projective import rotate, rotation
        >>> g, q, drive, x = map(jnp.array, (0.0, 1.0, 1.0, 8.0))
        >>> int(winding(g, q, rotate(g, q, drive, x, rotation(drive, x))[1], half_turns(drive, x)))
        3
    """
    g, q, q_end = stop_gradient((g, q, q_end))
    sign = jnp.where(q < 0, -1.0, 1.0)
    passed, ahead = sign * q_end < 0, sign * g > 0
    if isinstance(turns, Windings):
        (ahead_even, ahead_odd), (behind_even, behind_odd) = turns
        return jnp.where(ahead, jnp.where(passed, ahead_odd, ahead_even), jnp.where(passed, behind_odd, behind_even))
    return _nearest(turns + jnp.where(ahead, *_SIDES), jnp.where(passed, 1.0, 0.0))


def _nearest(about: Real, odd: Real) -> Real:
    """Return the even or odd number nearest to what is known to within 3/4."""
    return odd + 2 * jnp.floor((about - odd + 1) / 2)
