"""A neuron with all states but its potential held: the minimum of its field, and how long it takes to its spike.

The field is lifted by a constant, times the `weight` of the line: 1 on the line, and on a circle what makes it a
constant of the potential tan(angle / 2), so that the field at the spike itself stays what it is.
"""

from collections.abc import Callable
from typing import Any, Protocol

import diffrax
import jax
import jax.numpy as jnp
from jax import lax
from jax.lax import stop_gradient
from jaxtyping import Array, Float

from .elementwise import differentiable, per_lane, tolerance_of

Real = Float[Array, "*shape"]
_GRID, _SECTIONS = 257, 40
_MAX_STEPS = 4096
_GOLDEN = 0.6180339887498949
_CLOSE = 1e-3


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
        """Return what a lift of the field is multiplied by."""
        ...


def _split(field: HeldField, values: tuple[Array, ...]) -> tuple[Array, Array]:
    nothing = jnp.zeros(())
    others = jnp.stack([*values[: field.states - 1], nothing])[:-1]
    return others, jnp.stack([*values[field.states - 1 :], nothing])[:-1]


def _lowest_lane(field: HeldField, low: Array, top: Array, *values: Array) -> tuple[Array, Array]:
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
    return height(variable, *moving), bend(variable, *moving) / 2


def _place(height: Callable[[Array], Array], low: Array, top: Array) -> tuple[Array, Array, Array]:
    """Search for the lowest place between two ends; return it, and whether it is one of them."""

    def searched(x: Array) -> Array:
        value = height(x)
        return jnp.where(jnp.isnan(value), jnp.inf, value)

    grid = jnp.linspace(low, top, _GRID)
    place = jnp.argmin(jax.vmap(searched)(grid))
    ends = grid[jnp.maximum(place - 1, 0)], grid[jnp.minimum(place + 1, _GRID - 1)]

    def narrowed(_: int, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        left, right = ends
        way = _GOLDEN * (right - left)
        is_left = searched(right - way) < searched(left + way)
        return jnp.where(is_left, left, right - way), jnp.where(is_left, left + way, right)

    left, right = lax.fori_loop(0, _SECTIONS, narrowed, ends)
    x = (left + right) / 2
    at = jnp.where(searched(x) <= searched(grid[place]), x, grid[place])
    return at, at == low, at == top


def _lowest(field: HeldField, low: Real, top: Real, *values: Real) -> tuple[Real, ...]:
    return per_lane(lambda *arguments: _lowest_lane(field, *arguments), jnp.shape(low))(low, top, *values)


#: `lowest(field, low, top, *others, *parameters)` returns the minimum of `rate / weight` for x = asinh(V) between low
#: and top, and half its second derivative by V there.
lowest = differentiable(_lowest)


def _time_lane(field: HeldField, x: Array, top: Array, floor: Array, lift: Array, *values: Array) -> Array:
    others, parameters = _split(field, values)
    way = top - x

    def pace(part: Any, _: Any, __: Any) -> Array:
        place = x + way * part
        variable = jnp.sinh(jnp.maximum(place, floor))
        speed = field.rate(variable, others, parameters) + lift * field.weight(variable, parameters)
        return way * jnp.cosh(place) / speed

    relative = tolerance_of(x.dtype)
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(pace), diffrax.Dopri8(), jnp.zeros_like(x), jnp.ones_like(x), jnp.full_like(x, 1e-3),
        jnp.zeros_like(x), stepsize_controller=diffrax.PIDController(rtol=relative, atol=relative * 1e-4),
        adjoint=diffrax.ForwardMode(), max_steps=_MAX_STEPS, throw=False,
    )  # fmt: skip
    assert solution.ys is not None
    reached = solution.result == diffrax.RESULTS.successful
    return jnp.where(reached, solution.ys[-1], jnp.nan)


def _time_to_top(field: HeldField, x: Real, top: Real, floor: Real, lift: Real, *values: Real) -> tuple[Real, ...]:
    lane = per_lane(lambda *arguments: _time_lane(field, *arguments), jnp.shape(x))
    return (lane(x, top, floor, lift, *values),)


#: `time_to_top(field, x, top, floor, lift, *others, *parameters)` integrates the time from x to top in the lifted
#: field, which below `floor` is what it is there.
time_to_top = differentiable(_time_to_top)
