"""`aside`: what a loop picks from large arrays, one core picks."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array, Int

_aside = Primitive("aside")
_aside.multiple_results = True


def aside_room(shape: tuple[int, ...], dtype: Any) -> Array:
    """Make the array through which values of this shape go."""
    return jnp.zeros((2, *shape), dtype)


def aside(room: Any, turn: Int[Array, ""], value: Any) -> tuple[Any, Any]:
    """Return values by way of arrays that a loop carries, so that one core works it out.

    XLA shares a kernel out among the cores of a processor if the arrays that it picks from are large, however little
    it picks, and the cores then wait for each other's caches: an event among 100,000 neurons took 19 instead of 9 µs.
    A kernel that ends with an update in place stays with one core.

    Args:
        room: An array from `aside_room` for every array of `value`, carried by the loop for nothing else.
        turn: Which half of it is taken, 0 or 1, the same for all trials of a batch. Not a constant to the
            compiler, which would then undo all this.
        value: What is picked, a PyTree of arrays.

    Raises:
        TypeError: if a value does not fit its room.

    Differentiation:
        That of the identity; what is picked backwards goes aside as well, in one trial.

    Example:
        >>> room = aside_room((2,), float)
        >>> aside(room, jnp.array(1), jnp.array([3.0, 4.0]))[1].tolist()
        [3.0, 4.0]
    """
    through = jax.tree.map(lambda into, each: _one(into, turn, each), room, value)
    return jax.tree.transpose(jax.tree.structure(room), jax.tree.structure((0, 0)), through)


def _one(room: Array, turn: Int[Array, ""], value: Array) -> tuple[Array, Array]:
    if (room.shape, room.dtype) != ((2, *value.shape), value.dtype):
        raise TypeError(f"aside: {jax.typeof(value)} goes through the room of another, {jax.typeof(room)}")
    room, value = _aside.bind(room, jnp.asarray(turn), value)
    return room, value


def _through(room: Array, turn: Array, value: Array, axis: int = 0) -> list[Array]:
    room = jax.lax.dynamic_update_index_in_dim(room, value, turn, axis)
    return [room, jax.lax.dynamic_index_in_dim(room, turn, axis, keepdims=False)]


def _backwards(cotangents: list[Any], room: Any, turn: Any, value: Any) -> list[Any]:
    # the cotangent of the room means nothing; its array is the room of the way back
    is_used = not isinstance(cotangents[1], ad.Zero)
    of_room, of_value = map(ad.instantiate_zeros, cotangents)
    if is_used:
        of_room, of_value = _aside.bind(of_room, turn, of_value)
    return [
        of_room if ad.is_undefined_primal(room) else None,
        None,
        of_value if ad.is_undefined_primal(value) else None,
    ]


def _of_a_batch(values: list[Any], axes: list[Any]) -> tuple[list[Any], list[Any]]:
    size = next(each.shape[axis] for each, axis in zip(values, axes, strict=True) if axis is not None)
    room, value = (
        jnp.broadcast_to(each, (size, *each.shape)) if axis is None else jnp.moveaxis(each, axis, 0)
        for each, axis in zip(values[::2], axes[::2], strict=True)
    )
    # all trials take turns together
    turn = values[1] if axes[1] is None else values[1][0]
    return _through(room, turn, value, axis=1), [0, 0]


def _moves(primals: list[Any], tangents: list[Any]) -> tuple[list[Any], list[Any]]:
    _, turn, _ = primals
    of_room, _, of_value = tangents
    if isinstance(of_value, ad.Zero):
        return _aside.bind(*primals), [of_room, of_value]
    return _aside.bind(*primals), _aside.bind(ad.instantiate_zeros(of_room), turn, of_value)


_aside.def_impl(lambda *arguments: _through(*arguments))
_aside.def_abstract_eval(lambda room, turn, value: [room, value])
mlir.register_lowering(_aside, mlir.lower_fun(_through, multiple_results=True))
ad.primitive_jvps[_aside] = _moves
ad.primitive_transposes[_aside] = _backwards
batching.primitive_batchers[_aside] = _of_a_batch
