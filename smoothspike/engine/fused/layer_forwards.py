"""The kernel that takes a layer forwards.

A program has one trial and a block of neurons, whose states it carries from input to input. Intervals with spikes are
noted as they come by.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.pallas import triton
from jaxtyping import Array

from ...neurons import State
from .blocks import Given
from .layer_run import NEVER, Noted, Run, read_input
from .references import read, write


def forwards(run: Run, given: Given, *, keep: bool) -> tuple[Noted, State]:
    """Evolve a layer; also return the states every `run.piece` inputs, if they are to be kept."""
    layout, number = run.layout, jax.ShapeDtypeStruct((), jnp.int32)
    pieces = -(-layout.inputs // run.piece) if keep else 0
    count = jax.tree.map(lambda _: layout.of_each(run.most), given.initial)
    out = Noted(
        run.shapes(given.initial), run.shapes(given.initial, run.most), run.shapes(number, run.most),
        run.shapes(number, run.most), run.shapes(number),
    )  # fmt: skip
    specs = Noted(
        jax.tree.map(lambda _: layout.of_neurons, given.initial), count, layout.of_each(run.most),
        layout.of_each(run.most), layout.of_neurons,
    )  # fmt: skip
    kept = run.shapes(given.initial, pieces) if keep else ()
    kept_specs = jax.tree.map(lambda _: layout.of_each(pieces), kept)
    return run.call(_layer, (given,), (layout.of_given(given),), (out, kept), (specs, kept_specs))


def _layer(run: Run, given: Given, noted: Noted, kept: State) -> None:
    dynamics, state, dtype = run.neurons(given.neurons), read(given.initial), given.lengths.dtype
    lanes = jnp.arange(run.layout.width, dtype=jnp.int32)
    nobody = jnp.zeros_like(lanes)

    def empty(number: Array, _: Any) -> Any:
        jax.tree.map(lambda ref, leaf: write(ref, number, leaf), noted.states, state)
        write(noted.place, number, nobody - 1)
        write(noted.upto, number, nobody + NEVER)
        return _

    jax.lax.fori_loop(0, run.most, empty, np.int32(0))

    def event(number: Array, carry: tuple) -> tuple:
        (state, spiked, rank), (length, weights) = carry
        # read before it is needed
        coming = read_input(run, given, jnp.minimum(number + 1, run.layout.inputs - 1))
        end, count = dynamics.advance_block(state, length)
        spiked = spiked + count
        now = (count > 0) & (rank < run.most)
        entries = (*jax.tree.leaves(state), nobody + number.astype(jnp.int32), spiked.astype(jnp.int32))
        places = (*jax.tree.leaves(noted.states), noted.place, noted.upto)
        for ref, entry in zip(places, entries, strict=True):
            triton.store(ref.at[rank, lanes], entry, mask=now)
        return (dynamics.jump(end, weights), spiked, rank + now.astype(jnp.int32)), coming

    def piece(number: Array, carry: tuple) -> tuple:
        jax.tree.map(lambda ref, leaf: write(ref, number, leaf), kept, carry[0][0])
        return jax.lax.fori_loop(
            number * run.piece, jnp.minimum((number + 1) * run.piece, run.layout.inputs), event, carry
        )

    carry = (state, jnp.zeros(run.layout.width, dtype), nobody), read_input(run, given, 0)
    if jax.tree.leaves(kept):
        carry = jax.lax.fori_loop(0, -(-run.layout.inputs // run.piece), piece, carry)
    else:
        carry = jax.lax.fori_loop(0, run.layout.inputs, event, carry)
    (state, spiked, _), _ = carry
    jax.tree.map(lambda ref, leaf: ref.__setitem__(..., leaf), noted.end, state)
    noted.spiked[...] = spiked.astype(jnp.int32)
