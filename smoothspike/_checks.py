"""Argument checks. Values are checked where they are known; under tracing, only shapes are."""

import operator
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array

from ._tracing import revealed

#: A traced integer that has been checked before it was traced, and the number below which it is.
_checked_before: ContextVar[tuple[Any, int] | None] = ContextVar("checked_before", default=None)


def known(value: Any) -> np.ndarray | None:
    """Return a value as a NumPy array, or None if it is traced."""
    return None if isinstance(value, Tracer) else np.asarray(value)


def is_whole(value: Any) -> bool:
    """Whether a value is a known integer, of any numeric type."""
    try:
        return not isinstance(value, Tracer) and operator.index(value) == value
    except TypeError:
        return isinstance(value, float) and value.is_integer()


def floating(name: str, values: Any) -> Array:
    """Return real numbers as a floating-point array; half precision and integers become JAX's default type.

    Raises:
        ValueError: if they are not real numbers.
    """
    try:
        array = jnp.asarray(values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array of real numbers, not {type(values).__name__} ({error})") from error
    if jnp.issubdtype(array.dtype, jnp.complexfloating):
        raise ValueError(f"{name} must be real numbers, but are complex.")
    # half precision cannot resolve spike times; a weak type, such as that of jnp.full(shape, 0.1), is lost in the first
    # step of an optimiser, so that jit would compile everything twice
    return array.astype(array.dtype if array.dtype in (jnp.float32, jnp.float64) else float)


def require_finite(name: str, values: Array) -> None:
    """Raise a ValueError that names the first known entry that is not finite."""
    numbers = revealed(values)
    if numbers is not None and not np.isfinite(numbers).all():
        raise ValueError(f"{first_entry(name, numbers, ~np.isfinite(numbers))}, but must be finite")


def require_positive(name: str, value: Any) -> None:
    """Raise a ValueError if a known argument is not a positive, finite number."""
    numbers = known(value)
    if numbers is None:
        return
    is_number = numbers.dtype.kind in "fiu" or jnp.issubdtype(numbers.dtype, jnp.floating)
    if not is_number or not np.all(np.isfinite(numbers) & (numbers > 0)):
        raise ValueError(f"{name} is {value!r}, but must be a positive, finite number.")


def positive_number(name: str, value: Any) -> Array:
    """Return a positive, finite number as an array; otherwise raise an error, also inside jit."""
    require_positive(name, value)
    number = jnp.asarray(value)
    if known(value) is not None:
        return number
    is_wrong = ~((number > 0) & (number < jnp.inf))
    return eqx.error_if(number, is_wrong, f"{name} must be a positive, finite number")


@contextmanager
def below(value: Any, size: int | None) -> Iterator[None]:
    """A context in which a traced integer itself is known to be from 0 to `size - 1`; None for not known.

    A check at run time needs Python, and JAX keeps no program that does in its compilation cache.
    """
    token = _checked_before.set(None if size is None else (value, size))
    try:
        yield
    finally:
        _checked_before.reset(token)


def whole_in_range(name: str, value: Any, size: int, advice: str) -> Array:
    """Return integers from 0 to `size - 1` as an array; if they are out of range, raise an error, also inside jit.

    Raises:
        ValueError: if they are not integers, or known to be out of range.
    """
    array, numbers = jnp.asarray(value), known(value)
    if not jnp.issubdtype(array.dtype, jnp.integer):
        raise ValueError(f"{name} is of type {array.dtype}, but must be an integer: {advice}")
    before = _checked_before.get()
    if numbers is None and before is not None and before[0] is value and before[1] <= size:
        return array
    if numbers is None:
        wrong = jnp.any((array < 0) | (array >= size))
        # the check returns a zero, so that arrays keep their sharding
        return array + eqx.error_if(jnp.zeros((), array.dtype), wrong, f"{name} is out of range: {advice}")
    if np.any((numbers < 0) | (numbers >= size)):
        raise ValueError(f"{name} is {numbers.tolist()}, but {advice}")
    return array


#: The rule for delays, and how training keeps it.
DELAYS = (
    "delays must be finite and non-negative; to keep them so in training, let optax.keep_params_nonnegative() follow "
    "their optimiser"
)


def wrong_delays(delays: Any) -> Any:
    """Where delays are negative, infinite or NaN; for NumPy and JAX arrays."""
    return ~((delays >= 0) & (delays < float("inf")))


def require_delays(name: str, delays: Any, counts: Any = True) -> None:
    """Raise a ValueError that names the first known entry that is not a valid delay, where `counts` is True."""
    numbers = known(delays)
    if numbers is None:
        return
    is_wrong = wrong_delays(numbers) & counts
    if is_wrong.any():
        numbers = np.broadcast_to(numbers, is_wrong.shape)
        where = first_entry(name, numbers, is_wrong) if is_wrong.ndim else f"{name} is {numbers}"
        raise ValueError(f"{where}, but {DELAYS}.")


def first_entry(name: str, values: np.ndarray, is_wrong: np.ndarray) -> str:
    """Describe the first wrong entry of an array as `name[index] is value`."""
    index = tuple(int(position) for position in np.argwhere(is_wrong)[0])
    where = ", ".join(str(position) for position in index)
    return f"{name}[{where}] is {values[index]}"
