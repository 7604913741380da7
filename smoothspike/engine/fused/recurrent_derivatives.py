"""The kernels of a recurrent trial's derivatives: its tangents, and backwards.

States between those of the log are computed again from these.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton
from jaxtyping import Array

from ...neurons import AbstractDynamics, State
from ...neurons.event import after_event, spike_time_jacobian
from ...neurons.vectorised import InterEventInterval
from .linearised import linearised, product
from .recurrent_run import Known, Moves, Outcome, Run, shaped
from .references import read, store_if, write


class _Event(NamedTuple):
    """An event of the log.

    Attributes:
        number: Which it is.
        exists: Whether it is one.
        is_input: Whether it is an input.
        position: Of an input among all.
        row: Of the table.
        length: Of the interval before it.
        own: Whose spike it is.
        weights: What it adds.
    """

    number: Array
    exists: Array
    is_input: Array
    position: Array
    row: Array
    length: Array
    own: Array
    weights: dict[str, Array]


def _event(run: Run, known: Any, number: Array) -> _Event:
    number = jnp.minimum(number, run.pieces * run.piece - 1)
    which, given = known.which[number], known.given
    before = jnp.where(number > 0, known.times[jnp.maximum(number - 1, 0)], 0.0)
    exists, is_input = which >= 0, which >= run.size
    position = jnp.where(is_input, which - run.size, 0)
    row = jnp.where(is_input, given.rows[position], jnp.maximum(which, 0))
    weights = {route: jnp.where(exists, ref[row, :], 0.0) for route, ref in given.table.items()}
    own = exists & ~is_input & (run.lanes == which)
    return _Event(number, exists, is_input, position, row, known.times[number] - before, own, weights)


def _slopes(run: Run, dynamics: AbstractDynamics, state: State, event: _Event, duration: Array, routes: Any) -> tuple:
    """The Jacobian of an event, also by weights, and the derivatives of the time to it by the neuron that spikes."""
    by, of_routes = linearised(dynamics, state, InterEventInterval(event.length, event.own), event.weights, routes)
    still = jax.tree.map(lambda _: None, dynamics)
    by_state, _ = spike_time_jacobian(dynamics, still, state, jnp.zeros(run.width, duration.dtype) + duration)
    return by, of_routes, [jnp.where(event.own, column, 0.0) for column in by_state]


def tangents(run: Run, known: Known, moves: Moves) -> Outcome:
    """Propagate tangents through the events of a log."""
    time, like = known.times, moves.start
    out = Outcome(
        shaped(time, run.pieces * run.piece), shaped(like, run.pieces, run.width), shaped(time, 1),
        shaped(like, run.width),
    )  # fmt: skip
    return run.call(_tangents, (known, moves), (out,))[0]


def _tangents(run: Run, known: Known, moves: Moves, outcome: Outcome) -> None:
    given = known.given
    dynamics, duration, count = run.neurons(given.neurons), given.duration[0], known.used[0]
    start = [ref[...] for ref in moves.start]

    def empty(number: Array, _: Array) -> Array:
        for ref, leaf in zip(outcome.states, start, strict=True):
            write(ref, number, jnp.zeros_like(leaf))
        for step in range(run.piece):
            outcome.times[number * run.piece + step] = jnp.zeros((), duration.dtype)
        return _

    def onward(number: Array, carry: tuple) -> tuple:
        state, change, now = carry

        @pl.when(number % run.piece == 0)
        def _() -> None:
            for ref, leaf in zip(outcome.states, change, strict=True):
                write(ref, number // run.piece, leaf)

        event = _event(run, known, number)
        by, of_routes, by_own = _slopes(run, dynamics, state, event, duration, tuple(moves.table))
        come = 0.0 if moves.until is None else moves.until[event.position]
        wait = jnp.where(event.is_input, come - now, 0.0) + jnp.sum(product(by_own, change))
        after = by.moved(change, wait)
        for ref, column in zip(moves.table.values(), of_routes, strict=True):
            move = ref[event.row, :]
            after = [leaf if part is None else leaf + part * move for leaf, part in zip(after, column, strict=True)]
        outcome.times[number] = now + wait
        return after_event(dynamics, state, event.length, event.own, event.weights), after, now + wait

    jax.lax.fori_loop(0, run.pieces, empty, np.int32(0))
    carry = read(given.initial), start, jnp.zeros((), duration.dtype)
    _, change, now = jax.lax.fori_loop(jnp.zeros((), jnp.int32), count, onward, carry)
    outcome.last[0] = now
    for ref, leaf in zip(outcome.end, change, strict=True):
        ref[...] = leaf


def cotangents(run: Run, known: Known, outcome: Outcome, moving: Moves) -> Moves:
    """Propagate cotangents backwards; `moving` has the shapes of what moves."""
    # events add to these, which are zero before
    shapes = () if moving.until is None else (moving.until,), moving.table
    sums = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    start = shaped(moving.start, run.width)
    first = len(jax.tree.leaves(start))
    aliases = {index: first + index for index in range(len(jax.tree.leaves(sums)))}
    out = start, jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), sums)
    start, (until, table) = run.call(_cotangents, (sums, known, outcome), out, aliases)
    return Moves(start, until[0] if until else None, table)


def _cotangents(run: Run, _: Any, known: Known, outcome: Outcome, start: Any, sums: Any) -> None:
    given, (until, table), lanes = known.given, sums, run.lanes
    dynamics, duration, count = run.neurons(given.neurons), given.duration[0], known.used[0]
    used = (count + run.piece - 1) // run.piece

    def piece(turn: Array, carry: tuple) -> tuple:
        number = used - 1 - turn
        state = jax.tree.map(lambda ref: ref[number, :], known.states)
        events = []
        for step in range(run.piece):
            event = _event(run, known, number * run.piece + step)
            events.append((state, event))
            if step < run.piece - 1:
                state = after_event(dynamics, state, event.length, event.own, event.weights)
        for state, event in reversed(events):
            carry = before(state, event, carry)
        bar, bar_now = carry
        noted = [ref[number, :] for ref in outcome.states]
        return [leaf + each for leaf, each in zip(bar, noted, strict=True)], bar_now

    def before(state: State, event: _Event, carry: tuple) -> tuple:
        bar, bar_now = carry
        by, of_routes, by_own = _slopes(run, dynamics, state, event, duration, tuple(table))
        # a time of its own, that of the log and of what follows
        bar_now = bar_now + jnp.where(event.exists, outcome.times[event.number], 0.0)
        bar_wait = bar_now + jnp.sum(product(by.d_interval, bar))
        for ref, column in zip(table.values(), of_routes, strict=True):
            added = jnp.where(event.exists, product(column, bar), 0.0)
            triton.atomic_add(ref, (jnp.full_like(lanes, event.row), lanes), added)
        for ref in until:
            store_if(event.is_input, ref, event.position, bar_wait)
        moved = [product([row[leaf] for row in by.d_state], bar) + by_own[leaf] * bar_wait for leaf in range(len(bar))]
        bar = [jnp.where(event.exists, new, old) for new, old in zip(moved, bar, strict=True)]
        return bar, jnp.where(event.is_input, bar_now - bar_wait, bar_now)

    carry = [ref[...] for ref in outcome.end], outcome.last[0]
    bar, _ = jax.lax.fori_loop(jnp.zeros((), jnp.int32), used, piece, carry)
    for ref, leaf in zip(start, bar, strict=True):
        ref[...] = leaf
