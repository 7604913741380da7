"""A neuron whose flow and time to spike are given by formulas, which may tell cases apart.

Derivatives are taken forwards, where the cases that do not apply are discarded; backwards their infinities would leak.
"""

from typing import Protocol

import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Float

from .elementwise import differentiable

Real = Float[Array, "*shape"]


class Formulas(Protocol):
    """Flow and time to spike as functions of states, the spiking variable first, and parameters; hashable."""

    @property
    def states(self) -> int:
        """How many states there are."""
        ...

    def flow(self, states: tuple[Real, ...], parameters: tuple[Real, ...], t: Real) -> tuple[Real, ...]:
        """Return all states a time later."""
        ...

    def time_to_spike(self, states: tuple[Real, ...], parameters: tuple[Real, ...]) -> Real:
        """Return the time to the spike, inf for never."""
        ...


def _until_spike(formulas: Formulas, within: Real, top: Real, x: Real, *values: Real) -> tuple[Real, ...]:
    states, parameters = (jnp.sinh(x), *values[: formulas.states - 1]), values[formulas.states - 1 :]
    there = stop_gradient(x >= top)
    wait = jnp.where(there, 0.0, formulas.time_to_spike(states, parameters))
    spikes = stop_gradient(wait < within)
    later, *others = formulas.flow(states, parameters, jnp.where(spikes, wait, within))
    after = (jnp.where(spikes, top, jnp.arcsinh(later)), *others)
    # a formula that is no number must not pass for "no spike"
    failed = stop_gradient(jnp.isnan(wait))
    kept = (jnp.where(there, before, value) for before, value in zip((x, *states[1:]), after, strict=True))
    return jnp.where(spikes, wait, jnp.inf), *(jnp.where(failed, jnp.nan, value) for value in kept)


#: `until_spike(formulas, within, top, x, *others, *parameters)` returns the time to the next spike, inf if it does not
#: come within that time, and x = asinh(V) and the other states there, or then.
until_spike = differentiable(_until_spike)
