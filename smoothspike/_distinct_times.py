"""Counting the different times in ascending lists of spike times, of NumPy or JAX."""

from typing import Any


def is_new(times: Any) -> Any:
    """Which spikes come later than the one before, but for the first of all; padding does not."""
    return (times[..., 1:] != times[..., :-1]) & (times[..., 1:] < float("inf"))


def count_distinct(times: Any) -> Any:
    """Return how many finite times along the last axis differ."""
    return (times[..., :1] < float("inf")).sum(-1) + is_new(times).sum(-1)


def is_misgrouped(times: Any, distinct_times: int) -> Any:
    """Whether times are not ascending, or more of them differ than was stated."""
    return (times[..., 1:] < times[..., :-1]).any() | (count_distinct(times) > distinct_times).any()
