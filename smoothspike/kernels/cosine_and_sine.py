"""Cosine and sine together, on a CPU, where XLA does not vectorise them."""

import math

import jax.numpy as jnp
from jaxtyping import Array, Float

from . import PLAIN
from .in_kernel import in_kernel, polynomial

Real = Float[Array, "*shape"]

# Half of pi in two parts, the first with so few digits that its multiples have no rounding error, by bits of a float.
_QUARTER_TURN = {64: (1.57079632673412561417, 6.07710050650619224932e-11), 32: (1.5703125, 4.83826794896619e-4)}
# Enough terms for rounding errors at an eighth of a turn.
_COSINE = [(-1) ** k / math.factorial(2 * k) for k in range(9)]
_SINE = [(-1) ** k / math.factorial(2 * k + 1) for k in range(8)]


def plain_cosine_and_sine(x: Real) -> tuple[Real, Real]:
    """Return cosine and sine."""
    return jnp.cos(x), jnp.sin(x)


def fast_cosine_and_sine(x: Real) -> tuple[Real, Real]:
    """Return cosine and sine of numbers that are not negative.

    With it, the functions of 51,200 rotations take 0.67 instead of 2.1 ms in double precision (AMD EPYC, jax 0.10).
    Quarter turns are taken off in two parts, the first of which is exact; what is left is summed as a power series.
    """
    first, second = _QUARTER_TURN[jnp.finfo(x.dtype).bits]
    turns = x * (2 / math.pi)
    # kernels cannot round; halves, which the two round differently, may go to either side
    quarters = jnp.floor(turns + 0.5) if in_kernel() else jnp.round(turns)
    rest = (x - quarters * first) - quarters * second
    # so far out that rounding of x alone is a good part of a turn, one angle is as good as another
    rest = jnp.where(jnp.abs(rest) < 1, rest, 0.0)
    square = rest**2
    cosine = polynomial(_COSINE[::-1], square, unroll=len(_COSINE))
    sine = rest * polynomial(_SINE[::-1], square, unroll=len(_SINE))
    quadrant = quarters - 4 * jnp.floor(quarters / 4)
    is_swapped = (quadrant == 1) | (quadrant == 3)
    along, across = jnp.where(is_swapped, sine, cosine), jnp.where(is_swapped, cosine, sine)
    return jnp.where((quadrant == 1) | (quadrant == 2), -along, along), jnp.where(quadrant >= 2, -across, across)


cosine_and_sine = plain_cosine_and_sine if PLAIN else fast_cosine_and_sine
