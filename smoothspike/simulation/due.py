"""When each neuron is due to spike: the earliest of many is found through the earliest of every block."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

_BLOCK = 64


class Due(NamedTuple):
    """Spike times in blocks, and the earliest of each block.

    Attributes:
        times: Of all neurons; `inf` beyond the last.
        earliest: In every block.
    """

    times: Float[Array, "blocks block"]
    earliest: Float[Array, " blocks"]

    @classmethod
    def at(cls, times: Float[Array, " neurons"]) -> "Due":
        """Put spike times into blocks.

        Example:
            >>> due = Due.at(jnp.arange(100.0)[::-1])
            >>> [float(due.first()[0]), int(due.first()[1])]
            [0.0, 99]
        """
        padded = jnp.pad(times, (0, -times.size % _BLOCK), constant_values=jnp.inf).reshape(-1, _BLOCK)
        return cls(padded, padded.min(1))

    def first(self) -> tuple[Float[Array, ""], Int[Array, ""]]:
        """Return the earliest time and whose it is: of simultaneous ones, that of the lowest index."""
        block = jnp.argmin(self.earliest)
        place = jnp.argmin(self.times[block])
        return self.times[block, place], block * _BLOCK + place

    def changed(self, neurons: Int[Array, " targets"], times: Float[Array, " targets"]) -> "Due":
        """Set some times; indices beyond the last neuron are passed over."""
        shape = self.times.shape
        moved = self.times.ravel().at[neurons].set(times, mode="drop").reshape(shape)
        blocks = neurons // _BLOCK
        return Due(moved, self.earliest.at[blocks].set(moved.at[blocks].get(mode="clip").min(1), mode="drop"))
