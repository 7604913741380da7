"""Checks of arguments where they enter, for values that are known: while JAX traces, only shapes are."""

from typing import Any

import numpy as np
from jax.core import Tracer


def known(value: Any) -> np.ndarray | None:
    """Return a value as a NumPy array, or None while JAX traces it and its numbers are not known yet."""
    return None if isinstance(value, Tracer) else np.asarray(value)


def require_positive(name: str, value: Any) -> None:
    """Raise a ValueError that names the argument if it is known and not a positive, finite number."""
    numbers = known(value)
    if numbers is not None and not np.all(np.isfinite(numbers) & (numbers > 0)):
        raise ValueError(f"{name} is {value}, but has to be a positive, finite number.")


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
