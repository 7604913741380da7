r"""Two families of entire functions, each closed under differentiation, so derivatives of any order are exact.

`circular(n, x)` with $f_n(x) = j_n(\sqrt x) / \sqrt x^{\,n}$, $j_n$ the spherical Bessel functions:
$f_{-1} = \cos\sqrt x$, $f_0 = \sin\sqrt x / \sqrt x$, and $f_n' = -f_{n+1} / 2$.

`exponential(n, y)` with $\varphi_n(y) = \int_0^1 s^n e^{-ys}\,ds$: $\varphi_0 = (1 - e^{-y}) / y$ and
$\varphi_n' = -\varphi_{n+1}$.

Both are smooth through zero, where the textbook formulas divide 0 by 0. Source: Abramowitz & Stegun, chapters 10 and 6.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..kernels.cosine_and_sine import cosine_and_sine
from ..kernels.in_kernel import polynomial

# Below these sizes of the argument the power series is used, above it the recurrence, which cancels near zero.
_CIRCULAR_SERIES, _CIRCULAR_TERMS = 4.0, 16
_EXPONENTIAL_SERIES, _EXPONENTIAL_TERMS = 1.5, 22


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def circular(order: int, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    r"""Return $j_n(\sqrt x) / \sqrt x^{\,n}$, times $e^{-\sqrt{-x}}$ where x is negative.

    The factor keeps the hyperbolic side from overflowing. It is common to all orders, so it drops out of everything
    that depends on the ratio of two of them, which is all that a projective neuron needs; derivatives hold it constant.

    Args:
        order: n, at least -1: -1 is the cosine, 0 the sine.
        x: Any real number.

    Differentiation:
        Forward and reverse mode, any order, analytic for every x.
    """
    root = jnp.sqrt(jnp.abs(x))
    nonzero = jnp.where(root > 0, root, 1.0)
    decayed = jnp.expm1(-2 * root)
    turning_cosine, turning_sine = cosine_and_sine(root)
    cosine = jnp.where(x > 0, turning_cosine, 1 + decayed / 2)
    sine = jnp.where(x > 0, turning_sine, -decayed / 2)
    values = [cosine, jnp.where(root > 0, sine / nonzero, 1.0)]
    if order <= 0:
        return values[order + 1]
    divisor = jnp.where(jnp.abs(x) > _CIRCULAR_SERIES, x, 1.0)
    for n in range(order):
        values.append(((2 * n + 1) * values[-1] - values[-2]) / divisor)
    coefficients = [
        (-0.5) ** k / (math.factorial(k) * math.prod(range(1, 2 * (order + k) + 2, 2))) for k in range(_CIRCULAR_TERMS)
    ]
    near = jnp.clip(x, -_CIRCULAR_SERIES, _CIRCULAR_SERIES)
    series = polynomial(coefficients[::-1], near) * jnp.where(x > 0, 1.0, jnp.exp(-root))
    return jnp.where(jnp.abs(x) > _CIRCULAR_SERIES, values[-1], series)


@circular.defjvp
def _circular_jvp(order, primals, tangents):
    (x,), (x_dot,) = primals, tangents
    return circular(order, x), -circular(order + 1, x) / 2 * x_dot


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def exponential(order: int, y: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    r"""Return $\varphi_n(y) = \int_0^1 s^n e^{-ys}\,ds$; order 0 is $(1 - e^{-y}) / y$.

    Args:
        order: n, at least 0.
        y: Any real number (grows like $e^{-y}$ where y is very negative).

    Differentiation:
        Forward and reverse mode, any order, analytic for every y.
    """
    far = jnp.abs(y) > _EXPONENTIAL_SERIES
    divisor = jnp.where(far, y, 1.0)
    value = -jnp.expm1(-divisor) / divisor
    for n in range(1, order + 1):
        value = (n * value - jnp.exp(-divisor)) / divisor
    coefficients = [(-1) ** k / (math.factorial(k) * (k + order + 1)) for k in range(_EXPONENTIAL_TERMS)]
    near = jnp.clip(y, -_EXPONENTIAL_SERIES, _EXPONENTIAL_SERIES)
    return jnp.where(far, value, polynomial(coefficients[::-1], near))


@exponential.defjvp
def _exponential_jvp(order, primals, tangents):
    (y,), (y_dot,) = primals, tangents
    return exponential(order, y), -exponential(order + 1, y) * y_dot


@jax.custom_jvp
def squareplus(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    r"""Return $(x + \sqrt{x^2 + 4}) / 2$: positive, increasing, and never underflowing, unlike softplus.

    It falls off like $1/|x|$, so a period built on it stays finite with a useful gradient however strong the
    inhibition is. Source: Barron, arXiv:2112.11687.
    """
    half = jnp.abs(x) / 2
    larger = half + jnp.hypot(half, jnp.ones_like(half))
    return jnp.where(x > 0, larger, 1 / larger)


@squareplus.defjvp
def _squareplus_jvp(primals, tangents):
    (x,), (x_dot,) = primals, tangents
    value = squareplus(x)
    return value, value / jnp.hypot(x, jnp.full_like(x, 2.0)) * x_dot


def lifted(
    synaptic: Float[Array, "*#shape"], at_rest: Float[Array, "*#shape"], slow: Float[Array, "*#shape"]
) -> Float[Array, "*#shape"]:
    """Return the positive minimum of the field that drives a neuron beyond the trial.

    Args:
        synaptic: By how much synapses raise the minimum of the field now.
        at_rest: The minimum without them, negative for an excitable neuron.
        slow: The minimum at which a period is about as long as the trial; keeps all smooth where `at_rest` vanishes.
    """
    scale = jnp.hypot(at_rest, slow)
    return scale * squareplus(synaptic / scale)
