"""Input events of a population, the record of a simulation, and the collection of its spikes."""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Bool, Float, Int

from ..dynamics import AbstractDynamics, State
from ..numerics.elementwise import not_above
from ..spikes import Spikes
from .visits import Visits


def not_after(times: Float[Array, "*shape"], limit: Float[Array, "*#shape"]) -> Float[Array, "*shape"]:
    """Undo what rounding carries beyond a limit; a time that is infinite is the limit itself."""
    return not_above(jnp.where(jnp.isfinite(times), times, limit), limit)


@final
class Drive(eqx.Module):
    """The inputs of a population in one trial, ascending; those at or after its end do nothing.

    Attributes:
        times: When each input arrives, `duration` for padding.
        weights: For every route, what each input adds to each neuron; zero for padding.
        is_input: Which entries are inputs rather than padding.

    Spikes that another layer emitted inside the trial all count, one that rounding puts at its very end included.
    """

    times: Float[Array, " events"]
    weights: dict[str, Float[Array, "events neurons"]]
    is_input: Float[Array, " events"]

    def __init__(
        self,
        spikes: Spikes,
        weights: dict[str, Float[Array, "neurons sources"]],
        duration: Float[Array, ""],
        *,
        inside: bool = False,
    ) -> None:
        ordered = spikes.sorted()
        self.is_input = ordered.is_spike if inside else ordered.times < duration
        self.times = jnp.where(self.is_input, not_after(ordered.times, duration), duration)
        sources = jnp.where(self.is_input, ordered.sources, 0)
        self.weights = {
            route: jnp.where(self.is_input[:, None], matrix.T[sources], 0.0) for route, matrix in weights.items()
        }


@final
class Trajectory(eqx.Module):
    """States at the starts of the stretches between events; each stretch is solved in closed form.

    Attributes:
        starts: When each stretch starts: for all neurons at once, or for each on its own.
        states: The states there.
        end: The state at the end of the trial.
    """

    starts: Float[Array, " steps #neurons"]
    states: State
    end: State

    def at(
        self, dynamics: AbstractDynamics, ts: Float[Array, " samples"]
    ) -> dict[str, Float[Array, "samples neurons"]]:
        """Return the declared states at any times of the trial."""
        size = jax.tree.leaves(self.states)[0].shape[1]
        starts = jnp.broadcast_to(self.starts, (self.starts.shape[0], size))
        stretch = jax.vmap(lambda column: jnp.searchsorted(column, ts, side="right") - 1, 1, 1)(starts)
        stretch = jnp.maximum(stretch, 0)
        picked = jax.tree.map(lambda leaf: jnp.take_along_axis(leaf, stretch, 0), self.states)
        elapsed = ts[:, None] - jnp.take_along_axis(starts, stretch, 0)
        if dynamics.passes_spikes:
            return dynamics.readout(dynamics.advance(picked, elapsed)[0])
        return dynamics.readout(dynamics.flow(picked, elapsed))


@final
class Population(eqx.Module):
    """What the simulation of one population yields.

    Attributes:
        spikes: Its ordinary spikes, ascending.
        trajectory: Its states.
        total: How many spikes there were, whether or not they fitted.
        busiest: How many spikes the neuron with the most of them had.
    """

    spikes: Spikes
    trajectory: "Trajectory | Visits"
    total: Int[Array, ""]
    busiest: Int[Array, ""]

    @property
    def went_wrong(self) -> Bool[Array, ""]:
        """Whether a solver gave up on the way: the states at the end are not numbers then."""
        leaves = [jnp.isnan(leaf).any() for leaf in jax.tree.leaves(self.trajectory.end)]
        return jnp.stack(leaves).any()


def collect(
    dynamics: AbstractDynamics,
    starts: Float[Array, " steps #neurons"],
    lengths: Float[Array, " steps #neurons"],
    states: State,
    counts: Int[Array, "steps neurons"],
    capacity: int,
) -> Spikes:
    """Solve for the times of all counted spikes and order them; unused places of the capacity are `inf`."""
    size = counts.shape[1]
    upto = jnp.cumsum(counts.ravel())
    slots = jnp.arange(capacity)
    cell = jnp.minimum(jnp.searchsorted(upto, slots, side="right"), upto.size - 1)
    exists = slots < upto[-1]
    stretch, neuron = cell // size, cell % size
    index = slots - (upto[cell] - counts.ravel()[cell])
    picked = jax.tree.map(lambda leaf: leaf[stretch, neuron], states)
    start, length = (jnp.broadcast_to(a, counts.shape)[stretch, neuron] for a in (starts, lengths))
    chosen = jax.tree.map(lambda leaf: leaf[neuron] if jnp.ndim(leaf) else leaf, dynamics)
    # counted inside the stretch, so rounding may not carry a spike out of it
    elapsed = not_after(chosen.time_to_spike(picked, index.astype(start.dtype), length), length)
    return Spikes(jnp.where(exists, start + elapsed, jnp.inf), jnp.where(exists, neuron, 0)).sorted()


def gathered(spike_times: Float[Array, "steps neurons"], capacity: int) -> Spikes:
    """Order spike times, `inf` where there is none; unused places of the capacity are `inf`."""
    steps, size = spike_times.shape
    times, sources = spike_times.ravel(), jnp.tile(jnp.arange(size), steps)
    order = jnp.argsort(stop_gradient(times), stable=True)[:capacity]
    room = capacity - order.shape[0]
    chosen = jnp.pad(times[order], (0, room), constant_values=jnp.inf)
    return Spikes(chosen, jnp.pad(jnp.where(jnp.isfinite(times[order]), sources[order], 0), (0, room)))
