r"""The projective line on which a quadratic neuron is linear: rotation, winding, and the zeros that are its spikes.

A ray `(g, q)` obeys $dg/dx = d\,q$, $dq/dx = -g$ with a constant drive $d$; the potential is proportional to $g/q$
and a spike is a zero of $q$, which is crossed with non-zero slope always. Only the ray matters, never its length.
Convention: $q > 0$, or $q = 0$ with $g < 0$ just after a spike and $g > 0$ exactly at one.
Source: the linearisation of the Riccati equation, see e.g. Hille, Ordinary Differential Equations in the Complex
Domain (1976), chapter 4.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero
from jax.lax import bitcast_convert_type, stop_gradient
from jaxtyping import Array, Bool, Float

from ..kernels.fast_atan2 import upper_angle
from .elementwise import anywhere
from .rotation import Known, determinant, functions, functions_briefly
from .special_functions import circular

Real = Float[Array, "*shape"]


class Rotation(NamedTuple):
    r"""What carries rays through an interval.

    Attributes:
        cosine: $\cos(\sqrt d x)$.
        sine: $\sin(\sqrt d x) / \sqrt d$.
        determinant: 1, or the square of the factor that both have where the drive is negative.
    """

    cosine: Real
    sine: Real
    determinant: Real


def turn(drive: Real, x: Real) -> Rotation:
    """Return the rotation in an interval `x`, up to a factor where the drive is negative (see `entire.circular`).

    No ray depends on that factor, and derivatives hold it constant.

    Differentiation:
        Forward and reverse mode, analytic everywhere.
    """
    angle = drive * x**2
    return Rotation(circular(-1, angle), x * circular(0, angle), determinant(angle))


@jax.custom_jvp
def rotate(g: Real, q: Real, drive: Real, x: Real, turned: Rotation) -> tuple[Real, Real]:
    """Carry a ray through an interval; spikes on the way are passed, and `q` changes sign at each.

    Args:
        g: First component of the ray.
        q: Second component.
        drive: The drive during the interval.
        x: Its length.
        turned: What `turn` returns for these two, which may serve many rays.

    Differentiation:
        Both modes, from the equation of the ray, whatever derivative `turned` may have.

    Example:
        >>> drive, x = jnp.array(1.0), jnp.array(0.0)
        >>> g, q = rotate(jnp.array(0.0), jnp.array(1.0), drive, x, turn(drive, x))
        >>> float(g), float(q)
        (0.0, 1.0)
    """
    cosine, sine, _ = turned
    return cosine * g + sine * drive * q, cosine * q - sine * g


@partial(rotate.defjvp, symbolic_zeros=True)
def _rotate_jvp(primals, tangents):
    g, q, drive, x, turned = primals
    after_g, after_q = rotate(g, q, drive, x, turned)
    (cosine, sine, _), changes = turned, [jnp.zeros_like(after_g), jnp.zeros_like(after_q)]
    g_dot, q_dot, drive_dot, x_dot = (None if isinstance(t, SymbolicZero) else t for t in tangents[:4])
    for change, by_g, by_q in (
        (g_dot, cosine, -sine),
        (q_dot, sine * drive, cosine),
        (x_dot, drive * after_q, -after_g),
    ):
        if change is not None:
            changes = [changes[0] + by_g * change, changes[1] + by_q * change]
    if drive_dot is not None:
        by_drive = _by_drive(g, q, drive, x, turned)
        changes = [change + by * drive_dot for change, by in zip(changes, by_drive, strict=True)]
    return (after_g, after_q), (changes[0], changes[1])


def _by_drive(g: Real, q: Real, drive: Real, x: Real, turned: Rotation) -> tuple[Real, Real]:
    """Return how the end of an interval changes with the drive during it."""
    by_cosine, by_sine = -x * turned.sine / 2, -(x**3) / 2 * circular(1, drive * x**2)
    return by_cosine * g + (by_sine * drive + turned.sine) * q, by_cosine * q - by_sine * g


def turned_by_drive(ray: tuple[Real, Real], end: tuple[Real, Real], drive: Real, x: Real, turned: Rotation) -> Real:
    """Return the Wronskian, at the end of an interval, of what a change of the drive by one during it makes.

    Args:
        ray: At the start.
        end: Where `rotate` takes it.
        drive: The drive during the interval.
        x: Its length.
        turned: What `turn` returns for these two.

    Example:
        >>> ray, drive, x = (jnp.array(0.0), jnp.array(1.0)), jnp.array(0.0), jnp.array(1.0)
        >>> turned = turn(drive, x)
        >>> round(float(turned_by_drive(ray, rotate(*ray, drive, x, turned), drive, x, turned)), 6)
        -1.0
    """
    return wronskian(*end, *_by_drive(*ray, drive, x, turned))


@jax.custom_jvp
def rotate_briefly(g: Real, q: Real, drive: Real, x: Real) -> tuple[Real, Real]:
    """Do what `rotate` does, faster where no neuron turns far: the same ray, up to its length.

    Differentiation:
        Forward and reverse mode, first order.

    Example:
        >>> g, q = rotate_briefly(*map(jnp.array, (0.0, 1.0, 1.0, 0.0)))
        >>> float(g), float(q)
        (0.0, 1.0)
    """
    cosine, sine = functions(2, drive * x**2)
    return cosine * g + x * sine * drive * q, cosine * q - x * sine * g


@rotate_briefly.defjvp
def _rotate_briefly_jvp(primals, tangents):
    (g, q, drive, x), (g_dot, q_dot, drive_dot, x_dot) = primals, tangents
    cosine, sine, next_order = functions(3, drive * x**2)
    angle_dot = x**2 * drive_dot + 2 * drive * x * x_dot
    cosine_dot, sine_dot = -sine / 2 * angle_dot, sine * x_dot - x * next_order / 2 * angle_dot
    sine = x * sine
    ray = cosine * g + sine * drive * q, cosine * q - sine * g
    turned = cosine * g_dot + sine * (drive * q_dot + drive_dot * q), cosine * q_dot - sine * g_dot
    return ray, (turned[0] + cosine_dot * g + sine_dot * drive * q, turned[1] + cosine_dot * q - sine_dot * g)


@jax.custom_jvp
def turned_briefly(g: Real, q: Real, drive: Real, x: Real, known: Known) -> tuple[tuple[Real, Real], Real, Real]:
    """Return where `rotate_briefly` takes a ray, and what that does to changes of it.

    Args:
        g: First component of the ray.
        q: Second component.
        drive: The drive during the interval.
        x: Its length.
        known: What `functions_briefly` returns for these two.

    Returns:
        The ray at the end, the factor by which the Wronskian of a change grows on the way, and the Wronskian at the end
        of what a change of the drive by one makes.

    Differentiation:
        Both modes, whatever derivative `known` may have.

    Example:
        >>> ray, drive, x = map(jnp.array, (0.0, 1.0)), jnp.array(1.0), jnp.array(2.0)
        >>> end, determinant, _ = turned_briefly(*ray, drive, x, functions_briefly(drive, x))
        >>> bool(jnp.isclose(end[1], jnp.cos(2.0))), bool(jnp.isclose(determinant, 1.0))
        (True, True)
    """
    return _turned_briefly(g, q, drive, x, known)


@turned_briefly.defjvp
def _turned_briefly_jvp(primals: tuple, tangents: tuple) -> Any:
    def anew(g: Real, q: Real, drive: Real, x: Real) -> Any:
        return _turned_briefly(g, q, drive, x, functions_briefly(drive, x))

    return jax.jvp(anew, primals[:4], tangents[:4])


def _turned_briefly(g: Real, q: Real, drive: Real, x: Real, known: Known) -> tuple[tuple[Real, Real], Real, Real]:
    cosine, sine, next_order, determinant = known
    by_cosine, by_sine = -(x**2) / 2 * sine, -(x**3) / 2 * next_order
    sine = x * sine
    end = cosine * g + sine * drive * q, cosine * q - sine * g
    by_drive = wronskian(*end, by_cosine * g + (by_sine * drive + sine) * q, by_cosine * q - by_sine * g)
    return end, determinant, by_drive


def gauge(g: Real, q: Real) -> Real:
    """Return the factor that scales a ray to a size of about 1 and turns it to `q >= 0`; no result depends on it."""
    size = stop_gradient(jnp.abs(g) + jnp.abs(q))
    return jnp.where(q < 0, -1.0, 1.0) / jnp.where(size > 0, size, 1.0)


def unscaled(g: Real, q: Real) -> Real:
    """Return the power of two that scales a ray to a size of about 1: quicker to find than `gauge`, and exact.

    Example:
        >>> [float(unscaled(jnp.array(g), jnp.array(q))) for g, q in ((0.0, 1.0), (1.0, 3.0), (0.0, 1e-3))]
        [0.5, 0.125, 512.0]
    """
    size = stop_gradient(jnp.abs(g) + jnp.abs(q))
    kind, digits = jnp.finfo(size.dtype), jnp.dtype(f"int{jnp.finfo(size.dtype).bits}")
    exponents = ((1 << kind.nexp) - 1) << kind.nmant
    # the sum of both exponents is that of 1/2, whatever the mantissa
    total = ((1 << kind.nexp) - 3) << kind.nmant
    return bitcast_convert_type(total - (bitcast_convert_type(size, digits) & exponents), size.dtype)


def normalise(g: Real, q: Real) -> tuple[Real, Real]:
    """Scale a ray by its `gauge`."""
    scale = gauge(g, q)
    return scale * g, scale * q + 0.0  # adding zero turns -0.0 into 0.0, whose side of the cut matters


def wronskian(g: Real, q: Real, g_change: Real, q_change: Real) -> Real:
    """Return the Wronskian of a ray and its change; a rotation keeps it, a shear too."""
    return g * q_change - q * g_change


def angle_of(g: Real, q: Real, g_change: Real, q_change: Real) -> Real:
    """Return all that matters of a change of a ray: the angle by which it turns, its Wronskian over its squared length.

    Example:
        >>> ray = jnp.array(0.6), jnp.array(0.8)
        >>> round(float(angle_of(*ray, *turned_by(*ray, jnp.array(2.0)))), 6)
        2.0
    """
    return wronskian(g, q, g_change, q_change) / (g**2 + q**2)


def turned_by(g: Real, q: Real, angle: Real) -> tuple[Real, Real]:
    """Return the change of a ray that turns it by a small angle."""
    return -q * angle, g * angle


def _remaining(g: Real, q: Real, drive: Real) -> tuple[Real, Real, Real]:
    """Angular frequency of a positive drive, angle to the first zero, and the rate of a negative one."""
    frequency = jnp.sqrt(jnp.maximum(drive, 0.0))
    rate = jnp.sqrt(jnp.maximum(-drive, 0.0))
    return frequency, upper_angle(frequency * q, g), rate


@jax.custom_jvp
def zero(g: Real, q: Real, drive: Real, index: Real) -> Real:
    r"""Return where `q` vanishes for the (`index` + 1)-th time, `inf` where it does not.

    For $d > 0$ that is at $(\arctan_2(\sqrt d\,q, g) + k\pi)/\sqrt d$; for $d \le 0$ there is one zero if
    $g > \sqrt{-d}\,q$ and none otherwise.

    Differentiation:
        By the implicit function theorem, in coordinates that are regular for every drive, zero included. Where
        there is no zero the derivative is zero.

    Example:
        >>> float(zero(*map(jnp.array, (2.0, 1.0, 0.0, 0.0))))
        0.5
    """
    frequency, angle, rate = _remaining(g, q, drive)
    rotating = (angle + index * jnp.pi) / jnp.where(drive > 0, frequency, 1.0)
    escapes = (drive <= 0) & (g > rate * q) & (index == 0)
    none = jnp.full_like(rotating, jnp.inf)
    # few neurons come to their spike against a negative drive, and often none does
    escaping = jax.lax.cond(anywhere(escapes), _escaping, lambda *_: none, g, q, rate, escapes, none)
    return jnp.where(drive > 0, rotating, escaping)


def _escaping(g: Real, q: Real, rate: Real, escapes: Bool[Array, "*shape"], none: Real) -> Real:
    """Return atanh(rate * q / g) / rate without cancellation near the separatrix; q / g where the rate vanishes."""
    gap = jnp.where(escapes, g - rate * q, 1.0)
    rate_or_one = jnp.where(rate > 0, rate, 1.0)
    return jnp.where(escapes, jnp.where(rate > 0, jnp.log1p(2 * rate * q / gap) / (2 * rate_or_one), q / gap), none)


@partial(zero.defjvp, symbolic_zeros=True)
def _zero_jvp(primals, tangents):
    g, q, drive, index = primals
    g_dot, q_dot, drive_dot = (None if isinstance(t, SymbolicZero) else t for t in tangents[:3])
    x = zero(g, q, drive, index)
    exists = jnp.isfinite(x * x)  # a zero so far away that its square overflows is as good as none
    at, ray_g, ray_q = jnp.where(exists, x, 0.0), jnp.where(exists, g, 1.0), jnp.where(exists, q, 0.0)
    drive = jnp.where(exists, drive, 0.0)
    shift = jnp.zeros_like(x)
    if g_dot is not None or q_dot is not None:
        # at the zero, cosine and sine of the way there are as g to q: no function of it is needed
        turned = sum(by * dot for by, dot in ((ray_g, q_dot), (-ray_q, g_dot)) if dot is not None)
        shift = shift + turned / (ray_g**2 + drive * ray_q**2)
    if drive_dot is not None:
        cosine, sine, next_order = functions(3, drive * at**2)
        slope = cosine * ray_g + at * sine * drive * ray_q  # minus dq/dx at the zero
        # multiplied before it is divided: the quotient alone may overflow
        shift = shift - at**2 / 2 * (sine * ray_q - at * next_order * ray_g) * drive_dot / slope
    return x, jnp.where(exists, shift, 0.0)


def free_running(g: Real, q: Real, drive: Real) -> tuple[Real, Real]:
    """Return the time to the first spike and the period of a ray under a positive constant drive."""
    frequency = jnp.sqrt(drive)
    return upper_angle(frequency * q, g) / frequency, jnp.pi / frequency
