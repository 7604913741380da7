"""The kernels of a recurrent population: forwards, its tangents, and backwards.

A program has one trial and the whole population. The next spike is found by a reduction inside it, and an event costs
one row of weights. Events are logged, with a state every few of them, from which those between are computed again.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton
from jaxtyping import Array

from ...kernels.in_kernel import tracing_kernel
from ...neurons import AbstractDynamics, State
from ...neurons.event import after_event, spike_time_jacobian
from ...neurons.vectorised import InterEventInterval
from .blocks import Part
from .linearised import linearised, product
from .references import read, store_if, write

#: The most neurons of a population that one program holds.
MOST_NEURONS = 1024


class Given(NamedTuple):
    """What a trial is given, neurons padded to a power of two.

    Attributes:
        neurons: The parameters of the dynamics: one number, or one for every neuron.
        initial: The state at the start.
        until: When inputs come, and the trial end.
        rows: Of the table, for each of these.
        table: For every route, what each source adds to each neuron: the neurons themselves first, then the inputs.
        duration: The trial end.
    """

    neurons: list[Part]
    initial: State
    until: Part
    rows: Part
    table: dict[str, Part]
    duration: Part


class Log(NamedTuple):
    """What happened: as in `dense_loop.DenseLog`, each a row of numbers, with how many events there were."""

    times: Part
    which: Part
    total: Part
    states: State
    last: Part
    end: State
    used: Part


class Moves(NamedTuple):
    """Tangents, or cotangents, of what is given; None or left out for what does not move."""

    start: list[Part]
    until: Part
    table: dict[str, Part]


class Outcome(NamedTuple):
    """Tangents, or cotangents, of the log, of states in tangent coordinates."""

    times: Part
    states: list[Part]
    last: Part
    end: list[Part]


class Known(NamedTuple):
    """What derivatives need to know."""

    given: Given
    times: Part
    which: Part
    states: State
    used: Part


class Run(NamedTuple):
    """How kernels are run.

    Attributes:
        structure: Of the dynamics.
        size: How many neurons there are.
        width: How many with padding.
        pieces: How many pieces of events are logged.
        piece: How many events each has: a state is kept at its start.
        beyond: How many events beyond those are counted before a trial is stopped.
        interpret: Whether JAX computes what the kernel would, for tests.
    """

    structure: Any
    size: int
    width: int
    pieces: int
    piece: int
    beyond: int
    interpret: bool

    def call(self, kernel: Any, arguments: Any, out: Any, aliases: dict[int, int] | None = None) -> Any:
        """Run a kernel for one trial; `jax.vmap` runs it for many side by side."""

        def body(*refs: Any) -> None:
            with tracing_kernel():
                kernel(self, *refs)

        body.__name__ = kernel.__name__.strip("_")
        warps = min(8, max(1, self.width // 32))
        return pl.pallas_call(
            body, out, compiler_params=triton.CompilerParams(num_warps=warps), interpret=self.interpret,
            input_output_aliases=aliases or {},
        )(*arguments)  # fmt: skip

    def neurons(self, refs: list[Any]) -> AbstractDynamics:
        """The neurons."""
        return self.structure.unflatten([ref[0] if ref.shape == (1,) else ref[...] for ref in refs]).in_kernels

    @property
    def lanes(self) -> Array:
        """Their numbers."""
        return jnp.arange(self.width, dtype=jnp.int32)


def _shaped(like: Any, *shape: int) -> Any:
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(shape, leaf.dtype), like)


def forwards(run: Run, given: Given) -> Log:
    """Simulate a trial."""
    time, number = given.until, jax.ShapeDtypeStruct((1,), jnp.int32)
    out = Log(
        _shaped(time, run.pieces * run.piece), _shaped(number, run.pieces * run.piece), number,
        _shaped(given.initial, run.pieces, run.width), _shaped(time, 1), _shaped(given.initial, run.width), number,
    )  # fmt: skip
    return run.call(_trial, (given,), (out,))[0]


def _trial(run: Run, given: Given, log: Log) -> None:
    dynamics, state, duration = run.neurons(given.neurons), read(given.initial), given.duration[0]
    most, lanes = run.pieces * run.piece, run.lanes
    nothing = jnp.zeros(run.width, given.until.dtype)

    def going(carry: tuple) -> Array:
        *_, place, _, goes_on = carry
        return (goes_on > 0) & (place < most + run.beyond)

    def onward(carry: tuple) -> tuple:
        state, now, position, place, total, _ = carry

        @pl.when((place < most) & (place % run.piece == 0))
        def _() -> None:
            jax.tree.map(lambda ref, leaf: write(ref, place // run.piece, leaf), log.states, state)

        come = given.until[position]
        left = come - now
        # rounding may put a spike just before this instant: time never runs backwards
        wait = jnp.maximum(dynamics.time_to_spike(state, nothing, nothing + left), 0.0)
        wait = jnp.where(lanes < run.size, wait, jnp.inf)
        soonest, first = jnp.min(wait), jax.lax.argmin(wait, 0, jnp.int32)
        spikes = soonest < left
        is_over = ~spikes & (come >= duration)
        length = jnp.where(spikes, soonest, jnp.where(is_over, 0.0, left))
        row = jnp.where(spikes, first, given.rows[position])
        jump = {route: jnp.where(is_over, 0.0, ref[row, :]) for route, ref in given.table.items()}
        after = after_event(dynamics, state, length, spikes & (lanes == first), jump)
        after = jax.tree.map(lambda a, b: jnp.where(is_over, a, b), state, after)
        then = jnp.where(spikes, now + soonest, jnp.where(is_over, now, come))

        @pl.when((place < most) & ~is_over)
        def _() -> None:
            log.times[place] = then
            log.which[place] = jnp.where(spikes, first, run.size + position)

        is_input, goes_on = (each.astype(jnp.int32) for each in (~spikes & ~is_over, ~is_over))
        return after, then, position + is_input, place + goes_on, total + spikes.astype(jnp.int32), goes_on

    zero = jnp.zeros((), jnp.int32)
    start = state, jnp.zeros((), given.until.dtype), zero, zero, zero, zero + 1
    state, now, _, place, total, _ = jax.lax.while_loop(going, onward, start)
    count = jnp.minimum(place, most)

    def unused(place: Array, _: Array) -> Array:
        log.times[place] = now
        log.which[place] = jnp.full((), -1, jnp.int32)
        return _

    def unused_piece(number: Array, _: Array) -> Array:
        jax.tree.map(lambda ref, leaf: write(ref, number, leaf), log.states, state)
        return _

    jax.lax.fori_loop(count, most, unused, zero)
    jax.lax.fori_loop((count + run.piece - 1) // run.piece, run.pieces, unused_piece, zero)
    jax.tree.map(lambda ref, leaf: ref.__setitem__(..., leaf), log.end, state)
    log.total[0], log.last[0], log.used[0] = total, now, count


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
        _shaped(time, run.pieces * run.piece), _shaped(like, run.pieces, run.width), _shaped(time, 1),
        _shaped(like, run.width),
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
    start = _shaped(moving.start, run.width)
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
