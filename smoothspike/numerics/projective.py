r"""The projective line on which a quadratic neuron is linear: rotation, winding, and the zeros that are its spikes.

A ray `(g, q)` obeys $dg/dx = d\,q$, $dq/dx = -g$ with a constant drive $d$; the potential is proportional to $g/q$
and a spike is a zero of $q$, which is crossed with non-zero slope always. Only the ray matters, never its length.
Convention: $q > 0$, or $q = 0$ with $g < 0$ just after a spike and $g > 0$ exactly at one.
Source: the linearisation of the Riccati equation, see e.g. Hille, Ordinary Differential Equations in the Complex
Domain (1976), chapter 4.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero
from jax.lax import bitcast_convert_type, stop_gradient
from jaxtyping import Array, Bool, Float

from ..kernels.batch_reductions import anywhere
from ..kernels.in_kernel import finite
from ..kernels.rotation_functions import rotation_functions
from ..kernels.upper_angle import upper_angle
from .special_functions import circular

Real = Float[Array, "*#shape"]


class Rotation(NamedTuple):
    r"""What carries rays through an interval `x`, up to a factor that no ray depends on and derivatives hold constant.

    Attributes:
        cosine: $\cos(\sqrt d x)$.
        sine: $\sin(\sqrt d x) / \sqrt d$.
        bend: The derivative of `sine` by d, over `-x**2 / 2`, which might overflow; that of `cosine` is `-x sine / 2`.
        determinant: The square of the factor, 1 where the drive is not negative.
    """

    cosine: Real
    sine: Real
    bend: Real
    determinant: Real


def rotation(drive: Real, x: Real) -> Rotation:
    """Return the rotation in an interval `x`, which may serve many rays.

    Differentiation:
        Forward and reverse mode, analytic everywhere.
    """
    cosine, sine, next_order, determinant = rotation_functions(drive * x**2, _circular_functions)
    return Rotation(cosine, x * sine, x * next_order, determinant)


def _circular_functions(angle: Real) -> tuple[Real, Real, Real, Real]:
    cosine, sine, next_order = (circular(order, angle) for order in (-1, 0, 1))
    # the factor of `circular`, squared
    return cosine, sine, next_order, jnp.exp(-2 * jnp.sqrt(jnp.maximum(stop_gradient(-angle), 0.0)))


@jax.custom_jvp
def rotate(g: Real, q: Real, drive: Real, x: Real, by: Rotation) -> tuple[Real, Real]:
    """Carry a ray through an interval; spikes on the way are passed, and `q` changes sign at each.

    Args:
        g: First component of the ray.
        q: Second component.
        drive: The drive during the interval.
        x: Its length.
        by: The `rotation` of these two.

    Differentiation:
        Both modes, from the equation of the ray; the tangent of `by` is ignored.
    """
    return by.cosine * g + by.sine * drive * q, by.cosine * q - by.sine * g


@partial(rotate.defjvp, symbolic_zeros=True)
def _rotate_jvp(primals, tangents):
    g, q, drive, x, by = primals
    after = rotate(g, q, drive, x, by)
    changes = jnp.zeros_like(after[0]), jnp.zeros_like(after[1])
    columns = (
        lambda: (by.cosine, -by.sine),
        lambda: (by.sine * drive, by.cosine),
        lambda: slope_by_drive(g, q, drive, x, by),
        lambda: (drive * after[1], -after[0]),
    )
    for tangent, column in zip(tangents[:4], columns, strict=True):
        if not isinstance(tangent, SymbolicZero):
            by_g, by_q = column()
            changes = changes[0] + by_g * tangent, changes[1] + by_q * tangent
    return after, changes


def slope_by_drive(g: Real, q: Real, drive: Real, x: Real, by: Rotation) -> tuple[Real, Real]:
    """Return the derivative by the drive of the ray at the end of an interval."""
    by_g = by.sine * q - x / 2 * (by.sine * g + x * (by.bend * (drive * q)))
    return by_g, -x / 2 * (by.sine * q - x * (by.bend * g))


def normalise(g: Real, q: Real) -> tuple[Real, Real]:
    """Scale a ray to a size of 1 and turn it to `q >= 0`; no result depends on that. A ray that is lost becomes NaN."""
    size = stop_gradient(jnp.abs(g) + jnp.abs(q))
    scale = jnp.where(q < 0, -1.0, 1.0) / size
    return scale * g, scale * q + 0.0  # adding zero turns -0.0 into 0.0, whose side of the cut matters


def unscaled(g: Real, q: Real) -> Real:
    """Return the power of two that scales a ray to a size of about 1: quicker to find than by division, and exact.

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


def wronskian(g: Real, q: Real, g_change: Real, q_change: Real) -> Real:
    """Return the Wronskian of a ray and its change; a rotation keeps it, a shear too."""
    return g * q_change - q * g_change


def angle_of(g: Real, q: Real, g_change: Real, q_change: Real) -> Real:
    """Return the tangent coordinate of a ray: the angle by which it turns, its Wronskian over its squared length.

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
    exists = finite(x * x)  # a zero so far away that its square overflows is as good as none
    at, ray_g, ray_q = jnp.where(exists, x, 0.0), jnp.where(exists, g, 1.0), jnp.where(exists, q, 0.0)
    drive = jnp.where(exists, drive, 0.0)
    shift = jnp.zeros_like(x)
    if g_dot is not None or q_dot is not None:
        # at the zero, cosine and sine of the way there are as g to q: no function of it is needed
        turned = sum(by * dot for by, dot in ((ray_g, q_dot), (-ray_q, g_dot)) if dot is not None)
        shift = shift + turned / (ray_g**2 + drive * ray_q**2)
    if drive_dot is not None:
        way = (ray_g, ray_q, drive, at, rotation(drive, at))
        # multiplied before it is divided: the quotient alone may overflow; dq/dx at the zero is -g
        shift = shift + slope_by_drive(*way)[1] * drive_dot / rotate(*way)[0]
    return x, jnp.where(exists, shift, 0.0)


def phase_and_period(g: Real, q: Real, drive: Real) -> tuple[Real, Real]:
    """Return the time to the first spike and the period of a ray under a positive constant drive."""
    frequency = jnp.sqrt(drive)
    return upper_angle(frequency * q, g) / frequency, jnp.pi / frequency
