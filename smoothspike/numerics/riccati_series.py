r"""Rays on the projective line whose coefficients follow linear equations: carried in steps of their power series.

$g' = \tfrac\beta2 g + d\,q$, $q' = -g - \tfrac\beta2 q$ with $d = d_0 + \sum_i d_i s_i$, $\beta = \sum_i \beta_i s_i$
and $s' = A s + f$: a linear equation for the ray once $s$ is known, so the series converge everywhere. Conventions for
rays are those of `numerics.projective`: $q > 0$, or $q = 0$ with $g < 0$ just after a spike and $g > 0$ exactly at one.
Where steps run out, rays become NaN.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jax.lax import stop_gradient
from jaxtyping import Array, Float

from ..kernels.in_kernel import some
from .elementwise import differentiable, not_below
from .projective import normalise
from .series import (
    Coefficients,
    at_most,
    bound_on,
    bounded_turn,
    convolved,
    falling_zero,
    fastest_rate,
    linear_series,
    longest_step,
    order_for,
    size_within,
    value_at,
)  # fmt: skip

Real = Float[Array, "*#shape"]
_MAX_STEPS = 100_000


class Shape(NamedTuple):
    """Which coefficients there are; their values are arrays, in the same order.

    Attributes:
        states: How many states drive the ray.
        drives: Which of them add to d.
        conductances: Which of them add to beta.
        couplings: Row and column of every entry of A that is not zero.
        sources: Which of them have a constant part.
    """

    states: int
    drives: tuple[int, ...]
    conductances: tuple[int, ...]
    couplings: tuple[tuple[int, int], ...]
    sources: tuple[int, ...]

    def coefficients(self, values: tuple[Real, ...]) -> "Equation":
        """Sort values: the constant drive, drive gains, conductance gains, couplings, sources."""
        rest = list(values[1:])
        parts = []
        for count in (len(self.drives), len(self.conductances), len(self.couplings), len(self.sources)):
            parts.append(tuple(rest[:count]))
            rest = rest[count:]
        return Equation(self, values[0], parts[0], parts[1], parts[2], parts[3])


class Equation(NamedTuple):
    """The equation of a ray, with the values of its coefficients."""

    shape: Shape
    drive: Real
    drive_gains: tuple[Real, ...]
    conductance_gains: tuple[Real, ...]
    couplings: tuple[Real, ...]
    sources: tuple[Real, ...]

    def held(self) -> "Equation":
        """Return the same without derivatives."""
        return Equation(
            self.shape, stop_gradient(self.drive), stop_gradient(self.drive_gains),
            stop_gradient(self.conductance_gains), stop_gradient(self.couplings), stop_gradient(self.sources),
        )  # fmt: skip


class Ray(NamedTuple):
    """A ray and the states that drive it."""

    g: Real
    q: Real
    states: tuple[Real, ...]


class _Step(NamedTuple):
    """Series of everything, and how far they reach."""

    g: Coefficients
    q: Coefficients
    states: list[list[Real]]
    size: Real

    def at(self, t: Real) -> Ray:
        return Ray(value_at(self.g, t), value_at(self.q, t), tuple(value_at(state, t) for state in self.states))


def _step(equation: Equation, ray: Ray) -> _Step:
    """Expand the solution about a ray."""
    shape, dtype = equation.shape, jnp.result_type(ray.q)
    order, nothing = order_for(dtype), jnp.zeros_like(ray.q)
    sources = [nothing] * shape.states
    for index, source in zip(shape.sources, equation.sources, strict=True):
        sources[index] = source
    states = linear_series(ray.states, shape.couplings, equation.couplings, sources, order)
    d = _combined(states, shape.drives, equation.drive_gains, equation.drive, order)
    beta = _combined(states, shape.conductances, equation.conductance_gains, nothing, order)
    g, q = [ray.g], [ray.q]
    for k in range(order):
        if states:
            change_g, change_q = convolved(d, q, k), -g[k]
        else:
            change_g, change_q = d[0] * q[k], -g[k]
        if shape.conductances:
            change_g, change_q = change_g + convolved(beta, g, k) / 2, change_q - convolved(beta, q, k) / 2
        g.append(change_g / (k + 1))
        q.append(change_q / (k + 1))
    return _Step(g, q, states, _size(equation, g, q, states, d, beta))


def _combined(
    states: list[list[Real]], chosen: tuple[int, ...], gains: tuple[Real, ...], constant: Real, order: int
) -> list[Real]:
    series = [constant] + [jnp.zeros_like(constant)] * order
    for index, gain in zip(chosen, gains, strict=True):
        series = [total + gain * part for total, part in zip(series, states[index], strict=True)]
    return series


def _size(
    equation: Equation, g: Coefficients, q: Coefficients, states: list[list[Real]], d: Coefficients, beta: Coefficients
) -> Real:
    """The longest step whose remainder is below rounding and that turns the ray by less than pi."""
    equation = equation.held()
    g, q, states, d, beta = stop_gradient((g, q, states, d, beta))
    tolerance = float(jnp.finfo(jnp.result_type(q[0])).eps) * 4
    fastest = _fastest(equation)
    count = len(states)
    # weighs g against q: how fast the ray turns now, or soon
    rate = jnp.sqrt(size_within(d, fastest, count) + size_within(beta, fastest, count) ** 2 / 4)
    rate = jnp.where(rate > 0, rate, 1.0)
    weighted = [coefficient / rate for coefficient in g]
    step = longest_step(jnp.abs(q[0]) + jnp.abs(weighted[0]), [q, weighted], tolerance)
    for series in states:
        step = jnp.minimum(step, longest_step(size_within(series, fastest, count), [series], tolerance))
    step = at_most(jnp.where(jnp.isfinite(step), step, 1 / rate), fastest)
    return bounded_turn(step, bound_on(d, step), bound_on(beta, step))


def _fastest(equation: Equation) -> Real:
    shape = equation.shape
    return fastest_rate(shape.states, shape.couplings, equation.couplings, equation.drive)


def _normalised(ray: Ray) -> Ray:
    return Ray(*normalise(ray.g, ray.q), ray.states)


def _ahead(ray: Ray) -> Ray:
    """Keep a zero ahead that rounding puts just before this instant."""
    return ray._replace(q=not_below(ray.q, jnp.zeros_like(ray.q)))


def _chosen(condition: Array, ray: Ray, other: Ray) -> Ray:
    return Ray(
        jnp.where(condition, ray.g, other.g),
        jnp.where(condition, ray.q, other.q),
        tuple(jnp.where(condition, a, b) for a, b in zip(ray.states, other.states, strict=True)),
    )


def _advance(shape: Shape, duration: Real, g: Real, q: Real, *values: Real) -> tuple[Real, ...]:
    ray, equation = Ray(g, q, values[: shape.states]), shape.coefficients(values[shape.states :])
    horizon = stop_gradient(duration)

    def going(carry: tuple) -> Array:
        _, elapsed, _, steps = carry
        return some(elapsed < horizon) & (steps < _MAX_STEPS)

    def onward(carry: tuple) -> tuple:
        ray, elapsed, count, steps = carry
        step = _step(equation, ray)
        left = duration - elapsed
        is_last = stop_gradient(step.size >= left)
        after = step.at(jnp.where(is_last, left, step.size))
        moved = _normalised(after)
        runs = elapsed < horizon
        return (
            _chosen(runs, moved, ray),
            jnp.where(runs, jnp.where(is_last, horizon, elapsed + step.size), elapsed),
            count + (runs & (after.q < 0)),
            steps + 1,
        )

    nothing = jnp.zeros_like(horizon)
    start = (_normalised(ray), nothing, nothing, jnp.array(0))
    ray, elapsed, count, _ = lax.while_loop(going, onward, start)
    ray = _moved(equation, ray, jnp.where(horizon > 0, 0.0, duration - horizon))
    g, q, *states = (jnp.where(elapsed < horizon, jnp.nan, value) for value in (ray.g, ray.q, *ray.states))
    return g, q, *states, count


def _moved(equation: Equation, ray: Ray, none: Real) -> Ray:
    """Carry a ray through an interval without length, which no step is made in: for derivatives by the length."""
    d, beta = equation.drive, jnp.zeros_like(ray.q)
    for index, gain in zip(equation.shape.drives, equation.drive_gains, strict=True):
        d = d + gain * ray.states[index]
    for index, gain in zip(equation.shape.conductances, equation.conductance_gains, strict=True):
        beta = beta + gain * ray.states[index]
    speeds = [jnp.zeros_like(ray.q) for _ in ray.states]
    for index, source in zip(equation.shape.sources, equation.sources, strict=True):
        speeds[index] = speeds[index] + source
    for (row, column), rate in zip(equation.shape.couplings, equation.couplings, strict=True):
        speeds[row] = speeds[row] + rate * ray.states[column]
    states = tuple(state + speed * none for state, speed in zip(ray.states, speeds, strict=True))
    return Ray(ray.g + (beta / 2 * ray.g + d * ray.q) * none, ray.q - (ray.g + beta / 2 * ray.q) * none, states)


def _until_zero(shape: Shape, within: Real, index: Real, g: Real, q: Real, *values: Real) -> tuple[Real, ...]:
    ray, equation = Ray(g, q, values[: shape.states]), shape.coefficients(values[shape.states :])
    horizon = stop_gradient(within)

    def going(carry: tuple) -> Array:
        *_, is_over, steps = carry
        return some(~is_over) & (steps < _MAX_STEPS)

    def onward(carry: tuple) -> tuple:
        ray, elapsed, count, wait, is_over, steps = carry
        step = _step(equation, ray)
        after = step.at(step.size)
        crosses = after.q < 0
        found = crosses & (count >= index)
        at_once = (ray.q == 0) & (ray.g > 0)
        zero = jnp.where(at_once, 0.0, falling_zero(step.q, step.size))
        # one Newton step carries the derivative, by the implicit function theorem
        there = step.at(zero)
        zero = zero - there.q / stop_gradient(_falling(equation, there))
        ends = ~found & (elapsed + step.size > horizon)
        place = jnp.where(found, zero, jnp.where(ends, within - elapsed, step.size))
        runs_out = found & (elapsed + stop_gradient(zero) >= horizon)
        after = step.at(jnp.where(runs_out, within - elapsed, place))
        moved = _normalised(_chosen(runs_out | ends, _ahead(after), after))
        return (
            _chosen(is_over, ray, moved),
            jnp.where(is_over, elapsed, elapsed + step.size),
            count + (~is_over & crosses),
            jnp.where(~is_over & found, elapsed + zero, wait),
            is_over | found | ends,
            steps + 1,
        )

    nothing = jnp.zeros_like(horizon)
    start = (_normalised(ray), nothing, nothing, nothing + jnp.inf, nothing > 0, jnp.array(0))
    ray, _, _, wait, is_over, _ = lax.while_loop(going, onward, start)
    return wait, *(jnp.where(is_over, value, jnp.nan) for value in (ray.g, ray.q, *ray.states))


def _falling(equation: Equation, ray: Ray) -> Real:
    """The slope of q."""
    beta = jnp.zeros_like(ray.q)
    for index, gain in zip(equation.shape.conductances, equation.conductance_gains, strict=True):
        beta = beta + gain * ray.states[index]
    return -ray.g - beta / 2 * ray.q


#: `carry(shape, duration, g, q, *states, *coefficients)` returns g, q, the states and the number of zeros passed.
carry = differentiable(_advance)
#: `until_zero(shape, within, index, g, q, *states, *coefficients)` returns the time to the (index + 1)-th zero of q,
#: inf if there is none, and g, q and the states there, or after `within` if that is not later. A zero soon after is
#: found, too.
until_zero = differentiable(_until_zero)
