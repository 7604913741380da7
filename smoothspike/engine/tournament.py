"""When each neuron is due to spike: a tournament, in which the earliest of every block goes on to the next round."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..kernels.aside import aside, aside_room
from .rows import put

# Small enough that a block lies in two lines of a processor's cache.
_BLOCK = 16
# So many are compared faster at once than in another round.
_FEW = 512


class Due(NamedTuple):
    """Spike times in blocks, the earliest of the blocks in blocks, and so on; then a last, short list.

    Attributes:
        rounds: Blocks of times, `inf` beyond the last.
        final: The earliest of each block of the last round.
    """

    rounds: tuple[Float[Array, "blocks block"], ...]
    final: Float[Array, " few"]

    @classmethod
    def at(cls, times: Float[Array, " neurons"]) -> "Due":
        """Put spike times into blocks.

        Example:
            >>> due = Due.at(jnp.arange(1000.0)[::-1])
            >>> [float(due.first()[0]), int(due.first()[1])]
            [0.0, 999]
        """
        rounds = []
        while not rounds or times.size > _FEW:
            padded = jnp.pad(times, (0, -times.size % _BLOCK), constant_values=jnp.inf).reshape(-1, _BLOCK)
            rounds.append(padded)
            times = padded.min(1)
        return cls(tuple(rounds), times)

    def first(self) -> tuple[Float[Array, ""], Int[Array, ""]]:
        """Return the earliest time and whose it is: of simultaneous ones, that of the lowest index."""
        place = jnp.argmin(self.final)
        for blocks in self.rounds[::-1]:
            place = place * _BLOCK + jnp.argmin(blocks[place])
        return self.rounds[0].ravel()[place], place

    def changed(
        self,
        neurons: Int[Array, " targets"],
        times: Float[Array, " targets"],
        room: Float[Array, "2 targets"],
        turn: Int[Array, ""],
    ) -> tuple["Due", Float[Array, "2 targets"]]:
        """Set some times; indices beyond the last neuron are passed over. For `room` and `turn` see `aside`."""
        rounds = []
        for blocks in self.rounds:
            moved = blocks.ravel().at[neurons].set(times, mode="drop").reshape(blocks.shape)
            rounds.append(moved)
            neurons = neurons // _BLOCK
            room, times = aside(room, turn, moved.at[neurons].get(mode="clip").min(1))
        return Due(tuple(rounds), self.final.at[neurons].set(times, mode="drop")), room

    def changed_at(
        self, neuron: Int[Array, ""], time: Float[Array, ""], room: Float[Array, "2 block"], turn: Int[Array, ""]
    ) -> tuple["Due", Float[Array, "2 block"]]:
        """Set one time, a block at a time; an index beyond the last neuron is passed over.

        What is read goes aside: the compiler would read it again later, and copy all blocks to be able to.
        """
        rounds, is_one = [], neuron < self.rounds[0].size
        for blocks in self.rounds:
            place = neuron // _BLOCK
            room, block = aside(room, turn, jax.lax.dynamic_index_in_dim(blocks, place, keepdims=False))
            block = jnp.where(is_one & (jnp.arange(_BLOCK) == neuron % _BLOCK), time, block)
            rounds.append(put(blocks, place, block))
            neuron, time = place, block.min()
        return Due(tuple(rounds), self.final.at[neuron].set(time, mode="drop")), room

    @property
    def room(self) -> Float[Array, "2 block"]:
        """Room for a block, for `changed_at`."""
        return aside_room((_BLOCK,), self.final.dtype)
