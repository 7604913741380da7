"""Power series of linear systems, their step sizes, and the first place where a polynomial rises through zero.

Solutions of linear equations with entire coefficients are entire functions of time: a power series converges for every
step, and the step size is a matter of rounding alone. Every series is a list of coefficients, constant term first, each
an array over neurons.
"""

from collections.abc import Mapping, Sequence

import jax.numpy as jnp
from jax import lax
from jax.lax import stop_gradient
from jaxtyping import Array, Bool, Float

from ..kernels.in_kernel import finite, in_kernel, some

Real = Float[Array, "*#shape"]
Coefficients = Sequence[Real]

#: Largest angle that a ray may turn in a step, below pi so that no two zeros are in one step.
_LARGEST_ANGLE = 1.5
_MARCHES, _HALVINGS = 200, 64
_SQUARINGS = 3


def order_for(dtype: jnp.dtype) -> int:
    """Return the degree at which series are cut off, for a precision: a step is then about half a time constant."""
    return 14 if jnp.finfo(dtype).nmant > 30 else 8


def linear_series(
    values: Sequence[Real], couplings: Sequence[tuple[int, int]], rates: Sequence[Real], sources: Sequence[Real],
    order: int,
) -> list[list[Real]]:  # fmt: skip
    """Return the series of `y' = M y + f` for every component.

    Args:
        values: Where they start.
        couplings: Row and column of every entry of M that is not zero.
        rates: These entries.
        sources: f, one for each component.
        order: The degree of the series.
    """
    series = [[value] for value in values]
    for k in range(order):
        change = [source if k == 0 else jnp.zeros_like(source) for source in sources]
        for (row, column), rate in zip(couplings, rates, strict=True):
            change[row] = change[row] + rate * series[column][k]
        for component, value in zip(series, change, strict=True):
            component.append(value / (k + 1))
    return series


def convolved(one: Coefficients, other: Coefficients, k: int) -> Real:
    """Return the coefficient k of a product of two series."""
    total = one[0] * other[k]
    for j in range(1, k + 1):
        total = total + one[j] * other[k - j]
    return total


def value_at(series: Coefficients, t: Real) -> Real:
    """Evaluate a series."""
    total = series[-1]
    for coefficient in reversed(series[:-1]):
        total = total * t + coefficient
    return total


def slope_at(series: Coefficients, t: Real) -> Real:
    """Evaluate the derivative of a series."""
    return value_at([k * coefficient for k, coefficient in enumerate(series)][1:], t)


def longest_step(scale: Real, series: Sequence[Coefficients], tolerance: float) -> Real:
    """Return the step at which the last two terms of series have fallen below `tolerance * scale`.

    Source: Jorba & Zou, Experimental Mathematics 14 (2005), for step sizes from the last coefficients.
    """
    order, scale = len(series[0]) - 1, stop_gradient(scale)
    step = jnp.full_like(scale, jnp.inf)
    for k in (order - 1, order):
        size = sum((jnp.abs(stop_gradient(coefficients[k])) for coefficients in series), jnp.zeros_like(scale))
        some = (size > 0) & (scale > 0)
        # their ratio first: a current that has decayed for long is close to the smallest number
        reach = (tolerance * (scale / jnp.where(some, size, 1.0))) ** (1 / k)
        step = jnp.where(some & (reach < step), reach, step)
    return step


def fastest_rate(states: int, couplings: Sequence[tuple[int, int]], rates: Sequence[Real], like: Real) -> Real:
    """Return a rate at which solutions of `y' = M y` change, whatever the units of the components; 0 if they do not.

    It is a bound on the eigenvalues of M, from the trace of a power of its absolute values; their sum where all
    eigenvalues vanish but M does not.
    """
    total = sum(map(jnp.abs, stop_gradient(tuple(rates))), jnp.zeros_like(like))
    if not couplings:
        return total
    unit = jnp.where(total > 0, total, 1.0)
    if in_kernel():
        sizes = (jnp.abs(stop_gradient(rate)) / unit for rate in rates)
        trace = _trace_of_power(states, dict(zip(couplings, sizes, strict=True)))
        trace = trace ** (1 / 2**_SQUARINGS) * unit
        return jnp.where(trace > 0, trace, total)
    power = jnp.zeros((*like.shape, states, states), like.dtype)
    for (row, column), rate in zip(couplings, rates, strict=True):
        power = power.at[..., row, column].set(jnp.abs(stop_gradient(rate)) / unit)
    for _ in range(_SQUARINGS):
        power = power @ power
    trace = jnp.trace(power, axis1=-2, axis2=-1) ** (1 / 2**_SQUARINGS) * unit
    return jnp.where(trace > 0, trace, total)


def _trace_of_power(states: int, entries: Mapping[tuple[int, int], Real]) -> Real | int:
    """Square a matrix several times, entry by entry, where there are no arrays of matrices."""
    for _ in range(_SQUARINGS):
        found: dict[tuple[int, int], Real] = {}
        for (row, inner), one in entries.items():
            for column in range(states):
                if (other := entries.get((inner, column))) is not None:
                    place = row, column
                    found[place] = found[place] + one * other if place in found else one * other
        entries = found
    return sum(entries[place] for place in entries if place[0] == place[1])


def size_within(series: Coefficients, fastest: Real, terms: int) -> Real:
    """Return how large a component may become in about the time in which it changes, from its first coefficients.

    With one more term than there are components that is zero only for one that stays zero.
    """
    unit = 1 / jnp.where(fastest > 0, fastest, 1.0)
    return bound_on(stop_gradient(list(series[: terms + 1])), unit)


def at_most(step: Real, fastest: Real) -> Real:
    """Shorten a step so that derivatives converge too: those of a component that is zero itself."""
    return jnp.where(step * fastest > 1, 1 / jnp.where(fastest > 0, fastest, 1.0), step)


def bounded_turn(step: Real, squared_rate: Real, rate: Real) -> Real:
    """Shorten a step so that a ray which turns at most with `sqrt(squared_rate) + rate` has no two zeros in it."""
    fastest = jnp.sqrt(squared_rate) + rate
    return jnp.where(step * fastest > _LARGEST_ANGLE, _LARGEST_ANGLE / jnp.where(fastest > 0, fastest, 1.0), step)


def bound_on(series: Coefficients, step: Real) -> Real:
    """Return a bound on the size of a series within a step."""
    return value_at([jnp.abs(coefficient) for coefficient in series], step)


def falling_zero(series: Coefficients, step: Real) -> Real:
    """Return where a series that starts at or above zero and ends below it has its only zero, without derivatives.

    Newton steps from the place where a straight line through both ends falls through zero, kept in a bracket.
    """
    series, step = [stop_gradient(coefficient) for coefficient in series], stop_gradient(step)
    last = value_at(series, step)
    guess = step * series[0] / jnp.where(last < 0, series[0] - last, 1.0)
    guess = jnp.where((guess > 0) & (guess < step), guess, step / 2)
    small = 2 * jnp.finfo(jnp.result_type(step)).eps

    def going(state: tuple[Array, ...]) -> Array:
        *_, is_done, count = state
        return some(~is_done) & (count < _HALVINGS)

    def narrowed(state: tuple[Array, ...]) -> tuple[Array, ...]:
        low, high, t, is_done, count = state
        value, slope = value_at(series, t), slope_at(series, t)
        low, high = jnp.where(value >= 0, t, low), jnp.where(value >= 0, high, t)
        newton = t - value / jnp.where(slope < 0, slope, 1.0)
        inside = (newton >= low) & (newton <= high) & (slope < 0)
        onward = jnp.where(inside, newton, (low + high) / 2)
        close = inside & (jnp.abs(onward - t) <= small * step)
        return low, high, jnp.where(is_done, t, onward), is_done | close | (value == 0), count + 1

    start = (jnp.zeros_like(step), step, guess, ~(last < 0), jnp.array(0))
    return lax.while_loop(going, narrowed, start)[2]


def first_rise(series: Coefficients, step: Real) -> tuple[Real, Bool[Array, "*#shape"]]:
    """Return where a series that starts below zero first reaches it within a step, and whether it does.

    The search goes ahead by as much as an upper bound on the second derivative shows to be free of crossings, so none
    is jumped over, however short it is; near a crossing that amounts to Newton's method. Where it ran out of steps the
    place is not a number, and counts as a crossing.
    """
    series, step = [stop_gradient(coefficient) for coefficient in series], stop_gradient(step)
    curvature = _upper_curvature(series, step)
    small = jnp.finfo(jnp.result_type(step)).eps

    def going(state: tuple[Array, ...]) -> Array:
        _, is_done, count = state
        return some(~is_done) & (count < _MARCHES)

    def onward(state: tuple[Array, ...]) -> tuple[Array, ...]:
        t, is_done, count = state
        value, slope = value_at(series, t), slope_at(series, t)
        inside = slope**2 - 2 * curvature * value
        root = jnp.sqrt(jnp.maximum(inside, 0.0))
        # the first zero of the parabola above the series, by the formula that does not cancel
        turns, rises = (slope < 0) & (curvature > 0), (slope >= 0) & (inside >= 0) & (slope + root > 0)
        rising = -2 * value / jnp.where(rises, slope + root, 1.0)
        turning = (root - slope) / jnp.where(turns, curvature, 1.0)
        ahead = jnp.where(rises, rising, jnp.where(turns, turning, jnp.inf))
        arrived = (value >= 0) | (ahead <= small * t)
        beyond = ~arrived & ~(t + ahead < step)
        moved = jnp.where(arrived, t, jnp.where(beyond, jnp.inf, t + ahead))
        return jnp.where(is_done, t, moved), is_done | arrived | beyond, count + 1

    start = jnp.zeros_like(step)
    t, is_done, _ = lax.while_loop(going, onward, (start, ~(step > 0), jnp.array(0)))
    crosses = finite(t) & (step > 0)
    at_end = ~crosses & (value_at(series, step) >= 0) & (step > 0)
    return jnp.where(is_done, jnp.where(crosses, t, step), jnp.nan), crosses | at_end


def _upper_curvature(series: Coefficients, step: Real) -> Real:
    """Return an upper bound on the second derivative within a step."""
    second = [k * (k - 1) * coefficient for k, coefficient in enumerate(series)][2:]
    return second[0] + step * bound_on(second[1:], step)
