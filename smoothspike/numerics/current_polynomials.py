r"""Rays under one exponential current: what an interval does to them, as polynomials in the current at its start.

$g' = (d_0 + \gamma I e^{\mu t})\,q$, $q' = -g$ (see `riccati_series`). The transfer matrix of an interval of length L
is an entire function of I. In the units of the interval, $z = \gamma L^2 I$, $\delta = d_0 L^2$ and $\nu = \mu L$, its
entries are $\sum_k c_k z^k$ with coefficients that depend on $\delta$ and $\nu$ alone: they serve all neurons with the
same rates.

The k-th is $e^{k\nu}$ times the k-th component of a linear system with constant coefficients,
$Q_k' = -G_k - k\nu Q_k$ and $G_k' = \delta Q_k + Q_{k-1} - k\nu G_k$, whose power series is summed. Terms of order k
are at most $|z|^k \cosh(\sqrt{|\delta|}) / (2k - 1)!$ where z is the largest in the interval.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Bool, Float, Int

from ..kernels.batch_reductions import largest
from .elementwise import differentiable
from .projective import unscaled, wronskian

Real = Float[Array, "*#shape"]


class Reach(NamedTuple):
    """For which intervals polynomials of some degree are exact to rounding.

    Attributes:
        z: The largest size of z.
        delta: Of delta.
        nu: Of nu.
    """

    z: float
    delta: float
    nu: float

    def terms(self, precision: float) -> int:
        """How many powers of z are needed."""
        return next(k for k in range(2, 40) if self.z ** (k - 0.5) / math.factorial(2 * k - 1) < precision / 8)

    def steps(self, terms: int, precision: float) -> int:
        """How many powers of time are needed for their coefficients."""

        # the last of them grows fastest, and counts least
        def left(k: int, count: int) -> float:
            rate = k * self.nu + self.delta**0.5
            first = max(2 * k - 1, 0)
            return self.z ** max(k - 0.5, 0) * rate ** max(count - first, 0) / math.factorial(count)

        return next(m for m in range(2 * terms, 200) if all(left(k, m) < precision / 8 for k in range(terms)))


#: The most steps of an interval.
MOST_STEPS = 100_000
#: Of short intervals, of those in which a ray turns little, and of those in which it turns by 2 at most.
REACHES = Reach(2.0**-6, 2.0**-4, 2.0**-4), Reach(0.25, 0.25, 0.25), Reach(9.0, 2.0, 2.0)


class Interval(NamedTuple):
    """What an interval is to rays, in its own units.

    Attributes:
        length: Its length.
        drive: The constant part of the drive.
        gain: What the current is multiplied by in the drive.
        rate: At which it changes, not positive.
    """

    length: Real
    drive: Real
    gain: Real
    rate: Real

    @property
    def delta(self) -> Real:
        """The constant drive."""
        return self.drive * self.length**2

    @property
    def nu(self) -> Real:
        """The rate of the current."""
        return self.rate * self.length

    @property
    def unit(self) -> Real:
        """What a current is multiplied by."""
        return self.gain * self.length**2


class Transfer(NamedTuple):
    """What becomes of a ray: `(gg g + gq q, qg g + qq q)`."""

    gg: Real
    gq: Real
    qg: Real
    qq: Real

    def __call__(self, g: Real, q: Real) -> tuple[Real, Real]:
        """Return the ray at the end; it is crossed by a spike if q changes its sign."""
        return self.gg * g + self.gq * q, self.qg * g + self.qq * q


def level(interval: Interval, current: Real) -> Int[Array, "*shape"]:
    """Return the first of `REACHES` that an interval is in, their number for none."""
    sizes = _sizes(interval, current)
    beyond = [(~_within(reach, *sizes)).astype(jnp.int32) for reach in REACHES]
    return beyond[0] + beyond[1] + beyond[2]


def _sizes(interval: Interval, current: Real) -> tuple[Real, Real, Real]:
    """Return the largest sizes in an interval of z, also with the constant drive, of delta and of nu."""
    z, delta, nu = stop_gradient((interval.unit * current, interval.delta, interval.nu))
    z = z * jnp.exp(jnp.maximum(nu, 0.0))
    # no two zeros of q in one interval: they are pi apart at the fastest turn
    turns = jnp.maximum(z, 0.0) + jnp.maximum(delta, 0.0)
    return jnp.maximum(jnp.abs(z), turns), jnp.abs(delta), jnp.abs(nu)


def _within(reach: Reach, z: Real, delta: Real, nu: Real) -> Bool[Array, "*shape"]:
    return (z <= reach.z) & (delta <= reach.delta) & (nu <= reach.nu)


def transfer(interval: Interval, current: Real, levels: Int[Array, "*shape"]) -> Transfer:
    """Return what intervals do to rays, given their levels; where these are beyond all reaches, it means nothing."""
    return _by_level(interval, current, levels, lambda *given: _at(*given)[0])


def transfer_and_slope(interval: Interval, current: Real, levels: Int[Array, "*shape"]) -> tuple[Transfer, Transfer]:
    """Return the same and its derivative by the current."""
    return _by_level(interval, current, levels, _at)


def _by_level(interval: Interval, current: Real, levels: Array, function: Callable[..., Any]) -> Any:
    # beyond all reaches numbers might overflow
    is_known = levels < len(REACHES)
    level, current = largest(jnp.where(is_known, levels, 0)), jnp.where(is_known, current, 0.0)
    return jax.lax.switch(level, [partial(function, reach, interval) for reach in REACHES], current)


class Passed(NamedTuple):
    """A ray that has passed an interval.

    Attributes:
        g: Its first component.
        q: Its second.
        turned: The Wronskian with its derivative by its angle at the start.
        pushed: The Wronskian with its derivative by the current.
        spiked: How many spikes came on the way.
    """

    g: Real
    q: Real
    turned: Real
    pushed: Real
    spiked: Real


def in_steps(interval: Interval, current: Real, g: Real, q: Real) -> Passed:
    """Carry a ray through an interval of any length, in as many steps as the one with the most needs.

    The ray is turned to `q >= 0` and scaled in every step. One that would need more than `MOST_STEPS` is not a number.
    """
    z, delta, nu = _sizes(interval, current)
    last = REACHES[-1]
    most = jnp.maximum(jnp.maximum(jnp.sqrt(z / last.z), jnp.sqrt(delta / last.delta)), nu / last.nu)
    is_possible = most <= MOST_STEPS
    number = jnp.ceil(jnp.max(jnp.where(is_possible, most, 1.0), initial=1.0))
    step = interval._replace(length=interval.length / number)
    of_step = _coefficients(last, step)

    def going(carry: tuple) -> Bool[Array, ""]:
        return carry[1] < number

    def onward(carry: tuple) -> tuple:
        ray, place = carry
        decayed = jnp.exp(step.nu * place)
        by, slope = _evaluated(of_step, step, decayed * current)
        g, q = by(ray.g, ray.q)
        # a transfer keeps Wronskians
        pushed = ray.pushed + decayed * wronskian(g, q, *slope(ray.g, ray.q))
        scale = unscaled(g, q) * jnp.where(q < 0, -1.0, 1.0)
        after = scale * g, scale * q, scale * (scale * ray.turned), scale * (scale * pushed)
        return Passed(*after, ray.spiked + jnp.where(q < 0, 1.0, 0.0)), place + 1

    nothing = jnp.zeros(jnp.broadcast_shapes(*(jnp.shape(each) for each in (*interval, current, g, q))), nu.dtype)
    start = Passed(nothing + g, nothing + q, nothing + (g**2 + q**2), nothing, nothing)
    found, _ = jax.lax.while_loop(going, onward, (start, jnp.zeros_like(number)))
    return jax.tree.map(lambda leaf: jnp.where(is_possible, leaf, jnp.nan), found)


def _pass(_: None, *arguments: Real) -> tuple[Real, Real]:
    return in_steps(Interval(*arguments[:4]), *arguments[4:])[:2]


#: `pass_interval(None, *interval, current, g, q)` returns the ray at the end, for derivatives by all of them.
pass_interval = differentiable(_pass)


def _at(reach: Reach, interval: Interval, current: Real) -> tuple[Transfer, Transfer]:
    return _evaluated(_coefficients(reach, interval), interval, current)


def _evaluated(coefficients: tuple, interval: Interval, current: Real) -> tuple[Transfer, Transfer]:
    """Evaluate polynomials, and their derivatives by the current."""
    (qg, qq), (gg, gq), alone = coefficients
    length, z = interval.length, interval.unit * current
    # that of g by q, over z and with the part of the constant drive apart: else a short interval divides by its length
    by_current = interval.gain * length
    values = [_polynomial(each, z) for each in (gg, gq[1:], qg, qq)]
    slopes = [interval.unit * _polynomial(_derived(each), z) for each in (gg, gq[1:], qg, qq)]
    found = Transfer(values[0], alone + by_current * current * values[1], length * values[2], values[3])
    turned = by_current * (values[1] + current * slopes[1])
    return found, Transfer(slopes[0], turned, length * slopes[2], slopes[3])


def _coefficients(reach: Reach, interval: Interval) -> tuple[tuple[Array, Array], tuple[Array, Array], Array]:
    """Sum the power series of the coefficients at the end: of q by g and by q, of g, and of g by q without current."""
    precision = float(jnp.finfo(jnp.result_type(interval.nu)).eps)
    terms = reach.terms(precision)
    delta, nu = jnp.broadcast_arrays(interval.delta, interval.nu)
    order = jnp.arange(terms, dtype=nu.dtype).reshape(-1, 1, *(1,) * nu.ndim)
    start = jnp.zeros((terms, 2, *nu.shape), nu.dtype)
    g, q = start.at[0, 0].set(1.0), start.at[0, 1].set(1.0)

    def step(carry: tuple, number: Array) -> tuple:
        (g, q), (g_sum, q_sum) = carry
        before = jnp.concatenate([jnp.zeros_like(q[:1]), q[:-1]])
        moved = (delta * q + before - order * nu * g) / number, -(g + order * nu * q) / number
        return (moved, (g_sum + moved[0], q_sum + moved[1])), None

    numbers = jnp.arange(1, reach.steps(terms, precision) + 1, dtype=nu.dtype)
    (_, (g, q)), _ = jax.lax.scan(step, ((g, q), (g, q)), numbers)
    decayed = jnp.exp(order * nu)
    (qg, qq), (gg, gq) = jnp.moveaxis(decayed * q, 1, 0), jnp.moveaxis(decayed * g, 1, 0)
    sine = _polynomial([(-1) ** k / math.factorial(2 * k + 1) for k in range(terms + 4)], delta)
    return (qg, qq), (gg, gq), interval.length * interval.drive * sine


def _polynomial(coefficients: Any, x: Real) -> Real:
    total = jnp.zeros_like(x)
    for coefficient in list(coefficients)[::-1]:
        total = total * x + coefficient
    return total


def _derived(coefficients: Array) -> list[Array]:
    return [k * each for k, each in enumerate(coefficients)][1:]
