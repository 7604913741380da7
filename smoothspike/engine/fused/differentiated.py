"""What derivatives of all kernels begin with: what moves, and what the plain program must do."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array

from ...kernels.transposable import FIRST_ORDER
from ...numerics.elementwise import once_only


def moving_parts(tangents: Any) -> Any:
    """Return tangents with None in place of those that are known to be zero."""
    return jax.tree.map(lambda tangent: None if isinstance(tangent, SymbolicZero) else tangent, tangents)


def by_plain(plain: Callable[..., Any], primals: tuple, moving: Any) -> tuple[Any, Any]:
    """Differentiate the plain program: it knows derivatives by parameters."""
    change = jax.tree.map(_instantiated, primals, moving, is_leaf=lambda leaf: leaf is None)
    return jax.jvp(plain, primals, change)


def _instantiated(primal: Array | None, tangent: Array | None) -> Any:
    """Return a tangent, zero where there is none."""
    if primal is None:
        return None
    if not jnp.issubdtype(jnp.result_type(primal), jnp.inexact):
        return np.zeros(jnp.shape(primal), jax.dtypes.float0)
    return jnp.zeros_like(primal) if tangent is None else tangent


def first_order(leaf: Array) -> Array:
    """Refuse second derivatives, which kernels have none of."""
    return once_only(FIRST_ORDER, leaf) if jnp.issubdtype(leaf.dtype, jnp.inexact) else leaf
