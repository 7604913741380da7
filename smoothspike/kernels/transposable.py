"""A linear map whose transpose is a program of its own: GPU kernels cannot be transposed by JAX.

`jax.custom_derivatives.linear_call` does this, but not under `jax.vmap`; `jax.custom_vjp` knows no forward mode.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

FIRST_ORDER = (
    "a layer that runs as one GPU kernel has no second derivatives: compute them on the CPU, inside "
    "`with jax.default_device(jax.devices('cpu')[0])`"
)

#: Takes and returns lists of arrays: what the map depends on, then what it is linear in.
Flat = Callable[[list[Any], list[Any]], list[Any]]
linear_map_p = Primitive("smoothspike_linear_map")
linear_map_p.multiple_results = True


def linear_map(
    function: Callable[[Any, Any], Any], transpose: Callable[[Any, Any], Any], known: Any, linear: Any
) -> Any:
    """Apply a linear map.

    Args:
        function: `function(known, linear)`, linear in its second argument; takes and returns PyTrees.
        transpose: `transpose(known, cotangent)`, of the structure of `linear`.
        known: What both depend on.
        linear: What the map is applied to.

    Differentiation:
        Both modes, by `linear` alone.

    Example:
        >>> def double(_, x):
        ...     return 2 * x
        >>> float(jax.grad(lambda x: linear_map(double, double, None, x))(3.0))
        2.0
    """
    known_leaves, known_tree = jax.tree.flatten(known)
    leaves, tree = jax.tree.flatten(linear)
    outcome = jax.tree.structure(jax.eval_shape(function, known, linear))

    def flat(known: list[Any], linear: list[Any]) -> list[Any]:
        return jax.tree.leaves(function(known_tree.unflatten(known), tree.unflatten(linear)))

    def flat_transpose(known: list[Any], linear: list[Any]) -> list[Any]:
        found = transpose(known_tree.unflatten(known), outcome.unflatten(linear))
        return jax.tree.leaves(found)

    count = len(known_leaves)
    found = linear_map_p.bind(*known_leaves, *leaves, function=flat, transpose=flat_transpose, count=count)
    return outcome.unflatten(found)


def _apply(*arguments: Any, function: Flat, transpose: Flat, count: int) -> list[Any]:
    return function(list(arguments[:count]), list(arguments[count:]))


def _shapes(*arguments: Any, function: Flat, transpose: Flat, count: int) -> list[Any]:
    found = jax.eval_shape(
        lambda *given: _apply(*given, function=function, transpose=transpose, count=count), *arguments
    )
    return [ShapedArray(each.shape, each.dtype) for each in found]


def _jvp(primals: Any, tangents: Any, **given: Any) -> tuple[Any, Any]:
    count = given["count"]
    if any(type(tangent) is not ad.Zero for tangent in tangents[:count]):
        raise NotImplementedError(FIRST_ORDER)
    moved = [ad.instantiate_zeros(tangent) for tangent in tangents[count:]]
    return linear_map_p.bind(*primals, **given), linear_map_p.bind(*primals[:count], *moved, **given)


def _transpose(cotangents: Any, *arguments: Any, function: Flat, transpose: Flat, count: int) -> list[Any]:
    known, linear = arguments[:count], arguments[count:]
    given = [ad.instantiate_zeros(cotangent) for cotangent in cotangents]
    found = linear_map_p.bind(*known, *given, function=transpose, transpose=function, count=count)
    moved = [value if ad.is_undefined_primal(each) else None for each, value in zip(linear, found, strict=True)]
    return [None] * count + moved


def _batched(arguments: Any, axes: Any, *, function: Flat, transpose: Flat, count: int) -> tuple[Any, Any]:
    size = next(each.shape[axis] for each, axis in zip(arguments, axes, strict=True) if axis is not None)
    # transposes then need no sums over trials
    linear = [
        jnp.broadcast_to(each, (size, *each.shape)) if axis is None else jnp.moveaxis(each, axis, 0)
        for each, axis in zip(arguments[count:], axes[count:], strict=True)
    ]
    over = list(axes[:count]), 0
    found = linear_map_p.bind(
        *arguments[:count], *linear, function=jax.vmap(function, over), transpose=jax.vmap(transpose, over), count=count
    )
    return found, [0] * len(found)


linear_map_p.def_impl(_apply)
linear_map_p.def_abstract_eval(_shapes)
ad.primitive_jvps[linear_map_p] = _jvp
ad.primitive_transposes[linear_map_p] = _transpose
batching.primitive_batchers[linear_map_p] = _batched
mlir.register_lowering(linear_map_p, mlir.lower_fun(_apply, multiple_results=True))
