"""How a row of stretches between inputs is divided: what is worked out at once, and which states are kept."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from ..neurons import AbstractDynamics
from ..neurons.event import Inputs

#: Up to this many inputs all states are kept; of more, the least that pieces need.
MOST_KEPT = 512

#: So large an array of all stretches that are worked out at once stays in the cache, with others of its kind.
_BYTES = 2**18

#: Fewer stretches than this are not worth a piece.
_FEWEST = 4

#: Of so many stretches the states are kept to catch spikes where no derivative needs them.
_MOST_CAUGHT_AT_ONCE = 32


class Shape(NamedTuple):
    """How a row of stretches is divided.

    Attributes:
        pieces: How many parts are worked out one after the other.
        stretches: Of a piece.
        keeps_all: Whether all states are kept, which saves working them out again; else that where each piece begins.
    """

    pieces: int
    stretches: int
    keeps_all: bool

    @property
    def total(self) -> int:
        """How many stretches there are, padding included."""
        return self.pieces * self.stretches

    @property
    def begins(self) -> Int[Array, " pieces"]:
        """Which stretch each piece begins with."""
        return jnp.arange(0, self.total, self.stretches, dtype=jnp.int32)

    @property
    def without_states(self) -> "Shape":
        """How it is divided where no derivative needs states: pieces short enough to keep those of one at a time."""
        pieces = -(-self.total // min(self.stretches, _MOST_CAUGHT_AT_ONCE))
        return Shape(pieces, -(-self.total // pieces), keeps_all=False)

    def cut(self, tree: Any) -> Any:
        """Cut rows into pieces."""
        return jax.tree.map(lambda leaf: leaf.reshape(self.pieces, self.stretches, *leaf.shape[1:]), tree)

    def filled(self, inputs: Inputs) -> Inputs:
        """Add stretches of no length whose inputs add nothing, until there are as many as here."""
        missing = self.total - len(inputs.lengths)
        nothing = max((len(rows) - 1 for rows in inputs.columns.values()), default=0)
        return inputs._replace(
            lengths=_extended(inputs.lengths, missing, 0.0), sources=_extended(inputs.sources, missing, nothing)
        )


def joined(pieces: Any) -> Any:
    """Join pieces to rows, which undoes `Shape.cut`."""
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), pieces)


def shape_for(stretches: int, at_once: int | None = None) -> Shape:
    """Divide a row of stretches: few in one piece, many in as many as are long.

    Args:
        stretches: How many there are.
        at_once: How many of them are best worked out at once; any number if None.

    Example:
        >>> shape_for(90), shape_for(90, at_once=40)
        (Shape(pieces=1, stretches=90, keeps_all=True), Shape(pieces=3, stretches=30, keeps_all=True))
        >>> shape_for(5000)
        Shape(pieces=71, stretches=71, keeps_all=False)
    """
    keeps_all = stretches <= MOST_KEPT
    pieces = 1 if keeps_all else -(-stretches // round(stretches**0.5))
    if at_once is not None:
        pieces = max(pieces, -(-stretches // max(at_once, _FEWEST)))
    return Shape(pieces, -(-stretches // pieces), keeps_all)


def best_at_once(dynamics: AbstractDynamics, state: Array, trials: int) -> int | None:
    """Return of how many stretches all that is worked out at once stays in a processor's cache.

    Args:
        dynamics: The neurons.
        state: Some part of their state.
        trials: How many trials there are side by side.
    """
    lanes = max(1, state.size * trials)
    return _BYTES // (state.dtype.itemsize * lanes) if dynamics.vectorises_over_inputs else None


def _extended(row: Array, missing: int, value: float) -> Array:
    return jnp.pad(row, [(0, missing)] + [(0, 0)] * (row.ndim - 1), constant_values=value)
