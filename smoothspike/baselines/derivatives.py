r"""Surrogate derivatives: what a spike is taken to depend on, in place of the derivative of a step, which is 0.

All are functions of the distance x of the spiking variable from the threshold, in units of the distance from reset to
threshold: x is 0 at the threshold and -1 at the reset. For a threshold of 1 and a reset to 0 that is V - 1, as in
snnTorch, stork, Norse and Spyx, whose `slope`, `beta`, `alpha` and `k` are the `scale` here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Real = Float[Array, "*shape"]
#: A surrogate derivative of one's own: from the distance to the threshold to the derivative of the spike.
Derivative = Callable[[Real], Real]


def fast_sigmoid(x: Real, scale: float) -> Real:
    r"""Return $1 / (1 + \beta |x|)^2$ with the scale $\beta$; its largest value is 1."""
    return 1 / (1 + scale * jnp.abs(x)) ** 2


def atan(x: Real, scale: float) -> Real:
    r"""Return $\frac\alpha2 / (1 + (\frac\pi2 \alpha x)^2)$ with the scale $\alpha$: its integral is 1."""
    return scale / 2 / (1 + (jnp.pi / 2 * scale * x) ** 2)


def sigmoid(x: Real, scale: float) -> Real:
    r"""Return $k\,\sigma(kx)\,(1 - \sigma(kx))$ with the scale k: its integral is 1."""
    return scale * jax.nn.sigmoid(scale * x) * jax.nn.sigmoid(-scale * x)


def triangular(x: Real, scale: float) -> Real:
    r"""Return $\max(0, 1 - \beta |x|)$ with the scale $\beta$; it is 0 beyond a distance of $1 / \beta$."""
    return jax.nn.relu(1 - scale * jnp.abs(x))


def gaussian(x: Real, scale: float) -> Real:
    r"""Return $\frac{k}{\sqrt{2\pi}} e^{-(kx)^2 / 2}$ with the scale k, one over the width: its integral is 1."""
    return scale / (2 * jnp.pi) ** 0.5 * jnp.exp(-((scale * x) ** 2) / 2)


def rectangular(x: Real, scale: float) -> Real:
    r"""Return k where $|x| < \frac1{2k}$ with the scale k, and 0 elsewhere: its integral is 1."""
    return jnp.where(jnp.abs(x) * scale < 0.5, scale, 0.0).astype(x.dtype)


def straight_through(x: Real, scale: float) -> Real:
    """Return the scale, whatever the distance."""
    return jnp.full_like(x, scale)


class Family(NamedTuple):
    """A surrogate derivative of the field.

    Attributes:
        derivative: A function of the distance and of the scale.
        scale: The scale where none is given.
    """

    derivative: Callable[[Real, float], Real]
    scale: float


FAMILIES = {
    "superspike": Family(fast_sigmoid, 10.0),
    "fast_sigmoid": Family(fast_sigmoid, 10.0),
    "atan": Family(atan, 2.0),
    "sigmoid": Family(sigmoid, 4.0),
    "triangular": Family(triangular, 1.0),
    "gaussian": Family(gaussian, 2.0),
    "rectangular": Family(rectangular, 1.0),
    "straight_through": Family(straight_through, 1.0),
}


@dataclass(frozen=True)
class Scaled:
    """A surrogate derivative with its scale; equal ones are compiled once."""

    derivative: Callable[[Real, float], Real]
    scale: float

    def __call__(self, x: Real) -> Real:
        """Return the derivative at a distance."""
        return self.derivative(x, self.scale)


def chosen_derivative(surrogate: Any, scale: Any) -> Derivative:
    """Return a surrogate derivative by its name and scale, or the one that is given."""
    if callable(surrogate):
        if scale is not None:
            raise ValueError(f"scale is {scale}, but the surrogate is a function of your own: put the scale into it")
        return cast(Derivative, surrogate)
    if surrogate not in FAMILIES:
        names = ", ".join(FAMILIES)
        raise ValueError(f"surrogate is {surrogate!r}; choose one of {names}, or pass a function of the distance")
    family = FAMILIES[surrogate]
    value = family.scale if scale is None else float(scale)
    if not 0 < value < float("inf"):
        raise ValueError(f"scale is {scale}, but must be a positive number")
    return Scaled(family.derivative, value)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def emitted(derivative: Derivative, distance: Real, count: Real) -> Real:
    """Return a number of spikes, whose derivative by the distance to the threshold is a surrogate."""
    return count


@emitted.defjvp
def _emitted_jvp(derivative: Derivative, primals: Any, tangents: Any) -> tuple[Real, Real]:
    distance, count = primals
    return count, derivative(distance) * tangents[0]
