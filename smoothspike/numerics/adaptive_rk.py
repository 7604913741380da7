"""Integration of any neuron to its next spike or over an interval, with its derivatives.

Derivatives come from the path itself, carried forwards step by step; where the path ends they are moved along it to the
event, which is the implicit function theorem.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple, Protocol, runtime_checkable

import jax.numpy as jnp
from jax import lax
from jax.lax import stop_gradient
from jaxtyping import Array, ArrayLike, Float, Int

from .adaptive_steps import Integration, Line, PathSolver
from .elementwise import differentiable, not_above, per_lane
from .event_search import to_next_event

Real = Float[Array, "*shape"]
_MAX_STEPS = 20_000
_HALVINGS = 64


@runtime_checkable
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

    def rates(self, states: Array, parameters: Sequence[Array] | Array) -> Array:
        """Return the rates of change of all states."""
        ...


class Problem(NamedTuple):
    """What to integrate, and how; hashable."""

    field: Field
    integration: Integration = Integration()


def instant(dtype: jnp.dtype) -> float:
    """Return the part of the time scale that is below the rounding of any spike time."""
    return 1e-18 if jnp.finfo(dtype).nmant > 30 else 1e-9


def _lane(problem: Problem, within: Array, top: Array, bottom: Array, *values: Array) -> tuple[Array, ...]:
    field, integration = problem
    # a zero more, so that no parameters at all are an array too
    states, parameters = jnp.stack(values[: field.states]), jnp.stack([*values[field.states :], jnp.zeros_like(within)])
    line = Line(top, bottom, jnp.asarray(field.time_scale, top.dtype))
    solver = PathSolver(lambda now: field.rates(now, parameters[:-1]), line, field.may_graze, integration, _MAX_STEPS)
    path = jnp.concatenate([jnp.zeros(1, states.dtype), states])
    # an input may lift a potential above a finite threshold, where it spikes at once
    is_above = (states[0] > top) & (not field.is_at_infinity)
    earlier, shifted = shifted_in_time(states, solver.path_rates(path), line.time_scale)
    path = jnp.where(is_above, path, jnp.concatenate([-earlier[None], shifted]))
    progress, spikes, _, fails = to_next_event(solver, solver.start(path), within)
    time, x, *others = progress.path
    x = jnp.where(spikes, x, not_above(x, jnp.maximum(states[0], top)))
    return jnp.where(spikes, time, jnp.inf), *(jnp.where(fails, jnp.nan, value) for value in (x, *others))


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


def _until_spike(problem: Problem, within: Real, top: Real, bottom: Real, *values: Real) -> tuple[Real, ...]:
    lane = per_lane(partial(_lane, problem), jnp.shape(within))
    return lane(within, top, bottom, *values)


#: `until_spike(problem, within, top, bottom, x, *others, *parameters)` returns the time to the next spike, inf if it
#: does not come before that, and x = asinh(V) and the other states there, or then; NaN where the solver failed.
until_spike = differentiable(_until_spike)


def farthest(dtype: jnp.dtype) -> float:
    """Return where sinh is about to overflow."""
    return 690.0 if jnp.finfo(dtype).maxexp > 200 else 85.0


def edge(
    field: Field,
    direction: int,
    others: tuple[ArrayLike, ...],
    parameters: tuple[ArrayLike, ...],
    part: ArrayLike | None = None,
    *,
    either_way: bool = False,
) -> tuple[Array, Array]:
    """Return from where on the time left to infinity is below a part of the time scale, and if there is such a place.

    Args:
        field: The neuron.
        direction: 1 towards plus infinity, -1 from minus infinity.
        others: The other states.
        parameters: Values of the parameters.
        part: By default a part that is below the rounding of any spike time; 0 for where numbers overflow.
        either_way: Whether it does not matter if the potential runs to infinity or comes from there.

    Returns:
        The place in x = asinh(V), and whether the potential runs that fast there: else numbers overflow before.
    """
    dtype = jnp.result_type(float, *others, *parameters)
    part = jnp.asarray(instant(dtype) if part is None else part, dtype)
    *arrays, part = jnp.broadcast_arrays(*(jnp.asarray(value, dtype) for value in (*others, *parameters, part)))
    fastest = 1 / (part * field.time_scale)

    def of_lane(x: Array, *values: Array) -> Array:
        now = jnp.stack([jnp.sinh(direction * x), *values[: field.states - 1]])
        speed = field.rates(now, values[field.states - 1 :])[0] / jnp.cosh(x)
        return jnp.abs(speed) if either_way else speed

    pace = per_lane(of_lane, part.shape)

    def halved(_: Int[Array, ""], ends: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = ends
        middle = (low + high) / 2
        beyond = ~(pace(middle, *arrays) < fastest)
        return jnp.where(beyond, low, middle), jnp.where(beyond, middle, high)

    start = (jnp.zeros_like(part), jnp.full_like(part, farthest(dtype)))
    _, place = lax.fori_loop(0, _HALVINGS, halved, start)
    # fast enough only because numbers overflow there is not fast enough
    return stop_gradient(direction * place), jnp.isfinite(pace(place, *arrays)) & (place < farthest(dtype))
