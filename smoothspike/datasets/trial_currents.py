"""The input currents of a data set: one for all trials, or one for each."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..currents import AbstractCurrent

#: By name, or so for each population.
Currents = Mapping[str, AbstractCurrent] | Sequence[Mapping[str, AbstractCurrent] | None]


def as_currents(given: Any, samples: int) -> Any:
    """Check the currents of a data set.

    Raises:
        TypeError: if they are not currents by name.
        ValueError: if there are those of other numbers of trials.
    """
    if given is None:
        return None
    if not isinstance(given, Mapping):
        return tuple(as_currents(each, samples) for each in given)
    for name, current in given.items():
        if not isinstance(current, AbstractCurrent):
            raise TypeError(
                f"current {name} is of type {type(current).__name__}; pass PiecewiseConstant(times, values) or "
                "PiecewiseLinear(times, values), or of trials with their own, PiecewiseConstant.stack([...])"
            )
        if current.batch not in ((), (samples,)):
            raise ValueError(
                f"current {name} has the leading axes {current.batch}, but must have none, for all trials, or "
                f"({samples},), one for each trial"
            )
    return dict(given)


def of_trials(currents: Any, index: Any) -> Any:
    """Select the currents of some trials; one for all trials stays."""

    def selected(current: AbstractCurrent) -> AbstractCurrent:
        # in NumPy, which compiles nothing
        return jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf)[index]), current) if current.batch else current

    return jax.tree.map(selected, currents, is_leaf=is_current)


def is_current(value: Any) -> bool:
    """Whether a part of a tree is a current."""
    return isinstance(value, AbstractCurrent)
