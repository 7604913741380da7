"""The kernels of a layer's derivatives: its tangents, and backwards.

Backwards, a state every few inputs is known; those between are computed again in registers.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton
from jaxtyping import Array

from ...neurons import AbstractDynamics, State
from ...neurons.vectorised import InterEventInterval
from .blocks import Given
from .layer_run import Kept, Moves, Outcome, Run, read_input
from .linearised import linearised, product, with_resets
from .references import read, store_if, write


def tangents(run: Run, kept: Kept, moves: Moves) -> Outcome:
    """Propagate tangents."""
    layout, given = run.layout, kept.given
    of_moves = Moves(
        [layout.of_neurons] * len(moves.start),
        None if moves.lengths is None else layout.of_trial(layout.inputs),
        {route: layout.of_sources(column.shape[0]) for route, column in moves.columns.items()},
    )
    out = Outcome(run.shapes(moves.start), run.shapes(moves.start, run.most))
    specs = Outcome([layout.of_neurons] * len(moves.start), [layout.of_each(run.most)] * len(moves.start))
    in_specs = layout.of_given(given), layout.of_each(run.most), of_moves
    return run.call(_tangents, (given, kept.place, moves), in_specs, (out,), (specs,))[0]


def _tangents(run: Run, given: Given, place: Any, moves: Moves, outcome: Outcome) -> None:
    dynamics, state, change = run.neurons(given.neurons), read(given.initial), read(moves.start)
    lanes = jnp.arange(run.layout.width, dtype=jnp.int32)
    rank = jnp.zeros_like(lanes)

    def event(number: Array, carry: tuple) -> tuple:
        state, change, rank, coming = carry
        here = coming == number.astype(jnp.int32)
        for ref, leaf in zip(outcome.noted, change, strict=True):
            triton.store(ref.at[rank, lanes], leaf, mask=here)
        rank = rank + here.astype(jnp.int32)
        ahead = here & (rank < run.most)
        coming = jnp.where(here, jnp.where(ahead, _gathered(place, rank, lanes, ahead), -1), coming)
        length, weights = read_input(run, given, number)
        source = given.sources[number]
        by, of_routes = linearised(dynamics, state, InterEventInterval(length, None), weights, tuple(moves.columns))
        by = with_resets(dynamics, state, length, here, by)
        by_length = None if moves.lengths is None else moves.lengths[number]
        after = by.moved(change, by_length)
        for ref, column in zip(moves.columns.values(), of_routes, strict=True):
            move = ref[source, :]
            after = [leaf if part is None else leaf + part * move for leaf, part in zip(after, column, strict=True)]
        return _through(dynamics, state, length, weights), after, rank, coming

    def empty(number: Array, _: Any) -> Any:
        for ref, leaf in zip(outcome.noted, change, strict=True):
            write(ref, number, jnp.zeros_like(leaf))
        return _

    jax.lax.fori_loop(0, run.most, empty, np.int32(0))
    carry = state, change, rank, place[0, :]
    _, change, _, _ = jax.lax.fori_loop(0, run.layout.inputs, event, carry)
    for ref, leaf in zip(outcome.end, change, strict=True):
        ref[...] = leaf


def cotangents(run: Run, kept: Kept, outcome: Outcome, moving: Moves) -> Moves:
    """Propagate cotangents backwards; `moving` has the shapes of what moves."""
    layout, given = run.layout, kept.given
    pieces = -(-layout.inputs // run.piece)
    by_length = () if moving.lengths is None else (jax.ShapeDtypeStruct(
        (layout.trials, layout.blocks, layout.inputs), given.lengths.dtype),)  # fmt: skip
    length_specs = tuple(
        pl.BlockSpec((None, None, layout.inputs), lambda trial, block: (trial, block, 0)) for _ in by_length
    )
    columns = {route: jnp.zeros(move.shape, move.dtype) for route, move in moving.columns.items()}
    column_specs = {route: layout.of_sources(column.shape[0]) for route, column in columns.items()}
    count = len(outcome.end)
    specs = (
        column_specs, layout.of_given(given), jax.tree.map(lambda _: layout.of_each(pieces), kept.states),
        layout.of_each(run.most), Outcome([layout.of_neurons] * count, [layout.of_each(run.most)] * count),
    )  # fmt: skip
    # all programs add to the same weights, which are zero before
    start, by_length, columns = run.call(
        _cotangents, (columns, given, kept.states, kept.place, outcome), specs,
        (run.shapes(moving.start), by_length, jax.tree.map(_shape_of, columns)),
        ([layout.of_neurons] * count, length_specs, column_specs),
        input_output_aliases={index: count + len(by_length) + index for index in range(len(columns))},
    )  # fmt: skip
    return Moves(start, by_length[0].sum(1) if by_length else None, columns)


def _cotangents(
    run: Run,
    _: Any,
    given: Given,
    states: State,
    place: Any,
    outcome: Outcome,
    start: Any,
    by_length: Any,
    columns: Any,
) -> None:
    dynamics, pieces = run.neurons(given.neurons), -(-run.layout.inputs // run.piece)
    lanes = jnp.arange(run.layout.width, dtype=jnp.int32)

    def last(number: Array, rank: Array) -> Array:
        return jnp.where(place[number, :] >= 0, number.astype(jnp.int32), rank)

    rank = jax.lax.fori_loop(0, run.most, last, jnp.full_like(lanes, -1))
    coming = _gathered(place, rank, lanes, rank >= 0, other=-1)

    def piece(turn: Array, carry: tuple) -> tuple:
        number = pieces - 1 - turn
        state = jax.tree.map(lambda ref: ref[number, :], states)
        known: list[Any] = []
        for step in range(run.piece):
            place = number * run.piece + step
            exists = place < run.layout.inputs
            place = jnp.minimum(place, run.layout.inputs - 1)
            length, weights = read_input(run, given, place)
            known.append((place, exists, state, length, weights))
            if step < run.piece - 1:
                state = _through(dynamics, state, length, weights)
        for place, exists, state, length, weights in reversed(known):
            carry = event(place, exists, state, length, weights, carry)
        return carry

    def event(number: Array, exists: Array, state: State, length: Array, weights: Any, carry: tuple) -> tuple:
        bar, rank, coming = carry
        by, of_routes = linearised(dynamics, state, InterEventInterval(length, None), weights, tuple(columns))
        here = exists & (coming == number.astype(jnp.int32))
        by = with_resets(dynamics, state, length, here, by)
        source = given.sources[number]
        for ref, column in zip(columns.values(), of_routes, strict=True):
            added = _product(column, bar, exists)
            triton.atomic_add(ref, (jnp.full_like(lanes, source), lanes), added)
        for ref in by_length:
            total = jnp.sum(_product(by.d_interval, bar, exists))
            store_if(exists, ref, number, total)

        before = [_product([row[leaf] for row in by.d_state], bar, exists, bar[leaf]) for leaf in range(len(bar))]
        noted = (_gathered(ref, rank, lanes, here, other=0.0) for ref in outcome.noted)
        before = [leaf + added for leaf, added in zip(before, noted, strict=True)]
        rank = rank - here.astype(jnp.int32)
        coming = jnp.where(here, _gathered(place, rank, lanes, here & (rank >= 0), other=-1), coming)
        return before, rank, coming

    bar, _, _ = jax.lax.fori_loop(0, pieces, piece, (read(outcome.end), rank, coming))
    for ref, leaf in zip(start, bar, strict=True):
        ref[...] = leaf


def _product(column: Any, bar: list[Array], exists: Array, otherwise: Array | None = None) -> Array:
    """Sum a column of a Jacobian times cotangents; nothing, or another value, where there is no event."""
    total = product(column, bar)
    return jnp.where(exists, total, jnp.zeros_like(total) if otherwise is None else otherwise)


def _through(dynamics: AbstractDynamics, state: State, length: Array, weights: dict[str, Array]) -> State:
    return dynamics.jump(dynamics.advance_block(state, length)[0], weights)


def _gathered(ref: Any, rank: Array, lanes: Array, mask: Array, other: Any = None) -> Array:
    """Read an entry of each neuron's own."""
    return triton.load(ref.at[rank, lanes], mask=mask, other=other)


def _shape_of(leaf: Array) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)
