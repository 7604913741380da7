"""Whether what is being traced becomes part of a GPU kernel, where fewer operations exist.

The formulas of neurons serve kernels and whole-array programs alike. Where a program uses what kernels lack (arrays of
constants, choices for all neurons at once, loops over arrays), the formula asks here and takes its other form.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

_tracing: ContextVar[bool] = ContextVar("tracing", default=False)


@contextmanager
def tracing_kernel() -> Iterator[None]:
    """Trace formulas in the form that kernels can hold."""
    token = _tracing.set(True)
    try:
        yield
    finally:
        _tracing.reset(token)


def in_kernel() -> bool:
    """Return whether a kernel is being traced."""
    return _tracing.get()


def some(flags: Bool[Array, "*shape"]) -> Bool[Array, ""]:
    """Return whether any flag is set."""
    return jnp.max(flags.astype(jnp.int32)) > 0 if in_kernel() else jnp.any(flags)


def finite(x: Float[Array, "*shape"]) -> Bool[Array, "*shape"]:
    """Return which numbers are finite."""
    return jnp.abs(x) < jnp.inf if in_kernel() else jnp.isfinite(x)


def polynomial(coefficients: Sequence[float], x: Float[Array, "*shape"], unroll: int = 16) -> Float[Array, "*shape"]:
    """Evaluate a polynomial, highest power first.

    Args:
        coefficients: Of the powers.
        x: Where.
        unroll: How many terms are summed in one turn of a loop, outside of kernels.

    Example:
        >>> float(polynomial([1.0, 0.0, 3.0], jnp.array(2.0)))
        7.0
    """
    if not in_kernel():
        return jnp.polyval(jnp.asarray(coefficients, x.dtype), x, unroll=unroll)
    total = jnp.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        total = total * x + coefficient
    return total
