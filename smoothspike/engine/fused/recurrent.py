"""A recurrent trial as one kernel, with its derivatives in both modes."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ...kernels.transposable import linear_map
from ...neurons import AbstractDynamics, State
from ...neurons.event import tangent_coordinates
from ...neurons.interface import from_tangent_coordinates
from .differentiated import by_plain, first_order, moving_parts
from .recurrent_derivatives import cotangents, tangents
from .recurrent_forwards import forwards
from .recurrent_run import Given, Known, Log, Moves, Run

#: A log as a tuple: times, which, total, states, last and end of `dense_loop.DenseLog`.
Found = tuple[Array, Array, Array, State, Array, State]


def fused_trial(
    plain: Callable[..., Found],
    pieces: int,
    beyond: int,
    dynamics: AbstractDynamics,
    initial: State,
    times: Array,
    table: dict[str, Array],
    sources: Array,
    duration: Array,
    *,
    interpret: bool = False,
) -> Found:
    """Simulate one trial as `dense_loop.run` does, in one kernel.

    Args:
        plain: Does the same in plain JAX, given the last six arguments: for derivatives by parameters.
        pieces: How many pieces of `dynamics.kept_every` events are logged.
        beyond: How many events beyond them are counted before a trial is stopped.
        dynamics: The neurons, which are `fusible`.
        initial: Their state at the start.
        times: Of the inputs, ascending; those at `duration` are padding.
        table: What each source adds to each neuron: the neurons themselves first, then the inputs.
        sources: Of the inputs.
        duration: The trial end.
        interpret: Whether JAX computes what the kernel would, for tests.

    Differentiation:
        Both modes, first order. The end of the trial does not move.
    """
    size = jax.tree.leaves(initial)[0].shape[0]
    width = 1 << (size - 1).bit_length()
    run = Run(jax.tree.structure(dynamics), size, width, pieces, dynamics.kept_every, beyond, interpret)

    @jax.custom_jvp
    def trial(*arguments: Any) -> Found:
        return _without_padding(run, forwards(run, _given(run, *arguments)))

    trial.defjvp(partial(_jvp, plain, run), symbolic_zeros=True)
    return trial(dynamics, initial, times, table, sources, duration)


def _given(
    run: Run, dynamics: AbstractDynamics, initial: State, times: Array, table: Any, sources: Array, duration: Array
) -> Given:
    end = duration.reshape(1).astype(times.dtype)
    rows = jnp.append(sources, jnp.zeros(1, sources.dtype)).astype(jnp.int32) + run.size
    rows = jnp.minimum(rows, jax.tree.leaves(table)[0].shape[0] - 1)
    neurons = [
        leaf.reshape(1) if leaf.size == 1 else _padded(run, leaf)
        for leaf in (jnp.asarray(leaf, times.dtype) for leaf in jax.tree.leaves(dynamics))
    ]
    initial, table = jax.tree.map(partial(_padded, run), (initial, table))
    return Given(neurons, initial, jnp.append(times, end), rows, table, end)


def _padded(run: Run, values: Array) -> Array:
    missing = run.width - run.size
    return values if not missing else jnp.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, missing)], mode="edge")


def _without_padding(run: Run, log: Log) -> Found:
    states, end = jax.tree.map(lambda leaf: leaf[..., : run.size], (log.states, log.end))
    pieces = run.pieces, run.piece
    return log.times.reshape(pieces), log.which.reshape(pieces), log.total[0], states, log.last[0], end


def _jvp(plain: Callable[..., Found], run: Run, primals: tuple, given: tuple) -> tuple[Found, Any]:
    moving = moving_parts(given)
    if jax.tree.leaves(moving[0]):
        return by_plain(plain, primals, moving)
    still = jax.tree.map(first_order, _given(run, *primals))
    log = forwards(run, still)
    found = _without_padding(run, log)
    start, structure = jax.tree.flatten(tangent_coordinates(primals[1], moving[1]))
    until = None if moving[2] is None else jnp.append(moving[2], jnp.zeros(1, moving[2].dtype))
    table = {route: _padded(run, move) for route, move in moving[3].items() if move is not None}
    moves = Moves([_padded(run, leaf) for leaf in start], until, table)
    shapes = jax.eval_shape(lambda: moves)
    known = Known(still, log.times, log.which, log.states, log.used)
    outcome = linear_map(partial(tangents, run), lambda known, bar: cotangents(run, known, bar, shapes), known, moves)
    states, end = jax.tree.map(lambda leaf: leaf[..., : run.size], (outcome.states, outcome.end))
    # after the last event nothing happens
    unused = jnp.arange(run.pieces) * run.piece >= log.used[0]
    states = [jnp.where(unused[:, None], last, leaf) for leaf, last in zip(states, end, strict=True)]
    when = jnp.where(log.which < 0, outcome.last[0], outcome.times).reshape(found[0].shape)
    change = (
        when, np.zeros(found[1].shape, jax.dtypes.float0), np.zeros((), jax.dtypes.float0),
        from_tangent_coordinates(found[3], structure.unflatten(states)), outcome.last[0],
        from_tangent_coordinates(found[5], structure.unflatten(end)),
    )  # fmt: skip
    return found, change
