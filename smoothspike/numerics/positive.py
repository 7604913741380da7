"""Numbers that stay positive whatever a step of an optimiser does: each stands for the softplus of any real number."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

#: Its softplus is zero in both precisions, and so is the slope there.
_NOTHING = -1000.0


def positive(numbers: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Return `log(1 + exp(x))`, which is about exp(x) for small values and x for large ones.

    Example:
        >>> positive(any_real(jnp.array([0.0, 0.5, 100.0]))).tolist()
        [0.0, 0.5, 100.0]
    """
    return jax.nn.softplus(numbers)


def any_real(numbers: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Return what `positive` makes these numbers of, which are at least 0; a zero stays zero under any small step."""
    some = numbers > 0
    safe = jnp.where(some, numbers, 1.0)
    return jnp.where(some, safe + jnp.log(-jnp.expm1(-safe)), jnp.asarray(_NOTHING, numbers.dtype))
