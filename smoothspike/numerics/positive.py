"""Numbers that stay positive, or in a range, whatever a step of an optimiser does: any real numbers stand for them."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

#: Its softplus is zero in both precisions, and so is the slope there.
_NOTHING = -1000.0


def positive(numbers: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Return `log(1 + exp(x))`, which is about exp(x) for small values and x for large ones."""
    return jax.nn.softplus(numbers)


def any_real(numbers: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Return what `positive` makes these numbers of, which are at least 0; a zero stays zero under any small step."""
    some = numbers > 0
    safe = jnp.where(some, numbers, 1.0)
    return jnp.where(some, safe + jnp.log(-jnp.expm1(-safe)), jnp.asarray(_NOTHING, numbers.dtype))


def inside(numbers: Float[Array, "*shape"], low: Any, high: Any) -> Float[Array, "*shape"]:
    """Return numbers between two ends, either of which may be None for no end, that any real numbers stand for."""
    if low is None:
        return numbers if high is None else high - positive(numbers)
    if high is None:
        return low + positive(numbers)
    return low + (high - low) * jax.nn.sigmoid(numbers)


def any_inside(numbers: Float[Array, "*shape"], low: Any, high: Any) -> Float[Array, "*shape"]:
    """Return what `inside` makes these numbers of, which lie strictly between the ends."""
    if low is None:
        return numbers if high is None else any_real(high - numbers)
    if high is None:
        return any_real(numbers - low)
    return jnp.log(numbers - low) - jnp.log(high - numbers)
