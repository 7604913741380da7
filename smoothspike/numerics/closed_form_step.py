"""A neuron whose flow and time to spike are given by formulas, which may tell cases apart.

Derivatives are taken forwards, where the cases that do not apply are discarded; backwards their infinities would leak.
"""

from typing import Protocol, runtime_checkable

import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Float

from .adaptive_rk import Field, shifted_in_time
from .elementwise import differentiable, not_above

Real = Float[Array, "*shape"]


@runtime_checkable
class Formulas(Protocol):
    """Flow and time to spike as functions of states, the spiking variable first, and parameters; hashable."""

    @property
    def field(self) -> Field:
        """The declared equations."""
        ...

    def flow(self, states: tuple[Real, ...], parameters: tuple[Real, ...], t: Real) -> tuple[Real, ...]:
        """Return all states a time later."""
        ...

    def time_to_spike(self, states: tuple[Real, ...], parameters: tuple[Real, ...]) -> Real:
        """Return the time to the spike, inf for never."""
        ...


def _until_spike(formulas: Formulas, within: Real, top: Real, *values: Real) -> tuple[Real, ...]:
    parameters = values[formulas.field.states :]
    given = jnp.stack(values[: formulas.field.states])
    is_there = stop_gradient(given[0] >= top)
    is_above = stop_gradient(given[0] > top) & (not formulas.field.is_at_infinity)
    earlier, states = shifted_in_time(given, _rates(formulas, given, parameters), formulas.field.time_scale)
    declared = (jnp.sinh(states[0]), *states[1:])
    wait = jnp.where(is_there, 0.0, formulas.time_to_spike(declared, parameters))
    wait = jnp.where(is_above, 0.0, wait - earlier)
    spikes = stop_gradient(wait < within)
    later, *others = formulas.flow(declared, parameters, jnp.where(spikes, wait, within) + earlier)
    # the potential just before its spike has lost its digits, but the spike is as good as there
    left = wait - within
    is_close = stop_gradient(~spikes & jnp.isfinite(wait) & (left <= 4 * jnp.finfo(within.dtype).eps * wait))
    pace = stop_gradient(_rates(formulas, jnp.stack([top, *others]), parameters)[0])
    x = jnp.where(is_close, top - pace * (left - stop_gradient(left)), not_above(jnp.arcsinh(later), top))
    after = jnp.stack([jnp.where(spikes, top, x), *others])
    # a formula that is no number must not pass for "no spike"
    failed = stop_gradient(jnp.isnan(wait))
    return jnp.where(spikes, wait, jnp.inf), *jnp.where(failed, jnp.nan, jnp.where(is_above, given, after))


def _rates(formulas: Formulas, states: Array, parameters: tuple[Real, ...]) -> Array:
    """The rates of change of x = asinh(V) and of the other states."""
    rates = formulas.field.rates(states.at[0].set(jnp.sinh(states[0])), parameters)
    return rates.at[0].divide(jnp.cosh(states[0]))


#: `until_spike(formulas, within, top, x, *others, *parameters)` returns the time to the next spike, inf if it does not
#: come before that, and x = asinh(V) and the other states there, or then.
until_spike = differentiable(_until_spike)
