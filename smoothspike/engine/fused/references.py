"""Reading and writing what a kernel is given by reference."""

from typing import Any

import jax
from jax.experimental import pallas as pl
from jaxtyping import Array


def read(refs: Any) -> Any:
    """Return all that a PyTree of references holds."""
    return jax.tree.map(lambda ref: ref[...], refs)


def write(ref: Any, number: Any, value: Array) -> None:
    """Set a row."""
    ref[number, :] = value


def store_if(condition: Array, ref: Any, place: Array, value: Array) -> None:
    """Set an entry where a condition holds."""

    @pl.when(condition)
    def _() -> None:
        ref[place] = value
