r"""A leaky integrator driven by one exponential current: its response and its first threshold crossing.

$v(t) = e^{-\lambda t}\,(v_0 + k\,t\,\varphi(\eta t))$ with $\varphi(y) = (1 - e^{-y})/y$ and $\eta$ the current's decay
rate minus the leak: one formula for every ratio of the two, equal rates included.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .special_functions import exponential

Real = Float[Array, "*shape"]


def response(t: Real, v: Real, drive: Real, leak: Real, excess: Real) -> Real:
    """Return the potential a time `t` after it was `v` with the drive `drive`.

    Args:
        t: Time.
        v: Potential, measured from rest.
        drive: Rate at which the current raises the potential now.
        leak: Rate of the leak.
        excess: Decay rate of the current minus `leak`.

    Example:
        >>> float(response(*map(jnp.array, (0.0, 0.5, 1.0, 1.0, 0.0))))
        0.5
    """
    return jnp.exp(-leak * t) * (v + drive * t * exponential(0, excess * t))


def extremum(v: Real, drive: Real, leak: Real, excess: Real) -> Real:
    """Return when the potential turns, `inf` where it never does."""
    turns = drive != 0
    rate = leak + excess
    e = jnp.where(turns, (drive - leak * v) / (rate * jnp.where(turns, drive, 1.0)), jnp.inf)
    ahead = (e > 0) & (excess * e < 1) & turns
    safe = jnp.where(ahead, e, 0.0)
    scaled = excess * safe
    near = jnp.abs(scaled) > 0
    return jnp.where(ahead, jnp.where(near, -jnp.log1p(-scaled) / jnp.where(near, excess, 1.0), safe), jnp.inf)


@jax.custom_jvp
def crossing(v: Real, drive: Real, leak: Real, excess: Real, level: Real, within: Real) -> Real:
    """Return when the potential first reaches `level` from below, `inf` if it does not `within` that time.

    The potential has at most one extremum, so the crossing lies in a stretch where it rises; bisection guards the
    Newton steps.

    Differentiation:
        By the implicit function theorem; the derivative diverges where the potential grazes the level, and is zero
        where there is no crossing, or where the potential is above the level at once.

    Example:
        >>> float(crossing(*map(jnp.array, (0.0, 1.0, 1.0, 0.0, 5.0, 9.0))))
        inf
    """
    turn = extremum(v, drive, leak, excess)
    rises_first = drive > leak * v
    low = jnp.where(rises_first, 0.0, jnp.minimum(turn, within))
    high = jnp.where(rises_first, jnp.minimum(turn, within), within)
    arguments = (v, drive, leak, excess)

    def gap(t):
        return response(t, *arguments) - level

    def slope(t):
        return jnp.exp(-(leak + excess) * t) * drive - leak * response(t, *arguments)

    crosses = (gap(low) < 0) & (gap(high) >= 0) & (high > low)

    def narrow(_, bracket):
        low, high, t = bracket
        value, rate = gap(t), slope(t)
        low, high = jnp.where(value < 0, t, low), jnp.where(value < 0, high, t)
        newton = t - value / jnp.where(rate != 0, rate, 1.0)
        inside = (newton >= low) & (newton <= high) & (rate != 0)
        return low, high, jnp.where(inside, newton, (low + high) / 2)

    steps = 2 * jnp.finfo(jnp.result_type(v)).nmant
    *_, t = jax.lax.fori_loop(0, steps, narrow, (low, high, (low + high) / 2))
    return jnp.where(v >= level, 0.0, jnp.where(crosses, t, jnp.inf))


@crossing.defjvp
def _crossing_jvp(primals, tangents):
    v, drive, leak, excess, level, within = primals
    t = crossing(v, drive, leak, excess, level, within)
    comes = jnp.isfinite(t) & (v <= level)
    at = jnp.where(comes, t, 0.0)
    value, change = jax.jvp(lambda *a: response(at, *a), (v, drive, leak, excess), tangents[:4])
    slope = jnp.exp(-(leak + excess) * at) * drive - leak * value
    exists = comes & ((v < level) | (slope > 0))
    shift = (tangents[4] - change) / jnp.where(exists, slope, 1.0)
    return t, jnp.where(exists, shift, 0.0)
