"""Checks of arguments where they enter, for values that are known: while JAX traces, only shapes are."""

import operator
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array

from ._tracing import revealed


def known(value: Any) -> np.ndarray | None:
    """Return a value as a NumPy array, or None while JAX traces it and its numbers are not known yet."""
    return None if isinstance(value, Tracer) else np.asarray(value)


def is_whole(value: Any) -> bool:
    """Whether a value is a known whole number, of any type of integers."""
    try:
        return not isinstance(value, Tracer) and operator.index(value) == value
    except TypeError:
        return isinstance(value, float) and value.is_integer()


def floating(name: str, values: Any) -> Array:
    """Return real numbers as an array of floating-point numbers, of their own precision if that is JAX's least or more.

    Raises:
        ValueError: if they are no real numbers.
    """
    try:
        array = jnp.asarray(values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: give an array of real numbers, not {type(values).__name__} ({error})") from error
    if jnp.issubdtype(array.dtype, jnp.complexfloating):
        raise ValueError(f"{name} are complex, but have to be real numbers.")
    # half precision holds no spike times, and is not what the other numbers of a network are
    return array if array.dtype in (jnp.float32, jnp.float64) else array.astype(float)


def require_finite(name: str, values: Array) -> None:
    """Raise a ValueError that names the first entry that is known and not a finite number."""
    numbers = revealed(values)
    if numbers is not None and not np.isfinite(numbers).all():
        raise ValueError(f"{first_entry(name, numbers, ~np.isfinite(numbers))}, but has to be a finite number")


def require_positive(name: str, value: Any) -> None:
    """Raise a ValueError that names the argument if it is known and not a positive, finite number."""
    numbers = known(value)
    if numbers is None:
        return
    is_number = numbers.dtype.kind in "fiu" or jnp.issubdtype(numbers.dtype, jnp.floating)
    if not is_number or not np.all(np.isfinite(numbers) & (numbers > 0)):
        raise ValueError(f"{name} is {value!r}, but has to be a positive, finite number.")


def positive_number(name: str, value: Any) -> Array:
    """Return a number as an array; refuse it where it is not positive and finite, inside jit, too."""
    require_positive(name, value)
    number = jnp.asarray(value)
    if known(value) is not None:
        return number
    is_wrong = ~((number > 0) & (number < jnp.inf))
    return eqx.error_if(number, is_wrong, f"{name} has to be a positive, finite number")


def whole_in_range(name: str, value: Any, size: int, advice: str) -> Array:
    """Return whole numbers as an array; refuse them where they are not from 0 to `size - 1`, inside jit, too.

    Raises:
        ValueError: if they are no integers, or known to be out of range.
    """
    array, numbers = jnp.asarray(value), known(value)
    if not jnp.issubdtype(array.dtype, jnp.integer):
        raise ValueError(f"{name} is of type {array.dtype}, but has to be of integers: {advice}")
    if numbers is None:
        wrong = jnp.any((array < 0) | (array >= size))
        # the check gives a zero, so that values that are shared out among devices stay there
        return array + eqx.error_if(jnp.zeros((), array.dtype), wrong, f"{name} is out of range: {advice}")
    if np.any((numbers < 0) | (numbers >= size)):
        raise ValueError(f"{name} is {numbers.tolist()}, but {advice}")
    return array


#: What a delay has to be, and how a trained one stays so.
DELAYS = "a delay has to be finite and at least 0: give such a number, and train the logarithm or a root of it"


def wrong_delays(delays: Any) -> Any:
    """Return where delays are negative, infinite or not numbers; for NumPy and JAX arrays."""
    return ~((delays >= 0) & (delays < float("inf")))


def require_delays(name: str, delays: Any, counts: Any = True) -> None:
    """Raise a ValueError that names the first entry that counts, is known and is no delay."""
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
