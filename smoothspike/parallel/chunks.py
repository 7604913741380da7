"""`value_and_grad_in_chunks`: the gradient of a mean over a batch, computed one chunk of the batch at a time."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array

from .devices import require_divisible


def value_and_grad_in_chunks(
    loss: Callable[..., Any], chunk: int, *, has_aux: bool = False, mesh: Mesh | None = None
) -> Callable[..., tuple[Any, Any]]:
    """Differentiate the mean loss of a batch in chunks, with the memory of one chunk.

    A drop-in for `eqx.filter_value_and_grad` where the loss is a mean over samples: value and gradient are the same up
    to rounding. If the chunk does not divide the batch, the remaining samples are computed separately, with their
    weight in the mean. On a CPU, small chunks can also be faster, because they stay in the cache.

    Args:
        loss: `loss(model, *batch)`, the mean over its samples. Every array in `batch` must have the samples along its
            first axis; other arrays belong in the model or in a closure.
        chunk: Samples per chunk, counted over all devices: choose a multiple of their number.
        has_aux: Whether the loss returns a pair, the second a tree of arrays with the samples along the first axis.
        mesh: Devices that share the batch (see `data_mesh`). Each computes the gradient of its own samples, and their
            mean is exchanged as one array. Without this, the compiler exchanges sums at every event.

    Returns:
        A function of the same arguments that returns the value (with `has_aux`, a pair) and the gradient with respect
        to the floating-point arrays of the model. Use it inside `eqx.filter_jit`.

    Raises:
        ValueError: if `chunk` is not positive, arrays differ in their first axis, or devices cannot share the batch
            evenly.

    Example:
        >>> def mean_loss(weight, xs):
        ...     return jnp.mean((weight * xs) ** 2)
        >>> value, gradient = value_and_grad_in_chunks(mean_loss, chunk=2)(jnp.array(1.0), jnp.array([1.0, 2.0, 4.0]))
        >>> float(value), float(gradient)
        (7.0, 14.0)
    """
    if chunk < 1:
        raise ValueError(f"chunk is {chunk}, but must be a number of samples, at least 1")
    if mesh is not None:
        return _shared(loss, max(1, chunk // mesh.size), has_aux, Mesh(mesh.devices, mesh.axis_names))
    whole = eqx.filter_value_and_grad(loss, has_aux=has_aux)

    def in_chunks(model: Any, *batch: Any) -> tuple[Any, Any]:
        arrays, rest = eqx.partition(batch, eqx.is_array)
        samples = _num_samples(arrays)
        if chunk >= samples:
            return whole(model, *batch)
        count, left_over = divmod(samples, chunk)
        zero = jax.tree.map(jnp.zeros_like, eqx.filter(model, eqx.is_inexact_array))

        def add(total: Any, part: Any) -> tuple[Any, Any]:
            out, gradient = whole(model, *eqx.combine(part, rest))
            return _weighted_sum(total, gradient, chunk / samples), out

        gradient, outs = jax.lax.scan(add, zero, jax.tree.map(lambda leaf: _dealt(leaf, count, chunk), arrays))
        values, aux = outs if has_aux else (outs, None)
        value = values.sum(0) * (chunk / samples)
        aux = jax.tree.map(lambda leaf: _collected(leaf, chunk), aux)
        if left_over:
            last = jax.tree.map(lambda leaf: leaf[count * chunk :], arrays)
            out, last_gradient = whole(model, *eqx.combine(last, rest))
            last_value, last_aux = out if has_aux else (out, None)
            value = value + last_value * (left_over / samples)
            gradient = _weighted_sum(gradient, last_gradient, left_over / samples)
            aux = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), aux, last_aux)
        return ((value, aux) if has_aux else value), gradient

    return in_chunks


def _shared(loss: Callable[..., Any], chunk: int, has_aux: bool, mesh: Mesh) -> Callable[..., tuple[Any, Any]]:
    """Split the batch among devices, and average their results."""
    everywhere, split = PartitionSpec(), PartitionSpec(mesh.axis_names)
    alone = value_and_grad_in_chunks(loss, chunk, has_aux=has_aux)

    def shared(model: Any, *batch: Any) -> tuple[Any, Any]:
        (model_arrays, model_rest), (arrays, rest) = (eqx.partition(tree, eqx.is_array) for tree in (model, batch))
        require_divisible(_num_samples(arrays), mesh, "the batch")

        def on_each(model_arrays: Any, arrays: Any) -> tuple[Any, Any, Any]:
            out, gradient = alone(eqx.combine(model_arrays, model_rest), *eqx.combine(arrays, rest))
            value, aux = out if has_aux else (out, None)
            # as one array: devices wait for one another at every exchange
            found, unravel = ravel_pytree((value, gradient))
            return *unravel(jax.lax.pmean(found, mesh.axis_names)), aux

        run = jax.shard_map(
            on_each, mesh=mesh, in_specs=(everywhere, split), out_specs=(everywhere, everywhere, split),
            check_vma=False,
        )  # fmt: skip
        value, gradient, aux = run(model_arrays, arrays)
        return ((value, aux) if has_aux else value), gradient

    return shared


def _weighted_sum(total: Any, part: Any, weight: float) -> Any:
    return jax.tree.map(lambda a, b: a + weight * b, total, part)


def _dealt(leaf: Array, count: int, chunk: int) -> Array:
    """Deal samples like cards, so that each chunk has equally many from every device."""
    return jnp.swapaxes(leaf[: count * chunk].reshape(chunk, count, *leaf.shape[1:]), 0, 1)


def _collected(leaf: Array, chunk: int) -> Array:
    """Undo `_dealt`."""
    if leaf.ndim < 2 or leaf.shape[1] != chunk:
        raise ValueError(
            f"an auxiliary output has shape {leaf.shape[1:]} for a chunk of {chunk} samples; its first axis must be "
            "the samples: reduce it outside the loss"
        )
    return jnp.swapaxes(leaf, 0, 1).reshape(-1, *leaf.shape[2:])


def _num_samples(arrays: Any) -> int:
    shapes = [leaf.shape for leaf in jax.tree.leaves(arrays)]
    if () in shapes or len({shape[0] for shape in shapes}) != 1:
        raise ValueError(
            f"arrays of shapes {shapes} differ in their first axis, which must be the samples; put other arrays into "
            "the model or a closure"
        )
    return shapes[0][0]
