"""A layer of readouts: no spikes to search for, so that all intervals are prepared at once and one scan adds inputs."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..neurons import AbstractReadoutDynamics, State
from ..spikes import Spikes
from .events import Drive, Population, Trajectory


def simulate_readout(
    dynamics: AbstractReadoutDynamics, initial: State, drive: Drive, duration: Float[Array, ""]
) -> Population:
    """Propagate readouts from input to input in one trial, or in a batch with one leading axis of the drive."""

    def run(drive: Drive) -> Population:
        starts = jnp.concatenate([jnp.zeros((1,), drive.times.dtype), drive.times])
        over = dynamics.propagator(jnp.diff(starts, append=duration[None])[:, None])
        last = jax.tree.map(lambda leaf: leaf[-1], over)

        def onwards(state: State, event: tuple) -> tuple[State, State]:
            before, weights = event
            return dynamics.jump(dynamics.propagated(before, state), weights), state

        before = jax.tree.map(lambda leaf: leaf[:-1], over)
        final, states = jax.lax.scan(onwards, initial, (before, drive.weights))
        states = jax.tree.map(lambda many, one: jnp.concatenate([many, one[None]]), states, final)
        end = dynamics.propagated(last, final)
        nothing = jnp.zeros((), jnp.int32)
        spikes = Spikes(jnp.zeros((0,), drive.times.dtype), jnp.zeros((0,), jnp.int32))
        return Population(spikes, Trajectory(starts[:, None], states, end), nothing, nothing)

    return jax.vmap(run, (drive.axes,))(drive) if drive.times.ndim > 1 else run(drive)
