"""Recurrent populations: by the dense loop where all are connected without delays, else by the queue of events."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..neurons import AbstractDynamics, State
from ..spikes import Spikes
from . import dense_loop, event_loop
from .connections import Connections
from .event_log import to_population
from .events import Population, not_after
from .target_groups import target_groups


def simulate_recurrent(
    dynamics: AbstractDynamics,
    initial: State,
    spikes: Spikes,
    inputs: Connections,
    recurrent: Connections,
    duration: Float[Array, ""],
    capacity: int,
) -> Population:
    """Simulate a population whose spikes act on itself, in one trial.

    Simultaneous events are taken inputs first, then spikes that arrive, then neurons in the order of their index. An
    event costs as much as it has targets.
    """
    times, sources = _within(spikes, duration)
    if _is_all_to_all(inputs, recurrent):
        table = _table(inputs, recurrent)
        return dense_loop.simulate(dynamics, initial, times, sources, table, duration, capacity)
    groups, arrivals = target_groups(recurrent, inputs, times, sources, duration)
    max_events = max(1, arrivals.times.shape[0] + capacity * (1 + max(groups.num_late - 1, 0)))
    log = event_loop.run(dynamics, initial, arrivals, groups, duration, capacity=capacity, max_events=max_events)
    return to_population(log, groups.targets, dynamics.flow(log.end, duration - log.last), capacity)


def count_recurrent_spikes(
    dynamics: AbstractDynamics,
    initial: State,
    spikes: Spikes,
    inputs: Connections,
    recurrent: Connections,
    duration: Float[Array, ""],
    capacity: int,
) -> Int[Array, ""]:
    """Count the spikes of a population, without a log: with delays, spikes beyond the capacity do not arrive."""
    times, sources = _within(spikes, duration)
    if _is_all_to_all(inputs, recurrent):
        table = _table(inputs, recurrent)
        return dense_loop.simulate(dynamics, initial, times, sources, table, duration, 1).total
    groups, arrivals = target_groups(recurrent, inputs, times, sources, duration)
    return event_loop.run(dynamics, initial, arrivals, groups, duration, capacity=capacity, max_events=1).total


def _is_all_to_all(inputs: Connections, recurrent: Connections) -> bool:
    """Whether every event reaches every neuron.

    As groups of all neurons in the queue, the gradient of 5,000 events in 100 neurons (`benchmarks recurrent`) would take
    1.7 times as long, and 47 instead of 5 MB.
    """
    return recurrent.is_dense and recurrent.delays is None and inputs.delays is None


def _table(inputs: Connections, recurrent: Connections) -> dict[str, Float[Array, "sources neurons"]]:
    """Return what each source adds to each neuron: the neurons themselves first, then the inputs."""
    entering = inputs.to_matrices(recurrent.sources)
    return {route: jnp.concatenate([matrix.T, entering[route].T]) for route, matrix in recurrent.weights.items()}


def _within(spikes: Spikes, duration: Float[Array, ""]) -> tuple[Float[Array, " inputs"], Int[Array, " inputs"]]:
    """Return times of inputs, ascending, and their sources; those after the end are padding."""
    ordered = spikes.sorted()
    is_input = ordered.times < duration
    times = jnp.where(is_input, not_after(ordered.times, duration), duration)
    return times, jnp.where(is_input, ordered.sources, 0)
