"""The path of any neuron up to its next spike or for a while, and its derivatives: `stepping` for one stretch.

Derivatives come from the path itself, carried forwards step by step; where the path ends they are moved along it to the
event, which is the implicit function theorem.
"""

from functools import partial
from typing import Protocol

import diffrax
import jax.numpy as jnp
from jax import lax
from jax.lax import stop_gradient
from jaxtyping import Array, Bool, Float

from .adaptive_steps import Engine, Equations, Line, advance, engine_of, is_there, land
from .elementwise import differentiable, not_above, per_lane, tolerance_of

Real = Float[Array, "*shape"]
_MAX_STEPS = 20_000
_FIRST_SIZE = 0.05
_HALVINGS = 64


class Field(Protocol):
    """The declared equations; hashable."""

    @property
    def may_graze(self) -> bool:
        """Whether the potential may touch the threshold without crossing it."""
        ...

    @property
    def is_at_infinity(self) -> bool:
        """Whether the spike is at infinity: else an input may lift the potential above its threshold."""
        ...

    @property
    def states(self) -> int:
        """How many states there are."""
        ...

    @property
    def time_scale(self) -> float:
        """A natural unit of time."""
        ...

    def rates(self, states: Array, parameters: Array) -> Array:
        """Return the rates of change of all states."""
        ...


def instant(dtype: jnp.dtype) -> float:
    """Return the part of the time scale that is below the rounding of any spike time."""
    return 1e-18 if jnp.finfo(dtype).nmant > 30 else 1e-9


def _lane(field: Field, within: Array, top: Array, bottom: Array, *values: Array) -> tuple[Array, ...]:
    states, parameters = jnp.stack(values[: field.states]), jnp.stack([*values[field.states :], jnp.zeros_like(within)])
    equations = Equations(
        lambda now: field.rates(now, parameters[:-1]), lambda route, weight, now: now, lambda now: now
    )
    line = Line(top, bottom, jnp.asarray(field.time_scale, top.dtype), jnp.asarray(tolerance_of(top.dtype), top.dtype))
    engine = engine_of(equations, line, diffrax.Dopri8(scan_kind="lax"), field.may_graze)
    target = stop_gradient(within)

    def running(carry: tuple) -> Bool[Array, ""]:
        *_, spikes, arrives, failed = carry
        return ~(spikes | arrives | failed)

    def onward(carry: tuple) -> tuple:
        path, size, steps, *_ = carry
        there = is_there(engine, path, target)
        start, size, steps = advance(engine, path, size, steps, target, _MAX_STEPS)
        size = stop_gradient(size)
        path, spikes, arrives = land(engine, start, jnp.where(there, 0.0, size), target)
        escapes = (path[1] <= line.bottom) & (engine.rate(path) <= 0)
        return path, size, steps, spikes, arrives & ~spikes, (steps >= _MAX_STEPS) | escapes

    no = jnp.array(False)
    path = jnp.concatenate([jnp.zeros(1, states.dtype), states])
    earlier, states = shifted_in_time(states, engine.all_rates(path), line.time_scale)
    path = jnp.concatenate([-earlier[None], states])
    start = (path, jnp.asarray(_FIRST_SIZE, states.dtype), jnp.array(0), no, no, no)
    path, _, _, spikes, _, failed = lax.while_loop(running, onward, start)
    above = (values[0] > top) & (not field.is_at_infinity)
    at, wait = _on_event(engine, path, values[0], within, spikes, above)
    at = jnp.where(failed & ~spikes, jnp.nan, at)
    return wait, *at


def shifted_in_time(states: Array, rates: Array, time_scale: Real | float) -> tuple[Real, Array]:
    """Where x runs fast, turn what its start is differentiated by into a shift in time along the same path.

    The derivative of a spike time by the start of x is tiny there, and would be left over from large numbers otherwise.

    Args:
        states: The states where a path starts, x first.
        rates: Their rates of change.
        time_scale: The unit of time.

    Returns:
        By how much earlier the spike comes, zero but for its derivative, and the states, of which x has none.
    """
    held, rates = stop_gradient((states, rates))
    fast = jnp.abs(rates[0]) * time_scale > 1
    earlier = jnp.where(fast, states[0] - held[0], 0.0) / jnp.where(fast, rates[0], 1.0)
    return earlier, (states - earlier * rates).at[0].set(jnp.where(fast, held[0], states[0]))


def _on_event(
    engine: Engine, path: Array, first: Array, within: Array, spikes: Array, above: Array
) -> tuple[Array, Array]:
    """Move the end of a path along the flow to the spike or to the end of the time; return states and time."""
    top = engine.line.top
    rates = engine.all_rates(path)
    # rates are constant to first order: what the move changes is rounding, and the derivative
    held = stop_gradient(rates)
    # an input may lift a potential to its threshold or above, where it spikes at once
    at_once = stop_gradient(above | ((path[0] == 0) & (held[0] <= 0)))
    comes = spikes & ~at_once
    to_top = (top - path[1]) / jnp.where(comes, held[0], 1.0)
    left = within - path[0]
    in_time = stop_gradient(jnp.where(comes, to_top, 0.0) < left)
    comes, spikes = comes & in_time, spikes & in_time
    move = jnp.where(comes, to_top, jnp.where(spikes, 0.0, left - stop_gradient(left)))
    at = path[1:] + held * move
    below = not_above(at[0], jnp.maximum(first, top))
    at = at.at[0].set(jnp.where(comes, top, jnp.where(spikes, path[1], below)))
    return at, jnp.where(spikes, path[0] + move, jnp.inf)


def _until_spike(field: Field, within: Real, top: Real, bottom: Real, *values: Real) -> tuple[Real, ...]:
    lane = per_lane(partial(_lane, field), jnp.shape(within))
    return lane(within, top, bottom, *values)


#: `until_spike(field, within, top, bottom, x, *others, *parameters)` returns the time to the next spike, inf if it does
#: not come before that, and x = asinh(V) and the other states there, or then; NaN where the solver failed.
until_spike = differentiable(_until_spike)


def farthest(dtype: jnp.dtype) -> float:
    """Return where sinh is about to overflow."""
    return 690.0 if jnp.finfo(dtype).maxexp > 200 else 85.0


def edge(field: Field, direction: int, others: tuple[Real, ...], parameters: tuple[Real, ...]) -> tuple[Real, Array]:
    """Return where so little time is left to infinity that it is below rounding, in x = asinh(V), and if it exists.

    That is where x runs faster than all of the time scale in a billionth of a billionth of it.

    Args:
        field: The neuron.
        direction: 1 towards plus infinity, -1 from minus infinity.
        others: The other states, which do not matter there.
        parameters: Values of the parameters.
    """
    arrays = jnp.broadcast_arrays(*(jnp.asarray(value) for value in (*others, *parameters, 0.0)))
    dtype = jnp.result_type(float, *arrays)
    fastest = 1 / (instant(dtype) * field.time_scale)

    def of_lane(x: Array, *values: Array) -> Array:
        now = jnp.stack([jnp.sinh(direction * x), *values[: field.states - 1]])
        return field.rates(now, jnp.stack([*values[field.states - 1 :]])[:-1])[0] / jnp.cosh(x)

    pace = per_lane(of_lane, arrays[0].shape)

    def halved(_: int, ends: tuple[Real, Real]) -> tuple[Real, Real]:
        low, high = ends
        middle = (low + high) / 2
        beyond = ~(pace(middle, *arrays) < fastest)
        return jnp.where(beyond, low, middle), jnp.where(beyond, middle, high)

    start = (jnp.zeros(arrays[0].shape, dtype), jnp.full(arrays[0].shape, farthest(dtype), dtype))
    _, place = lax.fori_loop(0, _HALVINGS, halved, start)
    # fast enough only because numbers overflow there is not fast enough
    return stop_gradient(direction * place), jnp.isfinite(pace(place, *arrays)) & (place < farthest(dtype))
