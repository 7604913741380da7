"""What losses read from the voltage of a readout over a trial, exactly: its maximum and integrals.

Between events a readout is a linear system, so that integrals have closed forms, and the maximum is found by isolating
all stationary points (see `numerics.peaks`). Its derivative is that of the voltage at the instant of the maximum, held
fixed there (the envelope theorem), through all states before.

Source: Wunderlich & Pehle, EventProp, Scientific Reports 11 (2021), for voltage losses; Nowotny, Turner & Knight,
arXiv:2212.01232, for averages and exponential weights.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..engine import Trajectory
from ..neurons import ReadoutDynamics
from ..numerics.stationary_points import UnsupportedCircle

Neurons = Float[Array, " neurons"]


def largest(dynamics: ReadoutDynamics, trajectory: Trajectory, duration: Float[Array, ""]) -> Neurons:
    """Return the largest voltage of every neuron in one trial."""
    lengths = _lengths(trajectory, duration)
    try:
        peak = dynamics.largest(trajectory.states, lengths)
    except UnsupportedCircle as problem:
        raise ValueError(
            f"max_over_time: {problem}, for which the maximum of {dynamics.variable} is not found exactly; use "
            "mean_over_time, exponentially_weighted or states_at"
        ) from problem

    def at_peak(matrix: Array) -> Array:
        matrix = jnp.broadcast_to(matrix, (matrix.shape[0], peak.interval.shape[0]))
        return jnp.take_along_axis(matrix, peak.interval[None], 0)[0]

    states: Any = jax.tree.map(at_peak, trajectory.states)
    # at the end of an interval the maximum moves with the event there
    elapsed = jnp.where(peak.is_end, at_peak(lengths), peak.elapsed)
    return dynamics.flow(states, elapsed)[dynamics.variable]


def weighted_mean(
    dynamics: ReadoutDynamics, trajectory: Trajectory, duration: Float[Array, ""], decay: Float[Array, ""]
) -> Neurons:
    """Return the mean over one trial of `exp(-decay t) V(t)`."""
    parts = dynamics.integral(trajectory.states, _lengths(trajectory, duration), decay)
    return (jnp.exp(-decay * trajectory.starts) * parts).sum(0) / duration


def _lengths(trajectory: Trajectory, duration: Float[Array, ""]) -> Float[Array, "intervals *#neurons"]:
    last = jnp.broadcast_to(duration, (1, *trajectory.starts.shape[1:]))
    return jnp.diff(trajectory.starts, axis=0, append=last)
