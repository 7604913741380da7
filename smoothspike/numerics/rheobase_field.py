"""A neuron with all states but its potential held: the minimum of its field, and how long it takes to its spike.

A constant offset is added to the field, times the `weight` of the line: 1 on the line, and on a circle what makes it a
constant of the potential tan(angle / 2), so that the field at the spike itself stays what it is.
"""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import diffrax
import jax
import jax.numpy as jnp
from jax import lax
from jax.lax import stop_gradient
from jaxtyping import Array, Float, Int

from .adaptive_steps import Integration
from .elementwise import differentiable, per_lane

Real = Float[Array, "*shape"]
_GRID, _HALVINGS = 257, 60
_WIDEST = 30.0  # the logarithm of a width
_MAX_STEPS = 4096
_CLOSE = 1e-3


@runtime_checkable
class HeldField(Protocol):
    """A field of the potential alone; hashable."""

    @property
    def states(self) -> int:
        """How many states there are, the spiking variable first."""
        ...

    def rate(self, variable: Array, others: Array, parameters: Array) -> Array:
        """Return the rate of the spiking variable."""
        ...

    def weight(self, variable: Array, parameters: Array) -> Array:
        """Return what an offset of the field is multiplied by."""
        ...


def _split(field: HeldField, values: tuple[Array, ...]) -> tuple[Array, Array]:
    nothing = jnp.zeros(())
    others = jnp.stack([*values[: field.states - 1], nothing])[:-1]
    return others, jnp.stack([*values[field.states - 1 :], nothing])[:-1]


def _minimum_lane(field: HeldField, duration: Array, low: Array, top: Array, *values: Array) -> tuple[Array, Array]:
    moving = _split(field, values)
    held = stop_gradient(moving)

    def height(variable: Array, others: Array, parameters: Array) -> Array:
        return field.rate(variable, others, parameters) / field.weight(variable, parameters)

    slope = jax.grad(height)
    bend = jax.grad(slope)
    x, is_low, is_top = _place(lambda x: height(jnp.sinh(x), *held), stop_gradient(low), stop_gradient(top))
    variable, curved = jnp.sinh(x), bend(jnp.sinh(x), *held)
    # Newton steps where the field is smooth: one for the place, one that carries its derivative
    for arguments in (held, moving):
        shift = slope(variable, *arguments) / jnp.where(curved > 0, curved, 1.0)
        is_close = (curved > 0) & (jnp.abs(stop_gradient(shift)) < _CLOSE * (1 + jnp.abs(variable)))
        variable = jnp.where(is_close & ~is_low & ~is_top, variable - shift, variable)
        curved = bend(stop_gradient(variable), *held)
    variable = jnp.where(is_low, jnp.sinh(low), jnp.where(is_top, jnp.sinh(top), variable))
    width = _width(lambda *of: _rise(height, *of), duration, variable, held, moving)
    return height(variable, *moving), jnp.where(is_low | is_top, 1.0, width) / duration


def _rise(height: Callable[..., Array], width: Array, variable: Array, *arguments: Array) -> Array:
    """How much higher a field is on both sides, at this distance."""
    sides = height(variable + width, *arguments) + height(variable - width, *arguments)
    return sides / 2 - height(variable, *arguments)


def _width(rise: Callable[..., Array], duration: Array, variable: Array, held: Any, moving: Any) -> Array:
    """Return the width w of a minimum in which a neuron stays for about the duration T: where it rises by w / T.

    A minimum that is flat, as that of V**4, is as good as any. Where the field nowhere rises that fast, it is 1.
    """

    def excess(logarithm: Array, duration: Array, variable: Array, *arguments: Array) -> Array:
        width = jnp.exp(logarithm)
        return rise(width, variable, *arguments) * duration / width - 1

    here = (*stop_gradient((duration, variable)), *held)
    widest = jnp.full_like(variable, _WIDEST)
    rises = ~(excess(widest, *here) < 0)
    logarithm = stop_gradient(_sign_change(lambda middle: excess(middle, *here), -widest, widest))
    # one Newton step carries the derivative
    slope = jnp.where(rises, jax.grad(excess)(logarithm, *here), 1.0)
    return jnp.where(rises, jnp.exp(logarithm - excess(logarithm, duration, variable, *moving) / slope), 1.0)


def _place(height: Callable[[Array], Array], low: Array, top: Array) -> tuple[Array, Array, Array]:
    """Search for the lowest place between two ends; return it, and whether it is one of them."""

    def searched(x: Array) -> Array:
        value = height(x)
        return jnp.where(jnp.isnan(value), jnp.inf, value)

    grid = jnp.linspace(low, top, _GRID)
    place = jnp.argmin(jax.vmap(searched)(grid))
    ends = grid[jnp.maximum(place - 1, 0)], grid[jnp.minimum(place + 1, _GRID - 1)]
    # by the sign of the slope, which tells more digits than the height does where a minimum is flat
    x = _sign_change(jax.grad(searched), *ends)
    at_end = (place == 0) | (place == _GRID - 1)
    kept, found = searched(grid[place]), searched(x)
    at = jnp.where((kept < found) | (at_end & (kept == found)), grid[place], x)
    return at, at == low, at == top


def _sign_change(function: Callable[[Array], Array], left: Array, right: Array) -> Array:
    """Return where a function stops being negative, by bisection."""

    def halved(_: Int[Array, ""], ends: tuple[Array, Array]) -> tuple[Array, Array]:
        left, right = ends
        middle = (left + right) / 2
        is_below = function(middle) < 0
        return jnp.where(is_below, middle, left), jnp.where(is_below, right, middle)

    left, right = lax.fori_loop(0, _HALVINGS, halved, (left, right))
    return (left + right) / 2


def _field_minimum(field: HeldField, duration: Real, low: Real, top: Real, *values: Real) -> tuple[Real, ...]:
    return per_lane(lambda *arguments: _minimum_lane(field, *arguments), jnp.shape(low))(duration, low, top, *values)


#: `field_minimum(field, duration, low, top, *others, *parameters)` returns the minimum of `rate / weight` for
#: x = asinh(V) between low and top, and the minimum at which passing takes about the duration: 1 / (c duration**2)
#: where c V**2 is added to the minimum; at an end 1 / duration.
field_minimum = differentiable(_field_minimum)


def _time_lane(
    problem: tuple[HeldField, Integration], x: Array, top: Array, floor: Array, offset: Array, *values: Array
) -> Array:
    field, integration = problem
    others, parameters = _split(field, values)
    way = top - x

    def pace(part: Any, _: Any, __: Any) -> Array:
        place = x + way * part
        variable = jnp.sinh(jnp.maximum(place, floor))
        speed = field.rate(variable, others, parameters) + offset * field.weight(variable, parameters)
        return way * jnp.cosh(place) / speed

    relative = integration.relative(x.dtype)
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(pace), integration.solver, jnp.zeros_like(x), jnp.ones_like(x), jnp.full_like(x, 1e-3),
        jnp.zeros_like(x), stepsize_controller=diffrax.PIDController(rtol=relative, atol=relative * 1e-4),
        adjoint=diffrax.ForwardMode(), max_steps=_MAX_STEPS, throw=False,
    )  # fmt: skip
    assert solution.ys is not None
    reached = solution.result == diffrax.RESULTS.successful
    return jnp.where(reached, solution.ys[-1], jnp.nan)


def _time_to_top(
    problem: tuple[HeldField, Integration], x: Real, top: Real, floor: Real, offset: Real, *values: Real
) -> tuple[Real, ...]:
    lane = per_lane(lambda *arguments: _time_lane(problem, *arguments), jnp.shape(x))
    return (lane(x, top, floor, offset, *values),)


#: `time_to_top((field, integration), x, top, floor, offset, *others, *parameters)` integrates the time from x to top
#: with the offset added to the field, which below `floor` is what it is there.
time_to_top = differentiable(_time_to_top)
