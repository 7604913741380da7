"""The kernel that simulates a recurrent trial.

The next spike is found by a reduction inside the program, and an event costs one row of weights. Events are logged,
with a state every few of them.
"""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jaxtyping import Array

from ...neurons.event import after_event
from .recurrent_run import Given, Log, Run, shaped
from .references import read, write


def forwards(run: Run, given: Given) -> Log:
    """Simulate a trial."""
    time, number = given.until, jax.ShapeDtypeStruct((1,), jnp.int32)
    out = Log(
        shaped(time, run.pieces * run.piece), shaped(number, run.pieces * run.piece), number,
        shaped(given.initial, run.pieces, run.width), shaped(time, 1), shaped(given.initial, run.width), number,
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
