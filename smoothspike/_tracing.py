"""`revealed`: the concrete values of arrays under `jax.grad` and `jax.vmap`.

Outside jit, these transformations run a function eagerly on tracers that wrap concrete values. An identity primitive
whose differentiation and batching rules unwrap one tracer each reaches the value. Inside jit there is no value; the
primitive remains in the program, at no cost.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.experimental import multihost_utils
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array

_reveal = Primitive("reveal")
_listening = threading.local()


def revealed(value: Any) -> np.ndarray | None:
    """Return the numbers in an array, or None inside jit.

    Under `jax.vmap`, in any nesting with derivatives, the result has one additional leading axis for every map that the
    array depends on.

    Example:
        >>> jax.grad(lambda x: x * revealed(2 * x))(3.0).tolist()
        6.0
        >>> jax.jit(lambda x: revealed(x) is None and x)(3.0).tolist()
        3.0
    """
    if not isinstance(value, Tracer):
        if isinstance(value, jax.Array) and not (value.is_fully_addressable or value.is_fully_replicated):
            value = multihost_utils.process_allgather(value, tiled=True)  # several processes hold parts of it
        return np.asarray(value)
    with _listening_for_values() as found:
        # without its tangent, the value is concrete
        _reveal.bind(jax.lax.stop_gradient(value))
    return np.asarray(found[0]) if found else None


@contextmanager
def _listening_for_values() -> Iterator[list[Array]]:
    before, found = getattr(_listening, "found", None), []
    _listening.found = found
    try:
        yield found
    finally:
        _listening.found = before


def _record(value: Array) -> Array:
    _listening.found.append(value)
    return value


def _jvp(primals: list[Any], _: list[Any]) -> tuple[Any, Any]:
    value = _reveal.bind(*primals)
    if jnp.issubdtype(value.dtype, jnp.inexact):
        return value, jnp.zeros_like(value)
    return value, np.zeros(value.shape, jax.dtypes.float0)


def _batch(values: list[Any], axes: list[Any]) -> tuple[Any, int]:
    return _reveal.bind(jnp.moveaxis(values[0], axes[0], 0)), 0


_reveal.def_impl(_record)
_reveal.def_abstract_eval(lambda value: value)
mlir.register_lowering(_reveal, mlir.lower_fun(lambda value: value, multiple_results=False))
ad.primitive_jvps[_reveal] = _jvp
batching.primitive_batchers[_reveal] = _batch
