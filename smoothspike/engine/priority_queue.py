"""A priority queue of times: a tournament, in which the earliest of every block goes on to the next round."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

# small enough that a block lies in two lines of a processor's cache
_BLOCK = 16
# so many are compared faster at once than in another round; with 512, networks with delays take 1.5 times as long
_FEW = 64


class PriorityQueue(NamedTuple):
    """Times in blocks, the earliest of the blocks in blocks, and so on; then a last, short list.

    Attributes:
        rounds: Blocks of times, `inf` beyond the last.
        final: The earliest of each block of the last round.
    """

    rounds: tuple[Float[Array, "blocks block"], ...]
    final: Float[Array, " few"]

    @classmethod
    def of(cls, times: Float[Array, " entries"]) -> "PriorityQueue":
        """Put times into blocks.

        Example:
            >>> queue = PriorityQueue.of(jnp.arange(1000.0)[::-1])
            >>> [float(queue.first()[0]), int(queue.first()[1])]
            [0.0, 999]
        """
        rounds = []
        while not rounds or times.size > _FEW:
            padded = jnp.pad(times, (0, -times.size % _BLOCK), constant_values=jnp.inf).reshape(-1, _BLOCK)
            rounds.append(padded)
            times = padded.min(1)
        return cls(tuple(rounds), times)

    def first(self) -> tuple[Float[Array, ""], Int[Array, ""]]:
        """Return the earliest time and its index, of equal times the lowest."""
        place = jnp.argmin(self.final)
        for blocks in self.rounds[::-1]:
            place = place * _BLOCK + jnp.argmin(blocks[place])
        return self.rounds[0].ravel()[place], place

    def updated(self, entries: Int[Array, " some"], times: Float[Array, " some"]) -> "PriorityQueue":
        """Set some times; indices beyond the last are passed over."""
        rounds = []
        for blocks in self.rounds:
            moved = blocks.ravel().at[entries].set(times, mode="drop").reshape(blocks.shape)
            rounds.append(moved)
            entries = entries // _BLOCK
            times = moved.at[entries].get(mode="clip").min(1)
        return PriorityQueue(tuple(rounds), self.final.at[entries].set(times, mode="drop"))
