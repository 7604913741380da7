"""The time left to a spike, to full relative precision however small it is, and its derivative by an input's weight."""

from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from .adaptive_steps import Line
from .trajectory import Equations

# Gauss-Legendre nodes and weights on [0, 1]: from derivatives by the weight to the effect of all of it
_NODES, _PARTS = ((np.polynomial.legendre.leggauss(6)[0] + 1) / 2, np.polynomial.legendre.leggauss(6)[1] / 2)
_MAX_STEPS = 4096


def time_left(
    equations: Equations, line: Line, x: Float[Array, ""], states: Float[Array, " states"]
) -> Float[Array, ""]:
    """Integrate the time from x = asinh(V) to the spike, with x as the clock.

    Args:
        equations: The neuron.
        line: Where its spike is.
        x: Where it is now.
        states: The other states now. The spiking variable must grow from here to the spike.

    Returns:
        The time; NaN if the spiking variable does not grow all the way.
    """
    way = line.top - x

    def pace(part: Any, clocks: Any, _: Any) -> Array:
        place = x + way * part
        rates = equations.rates(jnp.concatenate([jnp.sinh(place)[None], clocks[1:]]))
        dt = way * jnp.cosh(place) / jnp.where(rates[0] > 0, rates[0], jnp.nan)
        return jnp.concatenate([dt[None], rates[1:] * dt])

    start = jnp.concatenate([jnp.zeros(1), states])
    absolute = jnp.concatenate([jnp.full(1, 1e-290), jnp.full(states.shape, 1e-14)])
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(pace), diffrax.Dopri8(), 0.0, 1.0, 1e-3, start,
        stepsize_controller=diffrax.PIDController(rtol=1e-11, atol=absolute),
        adjoint=diffrax.ForwardMode(), max_steps=_MAX_STEPS, throw=False,
    )  # fmt: skip
    assert solution.ys is not None
    reached = solution.result == diffrax.RESULTS.successful
    return jnp.where(reached, solution.ys[-1, 0], jnp.nan)


def shift_by_input(
    equations: Equations,
    line: Line,
    x: Float[Array, ""],
    states: Float[Array, " states"],
    route: Int[Array, ""],
    weight: Float[Array, ""],
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Return the time left to the spike, and by how much an input now shifts it.

    The shift is the integral of its derivative over the part of the weight that has arrived, so that no digits cancel.
    """
    place = jnp.concatenate([jnp.sinh(x)[None], states])

    def after(part: Array) -> Array:
        moved = equations.jump(route, part * weight, place)
        return time_left(equations, line, jnp.where(moved[0] == place[0], x, jnp.arcsinh(moved[0])), moved[1:])

    slopes = jax.vmap(lambda part: jax.jvp(after, (part,), (jnp.ones(()),))[1])(jnp.asarray(_NODES))
    return time_left(equations, line, x, states), jnp.sum(jnp.asarray(_PARTS) * slopes)
