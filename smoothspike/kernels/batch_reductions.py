"""A condition for all trials of a batch at once."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from .in_kernel import in_kernel


def anywhere(flags: Bool[Array, "*shape"]) -> Bool[Array, ""]:
    """Return whether any flag is set: of all trials of a batch, where trials are mapped over.

    A branch that is chosen by the answer stays one, while `jax.vmap` would compute both of them and choose for every
    trial by itself. Use it where branches give the same for all entries for which they hold.
    """
    if in_kernel():  # of the neurons of one block
        return jnp.max(flags.astype(jnp.int32)) > 0
    return _anywhere(flags)


@jax.custom_batching.custom_vmap
def _anywhere(flags: Bool[Array, "*shape"]) -> Bool[Array, ""]:
    return flags.any()


@_anywhere.def_vmap
def _anywhere_in_batch(size: int, is_mapped: list[bool], flags: Bool[Array, "*shape"]) -> tuple[Array, bool]:
    return _anywhere(flags), False


@jax.custom_batching.custom_vmap
def largest(numbers: Int[Array, "*shape"]) -> Int[Array, ""]:
    """Return the largest of numbers, or 0: of all trials of a batch, as for `anywhere`."""
    if numbers.ndim > 1:
        # column by column first, which XLA does for many at a time; it must not make one step of both
        numbers = jnp.max(numbers, tuple(range(numbers.ndim - 1)), initial=0).astype(jnp.int16)
    return jnp.max(numbers, initial=0).astype(jnp.int32)


@largest.def_vmap
def _largest_in_batch(size: int, is_mapped: list[bool], numbers: Int[Array, "*shape"]) -> tuple[Array, bool]:
    return largest(numbers), False
