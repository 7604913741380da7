"""States of a population whose neurons are carried forward one by one, at any times."""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..neurons import AbstractDynamics, State


@final
class Visits(eqx.Module):
    """The stretches of every neuron between the events that reached it, in the order of events.

    Attributes:
        times: When each event came, which is when the stretches of its targets ended.
        targets: Whom it reached; indices beyond the last neuron stand for nobody.
        since: When these stretches had started.
        states: The states then.
        last: When the last stretch of every neuron started.
        final: The states then.
        end: The state at the end of the trial.
    """

    times: Float[Array, " events"]
    targets: Int[Array, "events targets"]
    since: Float[Array, "events targets"]
    states: State
    last: Float[Array, " neurons"]
    final: State
    end: State

    @property
    def starts(self) -> Float[Array, "events 1"]:
        """When the stretches of any neuron start; 0 for padding."""
        return self.times[:, None]

    def at(
        self, dynamics: AbstractDynamics, ts: Float[Array, " samples"]
    ) -> dict[str, Float[Array, "samples neurons"]]:
        """Return the declared states at any times of the trial."""
        size, events = self.last.shape[0], self.times.shape[0]
        starts = jnp.concatenate([self.since.ravel(), self.last])
        states = jax.tree.map(lambda a, b: jnp.concatenate([a.reshape(-1, *b.shape[1:]), b]), self.states, self.final)
        neurons = jnp.concatenate([self.targets.ravel(), jnp.arange(size)])
        number = jnp.concatenate(
            [jnp.broadcast_to(jnp.arange(events)[:, None], self.targets.shape).ravel(), jnp.full(size, events)]
        )
        # the stretches of the first neuron in their order, then those of the second, ...
        order = jnp.lexsort((number, neurons))
        first = jnp.searchsorted(neurons[order], jnp.arange(size))
        ends = jnp.where(number < events, jnp.append(self.times, jnp.inf)[number], jnp.inf)[order]
        beyond = jnp.searchsorted(neurons[order], jnp.arange(size), side="right")
        picked = order[_passed(ends, first, beyond, ts)]
        chosen = jax.tree.map(lambda leaf: leaf[picked], states)
        return dynamics.readout(dynamics.flow(chosen, ts[:, None] - starts[picked]))


def _passed(
    ends: Float[Array, " stretches"],
    first: Int[Array, " neurons"],
    beyond: Int[Array, " neurons"],
    ts: Float[Array, " samples"],
) -> Int[Array, "samples neurons"]:
    """Return, by bisection, the first stretch of every neuron that ends after a time; the last one never does."""

    def halve(_, bounds):
        low, high = bounds
        middle = (low + high) // 2
        is_over = ends[middle] <= ts[:, None]
        return jnp.where(is_over, middle + 1, low), jnp.where(is_over, high, middle)

    low = jnp.broadcast_to(first, (ts.shape[0], first.shape[0]))
    high = jnp.broadcast_to(beyond - 1, low.shape)
    return jax.lax.fori_loop(0, ends.shape[0].bit_length(), halve, (low, high))[0]
