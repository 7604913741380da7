"""The contact exponent, measured: how the effect of an input on the own spike vanishes as the spike approaches."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..numerics.time_to_spike import shift_by_input
from .equations import NumericModel
from .random_trials import draw_weights

_POINTS = 9
#: Ranges of the time left to the spike, in natural times; near a finite threshold, rounding of V limits them.
NEAR_INFINITY, NEAR_THRESHOLD = (1e-6, 1e-13), (1e-2, 1e-5)
_FAR = (0.3, 1e-2)  # where an effect that vanishes faster than every power is still visible
_FLAT = 12.0  # larger exponents are reported as infinite
_UNSETTLED = 0.4  # more than a logarithmic factor changes the slope


class Contact(NamedTuple):
    """How the shift of the own spike vanishes with the time left to it, for several random states at the spike.

    Attributes:
        time_left: The times left to the spike.
        shift: How much an input then shifts the spike.
        exponent: The slope of log(shift) against log(time left), towards zero; `inf` if it grows without bound, NaN if
            the input does not shift the spike even from a distance.
    """

    time_left: Float[np.ndarray, "states points"]
    shift: Float[np.ndarray, "states points"]
    exponent: Float[np.ndarray, " states"]


def contact(
    numeric: NumericModel, route: int, states: Float[np.ndarray, "states others"], generator: np.random.Generator
) -> Contact:
    """Fit the contact exponent of a route at random values of the other states.

    With a logarithmic factor in the shift, the slopes between neighbouring points approach the exponent like 1/log(u);
    they are extrapolated accordingly.
    """
    count = len(states)
    weights = draw_weights(numeric.model, np.full((count, 1), route), generator)[:, 0]
    weights = np.sign(weights) * np.clip(np.abs(weights), 0.1, 1.0)
    with jax.enable_x64(True):
        near = NEAR_INFINITY if numeric.model.spike.is_at_infinity else NEAR_THRESHOLD
        places = jnp.asarray(np.concatenate([places_before_spike(numeric, states[0], span) for span in (near, _FAR)]))

        def one(x: jax.Array, others: jax.Array, weight: jax.Array) -> tuple[jax.Array, jax.Array]:
            return shift_by_input(numeric.equations, numeric.line(), x, others, jnp.asarray(route), weight)

        over_places = jax.vmap(one, in_axes=(0, None, None))
        left, shift = jax.jit(jax.vmap(over_places, in_axes=(None, 0, 0)))(places, jnp.asarray(states), weights)
    left, shift = np.asarray(left), np.abs(np.asarray(shift))
    acts = np.nansum(shift, axis=1) > 0
    left, shift = left[:, :_POINTS], shift[:, :_POINTS]
    exponents = np.array([fitted_exponent(*rows) for rows in zip(left, shift, strict=True)])
    return Contact(left, shift, np.where(acts, exponents, np.nan))


def places_before_spike(
    numeric: NumericModel, others: np.ndarray, span: tuple[float, float]
) -> Float[np.ndarray, " points"]:
    """Values of x = asinh(V) at which the time left to the spike covers a range of natural times."""
    first, last = np.array(span) * numeric.time_scale
    rates = jax.jit(jax.vmap(lambda x: numeric.equations.rates(jnp.concatenate([jnp.sinh(x)[None], others]))[0]))
    if not numeric.model.spike.is_at_infinity:
        speed = float(rates(jnp.array([numeric.top]))[0] / np.cosh(numeric.top))
        return numeric.top - speed * np.geomspace(first, last, _POINTS)
    x = np.linspace(0.5, numeric.top, 4000)
    with np.errstate(all="ignore"):
        left = np.where((speed := np.asarray(rates(jnp.asarray(x)))) > 0, np.cosh(x) / speed, np.inf)
    start, end = (x[np.flatnonzero(left > bound).max(initial=0)] for bound in (first, last))
    return np.linspace(start, end, _POINTS)


def fitted_exponent(left: np.ndarray, shift: np.ndarray) -> float:
    """The exponent of a power law as the time left goes to zero; `inf` if faster than powers, NaN if unsettled."""
    usable = np.isfinite(left) & (left > 0) & np.isfinite(shift)
    if usable.sum() < 5:
        return float("nan")
    if np.any(shift[usable] < 1e-280):
        return float("inf")
    u, s = np.log(left[usable]), np.log(shift[usable])
    slopes, middle = np.diff(s) / np.diff(u), (u[1:] + u[:-1]) / 2
    if slopes[-1] > _FLAT:
        return float("inf")
    third = len(slopes) // 3
    near, far = slopes[-third:].mean(), slopes[third : 2 * third].mean()
    if abs(near - far) > _UNSETTLED:
        return float("nan")
    x_near, x_far = 1 / np.abs(middle[-third:]).mean(), 1 / np.abs(middle[third : 2 * third]).mean()
    return float(near + (near - far) * x_near / (x_far - x_near))
