"""Where the first state of a linear system is largest, over many intervals between events: exactly, not on a grid.

Intervals are searched for stationary points (see `stationary_points`) in the order of an upper bound on their maxima,
until no bound is above the largest value found.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from .propagator import Entries, Real, Structure, carried, propagator, read_out
from .special_functions import exponential
from .stationary_points import Search, product


class Peak(NamedTuple):
    """Where the largest value of each neuron is.

    Attributes:
        interval: In which interval.
        elapsed: When in it.
        is_end: Whether that is its end.
    """

    interval: Int[Array, " neurons"]
    elapsed: Float[Array, " neurons"]
    is_end: Array


def largest(
    structure: Structure,
    rates: Sequence[Real],
    values: Sequence[Float[Array, "intervals neurons"]],
    lengths: Float[Array, "intervals *#neurons"],
) -> Peak:
    """Find the largest value of the first state, without derivatives; the earliest of equal ones at ends of intervals.

    Args:
        structure: Which entries the matrix of the system has.
        rates: These entries, one number or one for each neuron.
        values: The states where intervals start.
        lengths: Of the intervals, of which at least one is not empty. What happens in empty ones does not count.

    Raises:
        UnsupportedCircle: if more than two states drive one another in a circle.
    """
    rates, values, lengths = lax.stop_gradient((tuple(rates), tuple(values), lengths))
    search = Search.of(structure, rates)
    values = [values[state] for state in search.kept]
    over = propagator(search.structure, lengths, search.rates)
    ends = carried(over, values)
    counts = jnp.broadcast_to(lengths > 0, values[0].shape)
    at_start, at_end = (jnp.where(counts, each, -jnp.inf) for each in (values[0], ends[0]))
    found = jnp.maximum(at_start, at_end)
    interval = jnp.argmax(found, 0)

    def at(matrix: Array, interval: Array) -> Array:
        matrix = jnp.broadcast_to(matrix, counts.shape)
        return jnp.take_along_axis(matrix, interval[None], 0)[0]

    is_end = at(at_end, interval) > at(at_start, interval)
    start = at(found, interval), interval, jnp.where(is_end, at(lengths, interval), 0.0), is_end
    upper = jnp.where(counts, _upper(search, values, ends, lengths, over), -jnp.inf)

    def going(state: tuple) -> Array:
        upper, (best, *_), count = state
        return (upper > best).any() & (count <= upper.shape[0])

    def onward(state: tuple) -> tuple:
        upper, (best, *where), count = state
        interval = jnp.argmax(upper, 0)
        length = at(lengths, interval)
        place, value = search.inside([at(each, interval) for each in values], length)
        better = value > best
        new = value, interval, place, place >= length
        kept = jax.tree.map(lambda a, b: jnp.where(better, a, b), new, (best, *where))
        neurons = jnp.arange(upper.shape[1])
        return upper.at[interval, neurons].set(-jnp.inf), kept, count + 1

    _, (_, interval, elapsed, is_end), _ = lax.while_loop(going, onward, (upper, start, jnp.array(0)))
    return Peak(interval, elapsed, is_end)


def _upper(
    search: Search, values: Sequence[Real], ends: Sequence[Real], lengths: Real, over: Entries
) -> Float[Array, "intervals neurons"]:
    """Bound the maxima inside intervals from above; minus infinity where there is none."""
    if search.order < 2:
        return jnp.full_like(values[0], -jnp.inf)
    if search.has_formula:
        return _upper_of_two(search, values, ends, lengths)
    bound = _cascade_bound if search.structure.is_cascade else _circle_bound
    return bound(search.structure, search.rates, values, lengths, over)


def _upper_of_two(search: Search, values: Sequence[Real], ends: Sequence[Real], lengths: Real) -> Real:
    g, h, slow, _ = search.two(values)
    falls = product(search.slope, ends) < 0
    # the slope is at most exp(slow t) (g + h t) as h < 0
    apex = g * jnp.where(h < 0, g / jnp.where(h < 0, -2 * h, 1.0), jnp.inf)
    growth = jnp.exp(jnp.maximum(slow, 0.0) * lengths)
    return jnp.where((g > 0) & falls, values[0] + growth * jnp.minimum(g * lengths, apex), -jnp.inf)


def _cascade_bound(
    structure: Structure, rates: Sequence[Real], values: Sequence[Real], lengths: Real, over: Entries
) -> Real:
    """Bound the first state in every interval, from bounds on those that drive it."""
    entries = dict(zip(structure.couplings, rates, strict=True))
    bounds: dict[int, tuple[Real, Real]] = {}
    for state in structure.drivers_first() or ():
        low, high = jnp.zeros_like(values[0]), jnp.zeros_like(values[0])
        for (row, column), rate in entries.items():
            if row == state != column:
                ends = rate * bounds[column][0], rate * bounds[column][1]
                low, high = low + jnp.minimum(*ends), high + jnp.maximum(*ends)
        start, left = values[state], over[state, state]
        # the response to a constant drive goes monotonically to its end
        response = lengths * exponential(0, -entries.get((state, state), jnp.zeros(())) * lengths)
        last = left * start + response * low, left * start + response * high
        bounds[state] = jnp.minimum(start, last[0]), jnp.maximum(start, last[1])
    return bounds[0][1]


def _circle_bound(
    structure: Structure, rates: Sequence[Real], values: Sequence[Real], lengths: Real, over: Entries
) -> Real:
    """Bound the first state in every interval by a system in which nothing decays or has a sign."""
    sizes = [
        jnp.maximum(rate, 0.0) if row == column else jnp.abs(rate)
        for (row, column), rate in zip(structure.couplings, rates, strict=True)
    ]
    bound = read_out(propagator(structure, lengths, sizes), [jnp.abs(value) for value in values], 0)
    return jnp.where(jnp.isnan(bound), jnp.inf, bound)
