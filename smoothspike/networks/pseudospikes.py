"""Pseudospikes: every neuron's spike times go on smoothly beyond the trial end.

After the trial each neuron follows its free-running, suprathreshold dynamics, from its state at the trial end plus a
summed pseudo-input `x`: pseudospike k comes at `T + k * period - phi`, with `phi` the time since the last spike in
that dynamics. The pseudo-rate `r = phi / period` lies between 0 (it has just spiked) and 1 (it is about to); a
neuron's pseudo-input is `W r` over the neurons before it. A spike that leaves the trial through its end has r = 1, so
what it did as a spike it goes on doing as a pseudospike, and all spike times stay continuous.

Along a connection with a delay d, what counts is how far the sender had come at T - d from the spike before to the
one after it, of which the last is its first pseudospike. Like the pseudo-rate, which it is where d = 0, that share is 0
when a spike has just arrived and 1 when one is about to: a spike that is under way at the trial end acts in part.

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

Weights = dict[str, Float[Array, "neurons sources"]]


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


def continue_layer(
    dynamics: AbstractDynamics,
    end: State,
    weights: Weights,
    rates: Float[Array, " sources"],
    duration: Float[Array, ""],
) -> Pseudospikes:
    """Continue a layer beyond the trial end, given the pseudo-rates of the layer before it."""
    pseudo_input = {route: matrix @ rates for route, matrix in weights.items()}
    return Pseudospikes(*dynamics.pseudo_phase_and_period(dynamics.jump(end, pseudo_input), duration))


def continue_recurrent(
    dynamics: AbstractDynamics, end: State, recurrent: Weights, duration: Float[Array, ""]
) -> Pseudospikes:
    """Continue a recurrent population: rates are taken once, from the states at the trial end without their drive."""
    rates = rates_alone(dynamics, end, duration)
    return continue_layer(dynamics, end, recurrent, rates, jnp.asarray(duration))


def rates_alone(dynamics: AbstractDynamics, end: State, duration: Float[Array, ""]) -> Float[Array, " neurons"]:
    """Return the pseudo-rates of states without their drive."""
    return Pseudospikes(*dynamics.pseudo_phase_and_period(dynamics.zero_synaptic_state(end), duration)).rates


class Late(NamedTuple):
    """Connections with delays, and what comes along them.

    Attributes:
        weights: Matrices, or lists with their delays.
        delays: Of matrices, (neurons, sources); None for no time.
        spikes: Of the sources, ascending, all within the trial.
        rates: Their pseudo-rates.
    """

    weights: Weights | Connections
    delays: Float[Array, "neurons sources"] | None
    spikes: Spikes
    rates: Float[Array, " sources"]


def continue_delayed(
    dynamics: AbstractDynamics, end: State, incoming: tuple[Late, ...], duration: Float[Array, ""]
) -> Pseudospikes:
    """Continue a population to which spikes come late."""
    size = jax.tree.leaves(end)[0].shape[0]
    parts = [_pseudo_input(each, size, duration) for each in incoming]
    pseudo_input = {route: jnp.stack([part[route] for part in parts]).sum(0) for route in parts[0]}
    return Pseudospikes(*dynamics.pseudo_phase_and_period(dynamics.jump(end, pseudo_input), duration))


def _pseudo_input(late: Late, size: int, duration: Float[Array, ""]) -> dict[str, Float[Array, " neurons"]]:
    weights = late.weights
    if not isinstance(weights, Connections):
        if late.delays is None:
            return {route: matrix @ late.rates for route, matrix in weights.items()}
        share = shares(late.spikes, late.rates, late.delays.T, duration).T
        return {route: (matrix * share).sum(1) for route, matrix in weights.items()}
    share = late.rates[:, None]
    if weights.delays is not None:
        share = shares(late.spikes, late.rates, jnp.broadcast_to(weights.delays, weights.targets.shape), duration)
    targets = jnp.where(weights.targets < 0, size, weights.targets)
    return {
        route: jnp.zeros(size, each.dtype).at[targets].add(each * share, mode="drop")
        for route, each in weights.weights.items()
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
    # before the trial nothing is under way, and a stretch of no length ends with its spike
    passed = jnp.maximum(at - since, 0.0)
    return height * passed / jnp.where(until > since, until - since, 1.0)
