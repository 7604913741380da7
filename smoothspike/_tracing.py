"""Values that are known although JAX differentiates or maps over them: outside jit they are there, inside the tracer.

`jax.grad` and `jax.vmap` hand tracers to a function that they run at once, value by value. A primitive that computes
nothing, and whose rules of differentiation and batching pass on what is inside, arrives at the value itself. Inside jit
nothing is run yet: it stays in the program, where it costs nothing, and there is no value.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array

_reveal = Primitive("reveal")
_listening = threading.local()


def revealed(value: Any) -> np.ndarray | None:
    """Return the numbers in an array, or None inside jit, where they are not known yet.

    Under `jax.vmap`, in any nesting with derivatives, these are the numbers of all trials: one axis more in front for
    every map that the array depends on.

    Example:
        >>> jax.grad(lambda x: x * revealed(2 * x))(3.0).tolist()
        6.0
        >>> jax.jit(lambda x: revealed(x) is None and x)(3.0).tolist()
        3.0
    """
    if not isinstance(value, Tracer):
        return np.asarray(value)
    with _heard() as found:
        # a value without a derivative is at hand as it is
        _reveal.bind(jax.lax.stop_gradient(value))
    return np.asarray(found[0]) if found else None


@contextmanager
def _heard() -> Iterator[list[Array]]:
    before, found = getattr(_listening, "found", None), []
    _listening.found = found
    try:
        yield found
    finally:
        _listening.found = before


def _arrived(value: Array) -> Array:
    _listening.found.append(value)
    return value


def _moved(primals: list[Any], _: list[Any]) -> tuple[Any, Any]:
    value = _reveal.bind(*primals)
    if jnp.issubdtype(value.dtype, jnp.inexact):
        return value, jnp.zeros_like(value)
    return value, np.zeros(value.shape, jax.dtypes.float0)


def _batched(values: list[Any], axes: list[Any]) -> tuple[Any, int]:
    return _reveal.bind(jnp.moveaxis(values[0], axes[0], 0)), 0


_reveal.def_impl(_arrived)
_reveal.def_abstract_eval(lambda value: value)
mlir.register_lowering(_reveal, mlir.lower_fun(lambda value: value, multiple_results=False))
ad.primitive_jvps[_reveal] = _moved
batching.primitive_batchers[_reveal] = _batched
