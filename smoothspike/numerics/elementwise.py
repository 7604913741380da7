"""Derivatives of adaptive computations: both modes from forward mode alone.

A loop that runs until it is done can be differentiated forwards but not backwards. A function that acts on every
neuron by itself has a small Jacobian, though: as many columns as it has arguments. It is computed forwards, beside the
values, in the same loop; what is left for reverse mode is a product.
"""

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero
from jax.lax import stop_gradient
from jaxtyping import Array

from ..kernels.in_kernel import in_kernel

Function = Callable[..., tuple[Array, ...]]

# step sizes and places of events are exact to first order alone
_FIRST_ORDER = "this solver has no second derivatives: only first derivatives of spike times are exact"


def per_lane(function: Callable[..., Any], shape: tuple[int, ...]) -> Callable[..., Any]:
    """Run a function of scalars on arrays of a shape, every entry by itself."""
    for _ in shape:
        function = jax.vmap(function)
    return function


def not_above(values: Array, limit: Array) -> Array:
    """Undo what rounding carries beyond a limit; unlike a minimum it changes no derivative."""
    return values - stop_gradient(jnp.maximum(values - limit, 0.0))


def not_below(values: Array, limit: Array) -> Array:
    """Undo what rounding carries below a limit; unlike a maximum it changes no derivative."""
    return values + stop_gradient(jnp.maximum(limit - values, 0.0))


def differentiable(function: Function) -> Function:
    """Give a function of arrays, elementwise over their common shape, derivatives in both modes.

    Args:
        function: Called as `function(static, *arrays)` with a hashable first argument and arrays of one shape and of
            floating-point numbers; returns arrays of that shape.

    Returns:
        The same function, which broadcasts its arrays first. Only columns of the Jacobian that are asked for are
        computed. Second derivatives raise `NotImplementedError`.
    """

    @partial(jax.custom_jvp, nondiff_argnums=(0,))
    def wrapped(static: Hashable, *arrays: Array) -> tuple[Array, ...]:
        return function(static, *arrays)

    @partial(wrapped.defjvp, symbolic_zeros=True)
    def rule(static: Hashable, primals: tuple[Array, ...], tangents: tuple[Any, ...]) -> Any:
        moving = [index for index, tangent in enumerate(tangents) if not isinstance(tangent, SymbolicZero)]
        if not moving:
            values = function(static, *primals)
            return values, tuple(map(jnp.zeros_like, values))
        values, columns = _with_columns(partial(function, static), primals, moving)
        changes = [
            sum((column[place] * tangents[index] for place, index in enumerate(moving)), jnp.zeros_like(value))
            for value, column in zip(values, columns, strict=True)
        ]
        return values, tuple(changes)

    def broadcasting(static: Hashable, *arrays: Any) -> tuple[Array, ...]:
        dtype = jnp.result_type(float, *arrays)
        return wrapped(static, *jnp.broadcast_arrays(*(jnp.asarray(array, dtype) for array in arrays)))

    return broadcasting


def _with_columns(function: Function, primals: tuple[Array, ...], moving: list[int]) -> tuple[Any, Any]:
    """Return values, and for each of them the derivatives by the moving arguments along a new first axis."""

    def of_moving(*moved: Array) -> tuple[Array, ...]:
        arguments = list(primals)
        for index, value in zip(moving, moved, strict=True):
            arguments[index] = value
        return function(*arguments)

    chosen = tuple(once_only(_FIRST_ORDER, primals[index]) for index in moving)

    if in_kernel():  # which has no arrays over neurons and columns
        units = [
            tuple(jnp.full_like(each, float(place == other)) for place, each in enumerate(chosen))
            for other in range(len(chosen))
        ]
        found = [jax.jvp(of_moving, chosen, unit) for unit in units]
        return found[0][0], tuple(zip(*(column for _, column in found), strict=True))

    def along(direction: Array) -> tuple[Any, Any]:
        tangents = tuple(jnp.full_like(primal, part) for primal, part in zip(chosen, direction, strict=True))
        return jax.jvp(of_moving, chosen, tangents)

    return jax.vmap(along, out_axes=(None, 0))(jnp.eye(len(moving), dtype=primals[0].dtype))


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def once_only(reason: str, value: Array) -> Array:
    """Refuse to be differentiated, for values that are used in a first derivative only."""
    return value


@once_only.defjvp
def _refuse(reason: str, primals: tuple[Array], tangents: tuple[Array]) -> Any:
    raise NotImplementedError(reason)
