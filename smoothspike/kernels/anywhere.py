"""A condition for all trials of a batch at once."""

import jax
from jaxtyping import Array, Bool


@jax.custom_batching.custom_vmap
def anywhere(flags: Bool[Array, "*shape"]) -> Bool[Array, ""]:
    """Return whether any flag is set: of all trials of a batch, where trials are mapped over.

    A branch that is chosen by the answer stays one, while `jax.vmap` would compute both of them and choose for every
    trial by itself. Use it where branches give the same for all entries for which they hold.

    Example:
        >>> jax.vmap(anywhere)(jnp.array([True, False])).tolist()
        [True, True]
    """
    return flags.any()


@anywhere.def_vmap
def _anywhere_in_batch(size: int, is_mapped: list[bool], flags: Bool[Array, "*shape"]) -> tuple[Array, bool]:
    return anywhere(flags), False
