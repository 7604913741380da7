"""Pseudospikes: every neuron's spike times go on smoothly beyond the trial end.

After the trial each neuron follows its free-running, suprathreshold dynamics, from its state at the trial end plus a
summed pseudo-input `x`: pseudospike k comes at `T + k * period - phi`, with `phi` the time since the last spike in
that dynamics. The pseudo-rate `r = phi / period` lies between 0 (it has just spiked) and 1 (it is about to); a
neuron's pseudo-input is `W r` over the neurons before it. A spike that leaves the trial through its end has r = 1, so
what it did as a spike it goes on doing as a pseudospike, and all spike times stay continuous.

Source: Klos & Memmesheimer, arXiv:2309.14523.
"""

from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .dynamics import AbstractDynamics, State

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
    return Pseudospikes(*dynamics.free_running(dynamics.jump(end, pseudo_input), duration))


def continue_recurrent(
    dynamics: AbstractDynamics, end: State, recurrent: Weights, duration: Float[Array, ""]
) -> Pseudospikes:
    """Continue a recurrent population: rates are taken once, from the states at the trial end without their drive."""
    alone = Pseudospikes(*dynamics.free_running(dynamics.without_drive(end), duration))
    return continue_layer(dynamics, end, recurrent, alone.rates, jnp.asarray(duration))
