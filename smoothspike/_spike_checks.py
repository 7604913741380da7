"""Checks of times and sources, as `Spikes` and its constructors make them."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jaxtyping import Array, Int

from ._checks import first_entry, known


def as_sources(sources: npt.ArrayLike, times: Array) -> Int[Array, "*shape"]:
    """Convert to 32-bit integers; empty lists of any type are allowed.

    Raises:
        ValueError: if they are not integers, or the source of a spike does not fit.
    """
    numbers, time_values = known(sources), known(times)
    dtype = sources.dtype if numbers is None else numbers.dtype  # pyright: ignore[reportAttributeAccessIssue]
    if np.size(sources) and not jnp.issubdtype(dtype, jnp.integer):
        raise ValueError(f"sources are of type {dtype}, but must be integers that number neurons or channels.")
    if numbers is None:
        return jnp.asarray(sources).astype(jnp.int32)
    limits = np.iinfo(np.int32)
    is_beyond = np.asarray((numbers < limits.min) | (numbers > limits.max))
    if time_values is not None and time_values.shape == numbers.shape:
        # the source of padding is ignored
        numbers, is_beyond = (
            np.where(is_beyond & ~np.isfinite(time_values), 0, numbers),
            is_beyond & np.isfinite(time_values),
        )
    if is_beyond.any():
        entry = first_entry("sources", numbers, is_beyond) if numbers.ndim else f"sources is {numbers}"
        raise ValueError(f"{entry}, but sources must be numbered from 0 to at most {limits.max}; renumber them.")
    return jnp.asarray(numbers.astype(np.int32))


def check_shapes(times: Array, sources: Array) -> None:
    if times.shape != sources.shape:
        raise ValueError(
            f"times have shape {times.shape} and sources {sources.shape}, but must have the same shape, for example by "
            "jnp.broadcast_to(sources, times.shape)."
        )
    if times.ndim == 0:
        raise ValueError("times and sources are single numbers, but must be arrays of events, such as [0.5].")


def check_values(times: Array, sources: Array) -> None:
    time_values, source_values = known(times), known(sources)
    if time_values is None:
        return
    is_wrong = ~(time_values >= 0)
    if is_wrong.any():
        entry = first_entry("times", time_values, is_wrong)
        raise ValueError(f"{entry}, but spike times must be at least 0; padding has the time inf.")
    if source_values is None:
        return
    is_wrong = np.isfinite(time_values) & (source_values < 0)
    if is_wrong.any():
        entry = first_entry("sources", source_values, is_wrong)
        raise ValueError(f"{entry}, but sources must be numbered from 0; padding has the time inf.")


def is_later(times: Any) -> Any:
    """Which of ascending times, of NumPy or JAX, but for the first, are not padding and later than the one before."""
    return (times[..., 1:] != times[..., :-1]) & (times[..., 1:] < float("inf"))


def count_distinct(times: Any) -> Any:
    """Return how many finite numbers differ along the last axis, which is ascending."""
    return (times[..., :1] < float("inf")).sum(-1) + is_later(times).sum(-1)


def is_misgrouped(times: Any, distinct_times: int) -> Any:
    """Whether times are not ascending, or more of them differ than was stated."""
    return (times[..., 1:] < times[..., :-1]).any() | (count_distinct(times) > distinct_times).any()


def check_distinct(times: Array, distinct_times: int) -> None:
    """Raise a ValueError for `is_misgrouped` times that are known."""
    values = known(times)
    if values is not None and np.any(is_misgrouped(values, distinct_times)):
        raise ValueError(
            f"distinct_times is {distinct_times}, but the times of a trial are not ascending, or more of them differ; "
            "leave it out, or let Spikes(...).grouped() count them."
        )
