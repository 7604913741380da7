"""Affine systems `y' = M y + f` through any number of crossings of a level, each with a reset.

Between crossings the solution is a power series, in steps of half a time constant; none is jumped over (`first_rise`).
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jax.lax import stop_gradient
from jaxtyping import Array, Float

from ..kernels.in_kernel import some
from .affine import Shape
from .elementwise import differentiable, not_above
from .series import fastest_rate, first_rise, linear_series, order_for, slope_at, value_at

Real = Float[Array, "*#shape"]
#: More crossings of a neuron than this are not followed.
MOST_CROSSINGS = 2**17
_MAX_STEPS = 3 * MOST_CROSSINGS
#: The length of a step, in units of the fastest time constant.
_STEP = 0.5


class Setting(NamedTuple):
    """What a passage needs beside numbers.

    Attributes:
        shape: Which coefficients there are.
        reset: Returns the states after a crossing, from their values and further numbers.
    """

    shape: Shape
    reset: Callable[[tuple[Real, ...], tuple[Real, ...]], tuple[Real, ...]]


def pass_crossings(setting: Setting, within: Real, index: Real, level: Real, *values: Real) -> tuple[Real, ...]:
    """Run until a crossing, or until the end.

    Args:
        setting: The system and its reset.
        within: The end.
        index: How many crossings come before that at which to stop.
        level: What the first state must reach from below; a state above it is there at once.
        values: The states, one for every coupling of the shape and for every source, and what the reset needs.

    Returns:
        When the crossing comes, `inf` if not before the end; the states before its reset or at the end; how many
        crossings there were. More than `MOST_CROSSINGS` are not followed.
    """
    shape, horizon = setting.shape, stop_gradient(within)
    states, rest = values[: shape.states], values[shape.states :]
    rates, rest = rest[: len(shape.couplings)], rest[len(shape.couplings) :]
    sources, extra = rest[: len(shape.sources)], rest[len(shape.sources) :]
    forces = [jnp.zeros_like(level)] * shape.states
    for place, source in zip(shape.sources, sources, strict=True):
        forces[place] = source
    fastest = _fastest(shape, rates, level)
    longest = jnp.where(fastest > 0, _STEP / jnp.where(fastest > 0, fastest, 1.0), jnp.inf)
    # a state that drives another counts one degree later
    order, least = order_for(horizon.dtype) + shape.states - 1, jnp.finfo(horizon.dtype).tiny ** 0.5

    def going(carry: tuple) -> Array:
        *_, is_over, steps = carry
        return some(~is_over) & (steps < _MAX_STEPS)

    def onward(carry: tuple) -> tuple:
        now, elapsed, wait, count, is_over, steps = carry
        series = linear_series(now, shape.couplings, rates, forces, order)
        step = jnp.minimum(longest, horizon - stop_gradient(elapsed))
        gap = [series[0][0] - level, *series[0][1:]]
        place, crosses = first_rise(gap, jnp.where(is_over, 0.0, step))
        crosses &= ~(stop_gradient(elapsed) + place >= horizon)
        # the derivative, by the implicit function theorem: it diverges at a touch, where it stays just finite
        value, slope = value_at(gap, place), stop_gradient(slope_at(gap, place))
        reached = (place > 0) | ((value == 0) & (slope > 0))
        place = place - jnp.where(reached, value - stop_gradient(value), 0.0) / jnp.maximum(slope, least)
        ends = ~crosses & (stop_gradient(elapsed) + step >= horizon)
        way = jnp.where(crosses, place, jnp.where(ends, within - elapsed, step))
        first, *others = (value_at(part, way) for part in series)
        first = jnp.where(crosses, first, not_above(first, jnp.maximum(now[0], level)))
        stops = crosses & (count >= index)
        after = setting.reset((first, *others), extra)
        moved = (_chosen(crosses & ~stops, a, b) for a, b in zip(after, (first, *others), strict=True))
        passed = elapsed + way
        return (
            tuple(_chosen(is_over, old, new) for old, new in zip(now, moved, strict=True)),
            jnp.where(is_over, elapsed, passed),
            jnp.where(~is_over & stops, passed, wait),
            count + (~is_over & crosses),
            is_over | stops | ends | (count >= MOST_CROSSINGS),
            steps + 1,
        )

    nothing = jnp.zeros_like(horizon)
    # an interval without length is run through once, for derivatives by its length
    start = (states, nothing, nothing + jnp.inf, nothing, nothing > 0, jnp.array(0))
    now, _, wait, count, is_over, _ = lax.while_loop(going, onward, start)
    return wait, *(jnp.where(is_over, value, jnp.nan) for value in now), count


def _chosen(condition: Array, one: Real, other: Real) -> Real:
    return jnp.where(condition, one, other)


def _fastest(shape: Shape, rates: tuple[Real, ...], like: Real) -> Real:
    """The fastest rate: of states that do not drive each other in circles simply the largest."""
    if all(row <= column for row, column in shape.couplings):
        own = [jnp.abs(rate) for (row, column), rate in zip(shape.couplings, rates, strict=True) if row == column]
        largest = jnp.zeros_like(like)
        for rate in stop_gradient(own):
            largest = jnp.maximum(largest, rate)
        return jnp.where(largest > 0, largest, sum(map(jnp.abs, stop_gradient(rates)), jnp.zeros_like(like)))
    return fastest_rate(shape.states, shape.couplings, rates, like)


#: The same with derivatives in both modes, for arrays that it broadcasts.
passage = differentiable(pass_crossings)
