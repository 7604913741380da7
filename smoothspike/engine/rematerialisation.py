"""Segments of a scan over inputs: what is computed at once, and which states are kept."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from ..neurons import AbstractDynamics
from ..neurons.vectorised import AbstractVectorisedDynamics, Inputs

#: Up to this many inputs all states are kept; of more, those at the starts of segments.
MOST_KEPT = 512

#: An array over a segment of this many bytes stays in a processor's cache, with others of its kind.
_BYTES = 2**18

#: The shortest segment that is worth its price.
_FEWEST = 4

#: The length of segments that neurons go through again after a reset.
_BETWEEN_RESETS = 64

#: The length of segments whose states are all kept for a while, where no derivative needs them.
_MOST_AT_ONCE = 32


class Segments(NamedTuple):
    """How a row of inputs is divided.

    Attributes:
        number: How many segments are computed one after the other.
        length: How many inputs each has.
        keeps_all: Whether all states are kept; else those at the starts of segments, from which the rest is recomputed.
    """

    number: int
    length: int
    keeps_all: bool

    @property
    def total(self) -> int:
        """How many inputs there are, padding included."""
        return self.number * self.length

    @property
    def starts(self) -> Int[Array, " number"]:
        """The first input of each segment."""
        return jnp.arange(0, self.total, self.length, dtype=jnp.int32)

    @property
    def without_states(self) -> "Segments":
        """The segments where no derivative needs states: short enough to keep those of one at a time."""
        count = -(-self.total // min(self.length, _MOST_AT_ONCE))
        return Segments(count, -(-self.total // count), keeps_all=False)

    def cut(self, tree: Any) -> Any:
        """Cut rows into segments."""
        return jax.tree.map(lambda leaf: leaf.reshape(self.number, self.length, *leaf.shape[1:]), tree)

    def filled(self, inputs: Inputs) -> Inputs:
        """Pad with intervals of no length whose inputs add nothing."""
        missing = self.total - len(inputs.lengths)
        nothing = max((len(rows) - 1 for rows in inputs.columns.values()), default=0)
        return inputs._replace(
            lengths=_extended(inputs.lengths, missing, 0.0), sources=_extended(inputs.sources, missing, nothing)
        )


def joined(segments: Any) -> Any:
    """Join segments to rows, which undoes `Segments.cut`."""
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), segments)


def segments_for(inputs: int, at_once: int | None = None) -> Segments:
    """Divide a row of inputs: few into one segment, many into as many as each is long.

    Args:
        inputs: How many there are.
        at_once: How many of them are best computed at once; any number if None.

    Example:
        >>> segments_for(90), segments_for(90, at_once=40)
        (Segments(number=1, length=90, keeps_all=True), Segments(number=3, length=30, keeps_all=True))
        >>> segments_for(5000)
        Segments(number=71, length=71, keeps_all=False)
    """
    keeps_all = inputs <= MOST_KEPT
    count = 1 if keeps_all else -(-inputs // round(inputs**0.5))
    if at_once is not None:
        count = max(count, -(-inputs // max(at_once, _FEWEST)))
    return Segments(count, -(-inputs // count), keeps_all)


def best_at_once(dynamics: AbstractDynamics, state: Array, trials: int) -> int | None:
    """Return for how many inputs all that is computed at once stays in a processor's cache; None for any number.

    Neurons that are reset go through a segment again for every spike of the one with the most.

    Args:
        dynamics: The neurons.
        state: Some part of their state.
        trials: How many trials there are side by side.
    """
    if not (isinstance(dynamics, AbstractVectorisedDynamics) and dynamics.vectorises_over_inputs):
        return None
    if not dynamics.resets_by_flow:
        return _BETWEEN_RESETS
    fitting = _BYTES // (state.dtype.itemsize * max(1, state.size * trials))
    return fitting if dynamics.most_at_once is None else min(fitting, dynamics.most_at_once)


def _extended(row: Array, missing: int, value: float) -> Array:
    return jnp.pad(row, [(0, missing)] + [(0, 0)] * (row.ndim - 1), constant_values=value)
