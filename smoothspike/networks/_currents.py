"""Currents that are given at run time: the events of a layer that they are, and the states that hold them."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from symbolic.declare import FALLS, RISES

from ..currents import AbstractCurrent, Steps
from ..engine import Connections
from ..neurons import AbstractDynamics, State
from ..spikes import Spikes

Currents = Mapping[str, AbstractCurrent]
Moves = dict[str, Float[Array, "events neurons"]]


def slope_of(name: str) -> str:
    """Return the name of the state that is the slope of a current."""
    return f"d{name}/dt"


def begun(currents: Currents, size: int) -> dict[str, Float[Array, " neurons"]]:
    """Return the states that hold currents at the start of a trial."""
    states = {}
    for name, current in currents.items():
        states[name] = current.at(jnp.zeros(1))[0]
        if current.has_slope:
            states[slope_of(name)] = current.slope_at(jnp.zeros(1))[0]
    return {name: jnp.broadcast_to(value, (size,)) for name, value in states.items()}


def held_at_mean(dynamics: AbstractDynamics, end: State, currents: Currents, duration: Float[Array, ""]) -> State:
    """Return the state at the trial end with every current at its mean over the trial.

    Spike times beyond the trial do not jump then where a step passes the trial end.
    """
    now = dynamics.readout(end)
    moves = dict.fromkeys(dynamics.routes, jnp.zeros_like(next(iter(now.values()))))
    moves |= {RISES.format(name): current.mean(duration) - now[name] for name, current in currents.items()}
    return dynamics.jump(end, moves)


def driven(
    currents: Currents, spikes: Spikes, inputs: Connections, size: int, as_matrices: bool, duration: Float[Array, ""]
) -> tuple[Spikes, Connections]:
    """Return the inputs of a layer with the steps of currents among them: each is a source of one spike.

    Args:
        currents: By name.
        spikes: The inputs of one trial, or of a batch with one leading axis.
        inputs: Their connections.
        size: How many neurons there are.
        as_matrices: Whether matrices serve best, of connections that are lists too.
        duration: The trial end; steps at or after it do nothing, nor do those before the trial.
    """
    times, moves = _events(currents, size)
    times = jnp.where((times > 0) & (times < duration), times.astype(spikes.times.dtype), jnp.inf)
    # where times are known, XLA would put 200,000 of them in order while it compiles, for minutes
    times = jax.lax.optimization_barrier(times)
    if inputs.is_dense or as_matrices:
        merged = _with_columns(inputs, moves, size)
    else:
        merged, times = _with_lists(inputs, moves, times, size)
    return _together(spikes, times, inputs.sources), merged


def silent(connections: Connections, currents: Currents) -> Connections:
    """Return connections with routes on which they do nothing to currents."""
    nothing = jnp.zeros(connections.shape)
    weights = connections.weights | dict.fromkeys(_moves_of(currents), nothing)
    return Connections(connections.targets, weights, connections.delays)


def _moves_of(currents: Currents) -> list[str]:
    found = []
    for name, current in currents.items():
        steps = slope_of(name) if current.has_slope else name
        found += dict.fromkeys((RISES.format(name), FALLS.format(steps), RISES.format(steps)))
    return found


def _events(currents: Currents, size: int) -> tuple[Float[Array, " events"], Moves]:
    """Return the times of all steps, and what each adds to each neuron on each route."""
    count = sum(current.times.shape[-1] for current in currents.values())
    dtype = jnp.result_type(*(current.values for current in currents.values()))
    moves = {route: jnp.zeros((count, size), dtype) for route in _moves_of(currents)}
    first = 0
    for name, current in currents.items():
        steps: Steps = current.steps()
        place = slice(first, first + current.times.shape[-1])
        of = slope_of(name) if current.has_slope else name
        added = {FALLS.format(of): steps.falls, RISES.format(of): steps.rises}
        if current.has_slope:
            added[RISES.format(name)] = steps.by
        for route, rows in added.items():
            moves[route] = moves[route].at[place].set(jnp.broadcast_to(rows, (rows.shape[0], size)))
        first = place.stop
    return jnp.concatenate([current.times for current in currents.values()]), moves


def _with_columns(inputs: Connections, moves: Moves, size: int) -> Connections:
    """Append the steps as sources to matrices of weights."""
    count = len(next(iter(moves.values())))
    matrices = inputs.to_matrices(size)
    rows = {route: jnp.pad(matrix, ((0, 0), (0, count))) for route, matrix in matrices.items()}
    rows |= {route: jnp.pad(each.T, ((0, 0), (inputs.sources, 0))) for route, each in moves.items()}
    delays = None
    if inputs.delays is not None:
        one = inputs.arrives_at_once
        own = inputs.source_delays()[None] if one else jnp.broadcast_to(inputs.delays, inputs.shape)
        delays = jnp.pad(own, ((0, 0), (0, count)))
    return Connections(None, rows, delays)


def _with_lists(inputs: Connections, moves: Moves, times: Array, size: int) -> tuple[Connections, Array]:
    """Append the steps as sources to lists of targets, each as several sources that reach so many targets."""
    width = inputs.out_degree
    parts, count = -(-size // width), len(times)
    padded = parts * width - size
    targets = jnp.pad(jnp.arange(size), (0, padded), constant_values=-1).reshape(parts, width)
    reached = jnp.concatenate([jnp.asarray(inputs.targets), jnp.tile(targets, (count, 1))])
    weights = {route: jnp.pad(each, ((0, count * parts), (0, 0))) for route, each in inputs.weights.items()}
    for route, each in moves.items():
        rows = jnp.pad(each, ((0, 0), (0, padded))).reshape(count * parts, width)
        weights[route] = jnp.pad(rows, ((inputs.sources, 0), (0, 0)))
    delays = None
    if inputs.delays is not None:
        one = inputs.arrives_at_once
        own = inputs.source_delays()[:, None] if one else jnp.broadcast_to(inputs.delays, inputs.shape)
        delays = jnp.pad(own, ((0, count * parts), (0, 0)))
    return Connections(reached, weights, delays), jnp.repeat(times, parts)


def _together(spikes: Spikes, times: Float[Array, " events"], first: int) -> Spikes:
    """Put the steps beside the spikes, as spikes of sources of their own."""
    shape = *spikes.times.shape[:-1], times.shape[0]
    sources = first + jnp.arange(times.shape[0], dtype=spikes.sources.dtype)
    both = (spikes.times, times), (spikes.sources, sources)
    joined = (jnp.concatenate([own, jnp.broadcast_to(new, shape)], -1) for own, new in both)
    return Spikes(*joined)
