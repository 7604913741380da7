"""Affine systems `y' = M y + f`: their flow, and the first time at which their first component reaches a level.

The exponential of the matrix is summed as a power series, in steps of about half a time constant. No difference of
rates is ever divided by: equal time constants are nothing special. Where steps run out, states become NaN.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jax.lax import stop_gradient
from jaxtyping import Array, Float

from .elementwise import differentiable, not_above
from .series import (
    at_most,
    fastest_rate,
    first_rise,
    linear_series,
    longest_step,
    order_for,
    size_within,
    slope_at,
    value_at,
)  # fmt: skip

Real = Float[Array, "*#shape"]
_MAX_STEPS = 100_000


class Shape(NamedTuple):
    """Which coefficients there are; their values are arrays, in the same order.

    Attributes:
        states: How many components there are.
        couplings: Row and column of every entry of M that is not zero.
        sources: Which components have a constant part.
    """

    states: int
    couplings: tuple[tuple[int, int], ...]
    sources: tuple[int, ...]


class _System(NamedTuple):
    """The equations with the values of their coefficients."""

    shape: Shape
    rates: tuple[Real, ...]
    sources: tuple[Real, ...]

    @classmethod
    def of(cls, shape: Shape, coefficients: tuple[Real, ...]) -> "_System":
        """Sort values: couplings first, then sources."""
        count = len(shape.couplings)
        return cls(shape, coefficients[:count], coefficients[count:])

    def expanded(self, values: tuple[Real, ...], level: Real | float) -> tuple[list[list[Real]], Real]:
        """Return the series about these values and the longest step whose remainder is below rounding."""
        dtype = jnp.result_type(values[0])
        sources = [jnp.zeros_like(values[0])] * self.shape.states
        for index, source in zip(self.shape.sources, self.sources, strict=True):
            sources[index] = source
        series = linear_series(values, self.shape.couplings, self.rates, sources, order_for(dtype))
        fastest = fastest_rate(self.shape.states, self.shape.couplings, self.rates, values[0])
        tolerance, step = float(jnp.finfo(dtype).eps) * 4, jnp.full_like(values[0], jnp.inf)
        for index, part in enumerate(series):
            scale = size_within(part, fastest, self.shape.states) + (jnp.abs(level) if index == 0 else 0.0)
            step = jnp.minimum(step, longest_step(scale, [part], tolerance))
        return series, at_most(step, fastest)

    def speeds(self, values: tuple[Real, ...]) -> list[Real]:
        """Return how fast these values change."""
        speeds = [jnp.zeros_like(value) for value in values]
        for index, source in zip(self.shape.sources, self.sources, strict=True):
            speeds[index] = speeds[index] + source
        for (row, column), rate in zip(self.shape.couplings, self.rates, strict=True):
            speeds[row] = speeds[row] + rate * values[column]
        return speeds


def _evaluated(series: list[list[Real]], t: Real) -> tuple[Real, ...]:
    return tuple(value_at(part, t) for part in series)


def _chosen(condition: Array, values: tuple[Real, ...], others: tuple[Real, ...]) -> tuple[Real, ...]:
    return tuple(jnp.where(condition, a, b) for a, b in zip(values, others, strict=True))


def _carry(shape: Shape, duration: Real, *values: Real) -> tuple[Real, ...]:
    system, horizon = _System.of(shape, values[shape.states :]), stop_gradient(duration)

    def going(state: tuple) -> Array:
        _, elapsed, steps = state
        return jnp.any(elapsed < horizon) & (steps < _MAX_STEPS)

    def onward(state: tuple) -> tuple:
        now, elapsed, steps = state
        series, step = system.expanded(now, 0.0)
        is_last = elapsed + step >= horizon
        moved = _evaluated(series, jnp.where(is_last, duration - elapsed, step))
        runs = elapsed < horizon
        return (
            _chosen(runs, moved, now),
            jnp.where(runs, jnp.where(is_last, horizon, elapsed + step), elapsed),
            steps + 1,
        )

    start = (values[: shape.states], jnp.zeros_like(horizon), jnp.array(0))
    now, elapsed, _ = lax.while_loop(going, onward, start)
    # no step is made in an interval without length, but derivatives by it are those of the equations
    none = jnp.where(horizon > 0, 0.0, duration - horizon)
    now = tuple(value + speed * none for value, speed in zip(now, system.speeds(now), strict=True))
    return tuple(jnp.where(elapsed < horizon, jnp.nan, value) for value in now)


def _until_level(shape: Shape, within: Real, level: Real, *values: Real) -> tuple[Real, ...]:
    system, horizon = _System.of(shape, values[shape.states :]), stop_gradient(within)

    def going(state: tuple) -> Array:
        *_, is_over, steps = state
        return ~jnp.all(is_over) & (steps < _MAX_STEPS)

    def onward(state: tuple) -> tuple:
        now, elapsed, wait, is_over, steps = state
        series, step = system.expanded(now, level)
        step = jnp.minimum(step, horizon - elapsed)
        gap = [series[0][0] - level, *series[0][1:]]
        place, crosses = first_rise(gap, jnp.where(is_over, 0.0, step))
        crosses &= ~(elapsed + place >= horizon)
        # the derivative, by the implicit function theorem: it diverges at a touch, where it stays just finite
        value, slope = value_at(gap, place), stop_gradient(slope_at(gap, place))
        reached = (place > 0) | ((value == 0) & (slope > 0))
        place = place - jnp.where(reached, value - stop_gradient(value), 0.0) / jnp.maximum(slope, least)
        ends = ~crosses & (elapsed + step >= horizon)
        moved = _evaluated(series, jnp.where(crosses, place, jnp.where(ends, within - elapsed, step)))
        below = not_above(moved[0], jnp.maximum(now[0], level))
        moved = (jnp.where(crosses, moved[0], below), *moved[1:])
        return (
            _chosen(is_over, now, moved),
            jnp.where(is_over, elapsed, elapsed + step),
            jnp.where(~is_over & crosses, elapsed + place, wait),
            is_over | crosses | ends,
            steps + 1,
        )

    nothing, least = jnp.zeros_like(horizon), jnp.finfo(horizon.dtype).tiny ** 0.5
    start = (values[: shape.states], nothing, nothing + jnp.inf, nothing > 0, jnp.array(0))
    now, _, wait, is_over, _ = lax.while_loop(going, onward, start)
    return wait, *(jnp.where(is_over, value, jnp.nan) for value in now)


#: `carry(shape, duration, *states, *couplings, *sources)` returns the states a time later.
carry = differentiable(_carry)
#: `until_level(shape, within, level, *states, *couplings, *sources)` returns when the first state first reaches a level
#: from below, `inf` if it does not before `within`, and the states there or then. A state above the level is there at
#: once.
until_level = differentiable(_until_level)
