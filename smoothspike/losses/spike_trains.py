"""Losses that compare spike trains with targets."""

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from .._checks import positive_number
from ..numerics.special_functions import exponential


def spike_time_error(
    times: Float[Array, "*neurons spikes"],
    targets: Float[ArrayLike, "*neurons spikes"],
    *,
    existing_only: bool = False,
) -> Float[Array, ""]:
    r"""Return the mean of $\frac12 (t - t^*)^2$ over all target times $t^*$, or over those whose spike exists.

    Source: Bohte, Kok & La Poutre, Neurocomputing 48 (2002), without the mean, where missing spikes have no gradient.

    Args:
        times: Spike times, finite wherever there is a target unless `existing_only`.
        targets: The desired times; `inf` where a spike has no target and is ignored.
        existing_only: Whether targets of missing spikes, whose time is `inf` as in `ordinary_spike_times`, are ignored,
            too. With times that include pseudospikes there are none.

    Returns:
        The mean error; 0 if there is no target.

    Raises:
        ValueError: if the shapes differ.

    Differentiation:
        Smooth. A spike without a target has the derivative 0, even if its own time is `inf`.

    Example:
        >>> float(spike_time_error(jnp.array([1.0, 4.0]), jnp.array([2.0, jnp.inf])))
        0.5
    """
    times, targets = jnp.asarray(times), jnp.asarray(targets)
    if times.shape != targets.shape:
        raise ValueError(
            f"times have shape {times.shape} and targets {targets.shape}, but must have the same shape, with inf where "
            "a spike has no target."
        )
    is_target = jnp.isfinite(targets)
    if existing_only:
        is_target &= jnp.isfinite(times)
    differences = jnp.where(is_target, times, 0) - jnp.where(is_target, targets, 0)
    return jnp.sum(differences**2) / (2 * jnp.maximum(jnp.sum(is_target), 1))


def van_rossum(
    times: Float[Array, "*neurons spikes"],
    targets: Float[ArrayLike, "*neurons target_spikes"],
    *,
    tau: Float[ArrayLike, ""],
    tau_rise: Float[ArrayLike, ""] | None = None,
) -> Float[Array, "*neurons"]:
    r"""Return the squared van Rossum distance between each neuron's spike train and its target.

    Each train becomes a sum of decaying exponentials, one per spike, and the distance is

    $$D^2 = \frac1\tau \int_0^\infty (f - g)^2 dt, \qquad f(t) = \sum_{t_i \le t} e^{-(t - t_i)/\tau}.$$

    One additional or missing spike costs 1/2; a spike shifted by $\delta$ costs $1 - e^{-|\delta|/\tau}$, hence 1 for a
    pair of spikes too far apart to match. With the sign $s_i = 1$ for spikes and $-1$ for target spikes, the integral
    is exactly $\frac12 \sum_{ij} s_i s_j e^{-|t_i - t_j|/\tau}$.

    With a rise time $\tau_r$ the kernel is a double exponential, $e^{-t/\tau} - e^{-t/\tau_r}$, scaled such that an
    additional spike costs 1/2 again, and $e^{-d/\tau}$ becomes
    $(\tau e^{-d/\tau} - \tau_r e^{-d/\tau_r}) / (\tau - \tau_r)$, which has no kink.

    Source: van Rossum, Neural Computation 13 (2001); the double exponential in Zenke & Ganguli, SuperSpike, Neural
    Computation 30 (2018).

    Args:
        times: Spike times in any order; `inf` is padding.
        targets: The desired times, in the same form; their number may be different.
        tau: Time scale of differences, in the unit of `times`.
        tau_rise: The rise time of a double-exponential kernel, of any ratio to `tau`, 1 included; None for a plain
            exponential.

    Returns:
        One squared distance per neuron, at least 0 up to rounding.

    Raises:
        ValueError: if `times` and `targets` differ in the number of neurons, or a time constant is not positive; inside
            `jit` the latter is a run-time error.

    Differentiation:
        Smooth except for a kink where a spike and a target coincide; the derivative of that pair is taken to be 0. With
        a rise time there is no kink.
        Padding has the derivative 0.

    Example:
        >>> one_missing = van_rossum(jnp.array([1.0, jnp.inf]), jnp.array([1.0, 9.0]), tau=0.1)
        >>> round(float(one_missing), 6)
        0.5
    """
    tau = positive_number("tau", tau)
    tau_rise = None if tau_rise is None else positive_number("tau_rise", tau_rise)
    times, targets = jnp.asarray(times), jnp.asarray(targets)
    if times.ndim == 0 or times.shape[:-1] != targets.shape[:-1]:
        raise ValueError(
            f"times have shape {times.shape} and targets {targets.shape}; only the last axis, the spikes, may differ."
        )
    both = jnp.concatenate([times, targets], axis=-1)
    is_spike = jnp.isfinite(both)
    signs = jnp.where(jnp.arange(both.shape[-1]) < times.shape[-1], 1, -1) * is_spike
    both = jnp.where(is_spike, both, 0)
    overlaps = _overlap(jnp.abs(both[..., :, None] - both[..., None, :]), tau, tau_rise)
    return jnp.einsum("...i,...j,...ij->...", signs.astype(both.dtype), signs.astype(both.dtype), overlaps) / 2


def _overlap(distance: Array, tau: Array, tau_rise: Array | None) -> Array:
    """The inner product of two kernels a distance apart, as a share of that of equal ones."""
    if tau_rise is None:
        return jnp.exp(-distance / tau)
    slow, fast = 1 / jnp.maximum(tau, tau_rise), 1 / jnp.minimum(tau, tau_rise)
    # without a difference of time constants in a denominator
    return jnp.exp(-slow * distance) * (1 + slow * distance * exponential(0, (fast - slow) * distance))
