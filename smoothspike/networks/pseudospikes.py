"""Pseudospikes: every neuron's spike times go on smoothly beyond the trial end.

After the trial each neuron follows its free-running, suprathreshold dynamics, from its state at the trial end plus a
summed pseudo-input `x`: pseudospike k comes at `T + k * period - phi`, with `phi` the time since the last spike in
that dynamics. The pseudo-rate `r = phi / period` lies between 0 (it has just spiked) and 1 (it is about to); a
neuron's pseudo-input is `W r` over the neurons before it. A spike that leaves the trial through its end has r = 1, so
what it did as a spike it goes on doing as a pseudospike, and all spike times stay continuous.

Along a connection with a delay d, what counts is how far the sender had come at T - d from the spike before to the
one after it, of which the last is its first pseudospike. Like the pseudo-rate, which it is where d = 0, that share is 0
when a spike has just arrived and 1 when one is about to: a spike that is on its way at the trial end acts in part.

In a recurrent population, rates are taken once, from the states at the trial end without their synaptic drive.
Currents that are given at run time are held at their means over the trial, which no step changes abruptly.

Source: Klos & Memmesheimer, arXiv:2309.14523.
"""

from typing import NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..engine import Connections
from ..neurons import AbstractDynamics, State
from ..spikes import Spikes


@final
class Pseudospikes(eqx.Module):
    """The regular train of pseudospikes of every neuron.

    Attributes:
        first: Time from the trial end to the first of them.
        period: Time between them.
    """

    first: Float[Array, "*batch neurons"]
    period: Float[Array, "*batch neurons"]

    @property
    def rates(self) -> Float[Array, "*batch neurons"]:
        """The pseudo-rates, between 0 and 1."""
        return 1 - self.first / self.period


class Sources(NamedTuple):
    """What drives a population in one trial: the spikes of its sources, ascending, all within it, and pseudo-rates.

    Input channels have none: their rates are None.
    """

    spikes: Spikes
    rates: Float[Array, " sources"] | None


def continue_beyond(
    dynamics: AbstractDynamics,
    end: State,
    inputs: tuple[Connections, Sources],
    recurrent: tuple[Connections, Spikes] | None,
    duration: Float[Array, ""],
) -> Pseudospikes:
    """Continue a population beyond the trial end, given its states there, its inputs and its own spikes."""

    def driven(state: State, connections: Connections, sources: Sources) -> State:
        if sources.rates is None and connections.delays is None:
            return state
        size = jax.tree.leaves(end)[0].shape[0]
        nothing = dict.fromkeys(dynamics.routes, jnp.zeros(size, duration.dtype))
        return dynamics.jump(state, nothing | _pseudo_input(connections, sources, size, duration))

    state = driven(end, *inputs)
    if recurrent is not None:
        alone = Pseudospikes(*dynamics.pseudo_phase_and_period(dynamics.zero_synaptic_state(state), duration))
        state = driven(state, recurrent[0], Sources(recurrent[1], alone.rates))
    return Pseudospikes(*dynamics.pseudo_phase_and_period(state, duration))


def _pseudo_input(
    connections: Connections, sources: Sources, size: int, duration: Float[Array, ""]
) -> dict[str, Float[Array, " neurons"]]:
    """Sum, over all connections to a neuron, the weight times the share of the spike that arrives next."""
    spikes, rates = sources
    rates = jnp.zeros(connections.sources, duration.dtype) if rates is None else rates
    if connections.is_dense and connections.delays is None:
        return {route: matrix @ rates for route, matrix in connections.weights.items()}
    lists = connections.to_lists()
    share = rates[:, None]
    if lists.delays is not None:
        share = shares(spikes, rates, jnp.broadcast_to(lists.delays, lists.shape), duration)
    if connections.is_dense:
        return {route: (weights * share).sum(0) for route, weights in lists.weights.items()}
    targets = jnp.where(lists.exists, jnp.asarray(lists.targets), size)
    return {
        route: jnp.zeros(size, weights.dtype).at[targets].add(weights * share, mode="drop")
        for route, weights in lists.weights.items()
    }


def shares(
    spikes: Spikes, rates: Float[Array, " sources"], delays: Float[Array, "sources targets"], duration: Float[Array, ""]
) -> Float[Array, "sources targets"]:
    """Return how far the next arrival along every connection has come at the trial end, between 0 and 1.

    Differentiation:
        By spikes, rates and delays; there are kinks where an arrival crosses the trial end, but no jumps.
    """
    number, last = jnp.arange(spikes.capacity)[:, None], spikes.capacity
    sources = jnp.where(spikes.is_spike, spikes.sources, 0)
    at = duration - delays
    is_spike = spikes.is_spike[:, None]
    has_arrived = is_spike & (spikes.times[:, None] <= at[sources])
    latest = jnp.full(delays.shape, -1).at[sources].max(jnp.where(has_arrived, number, -1))
    coming = jnp.full(delays.shape, last).at[sources].min(jnp.where(is_spike & ~has_arrived, number, last))
    times = jnp.append(spikes.times, duration)
    since, until = jnp.where(latest < 0, 0.0, times[latest]), times[coming]
    height = jnp.where(coming == last, rates[:, None], 1.0)
    # before the trial nothing is on its way, and an interval of no length ends with its spike
    passed = jnp.maximum(at - since, 0.0)
    return height * passed / jnp.where(until > since, until - since, 1.0)
