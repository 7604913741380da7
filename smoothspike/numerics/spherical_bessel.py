r"""Quadratic neurons whose drive decays at $r = \delta / (n + \frac12)$: spherical Bessel functions of order n.

A ray `(g, q)` obeys $dg/dt = -\delta g + d_0 e^{-rt} q$, $dq/dt = -g$; the potential is proportional to $g/q$ and a
spike is a zero of $q$. `order` is n, and `rate` is $r/2 = \delta/(2n + 1)$; order 0 is the case of
`numerics.projective`. With $s = e^{-rt/2}$ and $\xi = \kappa s$, $\kappa = \sqrt{d_0} / rate$, the quantity
$w = s^{-n} q$ solves $w_{\xi\xi} + (1 - n(n+1)/\xi^2)\,w = 0$. What a ray becomes is therefore a cross product of
spherical Bessel functions at $\kappa$ and $\kappa s$, and that is a sum of entire functions of $d_0$: Riemann's method
gives the solution that starts as $w(1) = 0$ as
$\int_0^D P_n\bigl(1 + \frac{D^2 - \tau^2}{2s}\bigr) \cos\kappa\tau\,d\tau$ with $D = 1 - s$, term by term Poisson's
integral of $f_k(\kappa^2 D^2)$ (`entire.circular`). Source of the functions: Abramowitz & Stegun, chapter 10.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .projective import zero
from .special_functions import circular

Real = Float[Array, "*shape"]

# Far more steps than the time to a spike ever takes (about 5), so that rounding cannot make the search endless.
_MOST_STEPS = 100
# A step this small, in units of the time scale, leaves an error of its fifth power.
_SMALL_STEP = 1e-3


def _spread(order: int, k: int) -> int:
    """Coefficients of the Bessel polynomials: (n + k)! / ((n - k)! k! 2^k)."""
    return math.factorial(order + k) // (math.factorial(order - k) * math.factorial(k) * 2**k)


def carry(order: int, g: Real, q: Real, drive: Real, rate: Real, time: Real) -> tuple[Real, Real]:
    r"""Carry a ray through an interval; spikes on the way are passed, and `q` changes sign at each.

    Every coefficient is positive, so nothing cancels under a negative drive, and under a positive one nothing but the
    oscillations themselves.

    Args:
        order: n, at least 0.
        g: First component of the ray.
        q: Second component.
        drive: The drive at the start of the interval, of any sign.
        rate: Half the rate at which the drive decays, positive.
        time: Length of the interval, which may be infinite.

    Differentiation:
        Forward and reverse mode, analytic everywhere.

    Example:
        >>> g, q = carry(1, *map(jnp.array, (1.0, 1.0, 0.0, 1.0, jnp.inf)))
        >>> round(float(q), 6), float(g)
        (0.666667, 0.0)
    """
    n, s, gone = order, jnp.exp(-rate * time), -jnp.expm1(-rate * time)
    x = gone / rate
    angle = drive * x**2
    f = {k: circular(k, angle) for k in range(-1, n + 1)}
    of_g, of_q = jnp.zeros_like(angle), jnp.zeros_like(angle)
    for k in range(n + 1):
        weight = _spread(n, k) * s ** (n - k) * gone ** (2 * k)
        of_g = of_g + weight * f[k]
        of_q = of_q + weight * (f[k - 1] + (n - k) * gone * f[k])
    below = sum(_spread(max(n - 1, 0), k) * s ** (n + 1 - k) * gone ** (2 * k) * f[k] for k in range(max(n, 1)))
    kept = s ** (2 * n + 1) * f[-1]
    for k in range(1, n + 1):
        part = sum(math.comb(j + 2 * k - 2, j) * s ** (n - k - j) for j in range(n - k + 1))
        odd = math.prod(range(1, 2 * k - 2, 2))
        kept = kept - angle * odd * s ** (n + 2 - k) * gone ** (2 * k - 1) * part * f[k]
    return kept * g + drive * x * below * q, of_q * q - x * of_g * g


# The phase of w. With h the spherical Hankel functions, |xi h_n(xi)|^2 = M^2 = sum of m_k / xi^(2k) (below), and
# w = M(xi) sin(rho - (Theta(kappa) - Theta(xi))), Theta' = 1/M^2 > 0, Theta(0) = 0: Theta falls with time, and spikes
# come where it has fallen by rho + j pi, with rho in [0, pi] given by the ray. As Theta(xi) <= xi, at most one spike
# ever comes unless kappa > pi; indeed unless kappa exceeds the first zero of j_n, which is above n + 2 for n < 5.
# Theta = xi + bend - n pi / 2, where bend, the argument of the Bessel polynomial, falls from n pi / 2 to 0.


def _modulus(order: int, k: int) -> int:
    """Coefficients m_k: (n + k)! (2k)! / ((n - k)! k!^2 4^k), Abramowitz & Stegun 10.1.27."""
    over = math.factorial(order + k) * math.factorial(2 * k)
    return over // (math.factorial(order - k) * math.factorial(k) ** 2 * 4**k)


def _phase(order: int, g: Real, q: Real, rate: Real, xi: Real) -> tuple[Real, Real]:
    """Two numbers whose angle, `arctan2`, is rho: w and M^2 w' - M M' w, scaled so that they stay finite."""
    n, near, far = order, 1 / (1 + xi**2), xi**2 / (1 + xi**2)
    modulus = sum(_modulus(n, k) * far ** (n - k) * near**k for k in range(n + 1))
    change = sum(((n - k) * _modulus(n, k) * far ** (n - k) * near**k for k in range(n)), jnp.zeros_like(xi))
    return rate * xi * far**n * q, modulus * g - rate * change * q


def _half_turns(order: int, g: Real, q: Real, rate: Real, xi: Real) -> Real:
    """Theta - rho in half turns, up to a constant, to within 0.1: what rounding to even or odd needs."""
    y, x = _phase(order, g, q, rate, xi)
    size = jnp.abs(x) + y
    bend = order / 2 / jnp.hypot(1.0, jnp.pi * xi / (order + 1))
    return xi / jnp.pi + bend + 0.5 * x / jnp.where(size > 0, size, 1.0)


def _many(order: int, drive: Real, rate: Real) -> Real:
    """Whether more than one spike may come."""
    return drive > ((order + 2) * rate) ** 2


def winding(order: int, g: Real, q: Real, drive: Real, rate: Real, time: Real, g_end: Real, q_end: Real) -> Real:
    """Count the zeros of `q` between a ray and where `carry` took it, consistently with the sign of `q_end`.

    Whether the count is even or odd is the sign of `q_end`, so a spike at the very end of an interval belongs to
    exactly one interval; among those, the phase, known well enough, decides.

    Args:
        order: n.
        g: First component of the ray at the start, in the convention of `numerics.projective`.
        q: Second component.
        drive: The drive at the start.
        rate: Half the rate at which the drive decays.
        time: Length of the interval.
        g_end: First component at the end, not normalised.
        q_end: Second component at the end, whose sign is what it is.

    Example:
        >>> start = tuple(map(jnp.array, (0.0, 1.0, 100.0, 1.0, jnp.inf)))
        >>> int(winding(1, *start, *carry(1, *start)))
        3
    """
    many = _many(order, drive, rate)
    kappa = jnp.sqrt(jnp.where(many, drive, 0.0)) / rate
    passed = (q_end < 0).astype(q.dtype)
    turned = jnp.where(q_end < 0, -1.0, 1.0)
    end = _half_turns(order, turned * g_end, turned * q_end, rate, kappa * jnp.exp(-rate * time))
    count = passed + 2 * jnp.round((_half_turns(order, g, q, rate, kappa) - end - passed) / 2)
    return jnp.where(many, count, passed)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def zero_time(order: int, g: Real, q: Real, drive: Real, rate: Real, index: Real) -> Real:
    """Return when `q` vanishes for the (`index` + 1)-th time, `inf` where it does not.

    Each step goes to the zero of an equation of constant coefficients that cannot come later than the one sought
    (Sturm's comparison theorem), so the search approaches it from before, passes none, and has order four; a step
    back shows that nothing but rounding is left. Source: Segura, SIAM J. Numer. Anal. 48 (2010) 452.

    Args:
        order: n.
        g: First component of the ray, in the convention of `numerics.projective`.
        q: Second component.
        drive: The drive now.
        rate: Half the rate at which the drive decays.
        index: How many zeros come before.

    Differentiation:
        By the implicit function theorem, in coordinates that are regular for every drive, zero included. Where
        there is no zero the derivative is zero.

    Example:
        >>> times = zero_time(1, *map(jnp.array, (0.0, 1.0, 100.0, 1.0)), jnp.arange(4.0))
        >>> [f"{time:.4f}" for time in times]
        ['0.1852', '0.6746', '1.8436', 'inf']
    """
    g, q, drive, rate, index = jnp.broadcast_arrays(g, q, drive, rate, index)
    for_ever = jnp.full_like(q, jnp.inf)
    number = winding(order, g, q, drive, rate, for_ever, *carry(order, g, q, drive, rate, for_ever))
    side = jnp.where(index % 2 == 0, 1.0, -1.0)
    scale = (2 * order + 1) * rate + jnp.sqrt(jnp.abs(drive))

    def approach(search):
        time, step, count = search
        ray = carry(order, side * g, side * q, drive, rate, time)
        ahead = _wait(order, *ray, drive * jnp.exp(-2 * rate * time), rate)
        ahead = jnp.where(step > _SMALL_STEP, ahead, 0.0)
        return time + ahead, ahead * scale, count + 1

    def is_far(search):
        _, step, count = search
        return jnp.any(step > _SMALL_STEP) & (count < _MOST_STEPS)

    start = (_before(order, g, q, drive, rate, index), jnp.where(index < number, jnp.inf, 0.0), 0)
    time, *_ = jax.lax.while_loop(is_far, approach, start)
    return jnp.where(index < number, time, jnp.inf)


def _before(order: int, g: Real, q: Real, drive: Real, rate: Real, index: Real) -> Real:
    """A time between the zero sought and the one before it: 0, or where xi is n pi / 2 more than Theta at the zero.

    As bend is below n pi / 2 that is not after the zero, and as bend is below pi there, not before the previous one.
    """
    many = _many(order, drive, rate)
    kappa = jnp.where(many, jnp.sqrt(jnp.where(many, drive, 1.0)) / rate, order + 2.0)
    bend = jnp.angle(sum(_spread(order, k) * (1j / kappa) ** k for k in range(order + 1)))
    fall = jnp.arctan2(*_phase(order, g, q, rate, kappa)) + index * jnp.pi - bend
    part = jnp.clip(fall / kappa, 0.0, 1 - 1 / kappa)  # xi >= 1, which matters for order 0 alone
    return jnp.where(many, -jnp.log1p(-part) / rate, 0.0)


def _wait(order: int, g: Real, q: Real, drive: Real, rate: Real) -> Real:
    """Time to the zero of an equation of constant coefficients that oscillates no less than the true one will.

    For a positive drive the drive is kept: in time, exp(decay t / 2) q has the coefficient drive - decay^2 / 4, which
    falls. For a negative one it is let off faster, with order 0: in (1 - exp(-decay t)) / decay the coefficient of q is
    drive exp(2 decay t), which falls.
    """
    decay = (2 * order + 1) * rate
    kept = drive > 0
    x = zero(jnp.where(kept, g - decay / 2 * q, g), q, jnp.where(kept, drive - decay**2 / 4, drive), jnp.zeros_like(q))
    comes = decay * x < 1
    let_off = jnp.where(comes, -jnp.log1p(-decay * jnp.where(comes, x, 0.0)) / decay, jnp.inf)
    return jnp.where(kept, x, let_off)


@zero_time.defjvp
def _zero_time_jvp(order, primals, tangents):
    *ray, _ = primals
    time = zero_time(order, *primals)
    exists = jnp.isfinite(time)
    at = jnp.where(exists, time, 0.0)
    (slope, _), (_, change) = jax.jvp(lambda g, q, d, rate: carry(order, g, q, d, rate, at), tuple(ray), tangents[:4])
    return time, jnp.where(exists, change / jnp.where(exists, slope, 1.0), 0.0)
