r"""Losses of spike times.

Each is a pure function of one trial; use `jax.vmap` for a batch. Pass times that include pseudospikes, such as
`record.spike_times(count)`: they are always finite, so that every loss has a gradient even where a neuron does not
spike within the trial.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Int

from ._checks import positive_number, whole_in_range
from ._tracing import revealed


def first_spike_cross_entropy(
    times: Float[Array, " classes"],
    label: Int[ArrayLike, ""],
    *,
    tau: Float[ArrayLike, ""] = 1.0,
    early_weight: Float[ArrayLike, ""] = 0.0,
) -> Float[Array, ""]:
    r"""Return the cross-entropy of the class that spikes first.

    The probability of class c is the softmax of $-t_c/\tau$, and the loss is

    $$-\log \frac{e^{-t_l/\tau}}{\sum_c e^{-t_c/\tau}} + \alpha \frac{t_l}{\tau}$$

    for the label l. It depends on differences of times except for the last term, which pulls the correct spike
    towards the start of the trial.

    Source: Mostafa, IEEE Trans. Neural Netw. Learn. Syst. 29 (2018), arXiv:1606.08165; Goeltz et al., Nature
    Machine Intelligence 3 (2021), arXiv:1912.11443, where the early term is exponential instead of linear.

    Args:
        times: First spike time of each class's neuron, finite.
        label: The correct class.
        tau: Time scale of differences, in the unit of `times`.
        early_weight: The factor $\alpha$ of the early term.

    Raises:
        ValueError: if `times` does not have exactly one axis, `label` is out of range, or `tau` is not positive. Inside
            `jit`, the last two are run-time errors.

    Differentiation:
        Smooth.

    Example:
        >>> loss = first_spike_cross_entropy(jnp.array([1.0, 3.0]), 0, tau=0.5)
        >>> f"{loss:.5f}"
        '0.01815'
    """
    tau = positive_number("tau", tau)
    times = jnp.asarray(times)
    if times.ndim != 1:
        raise ValueError(f"times have shape {times.shape}, but must have one time per class; use jax.vmap for a batch")
    if jnp.ndim(label):
        raise ValueError(f"label has shape {jnp.shape(label)}, but a trial has one class; use jax.vmap for a batch.")
    advice = f"there are {len(times)} classes, 0 to {len(times) - 1}."
    label = whole_in_range("label", label, len(times), advice)
    return -jax.nn.log_softmax(-times / tau)[label] + early_weight * times[label] / tau


def spike_time_error(
    times: Float[Array, "*neurons spikes"], targets: Float[ArrayLike, "*neurons spikes"]
) -> Float[Array, ""]:
    r"""Return the mean of $\frac12 (t - t^*)^2$ over all target times $t^*$.

    Source: Bohte, Kok & La Poutre, Neurocomputing 48 (2002), without the mean.

    Args:
        times: Spike times, finite wherever there is a target.
        targets: The desired times; `inf` where a spike has no target and is ignored.

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
    differences = jnp.where(is_target, times, 0) - jnp.where(is_target, targets, 0)
    return jnp.sum(differences**2) / (2 * jnp.maximum(jnp.sum(is_target), 1))


def van_rossum(
    times: Float[Array, "*neurons spikes"],
    targets: Float[ArrayLike, "*neurons target_spikes"],
    *,
    tau: Float[ArrayLike, ""],
) -> Float[Array, "*neurons"]:
    r"""Return the squared van Rossum distance between each neuron's spike train and its target.

    Each train becomes a sum of decaying exponentials, one per spike, and the distance is

    $$D^2 = \frac1\tau \int_0^\infty (f - g)^2 dt, \qquad f(t) = \sum_{t_i \le t} e^{-(t - t_i)/\tau}.$$

    One additional or missing spike costs 1/2; a spike shifted by $\delta$ costs $1 - e^{-|\delta|/\tau}$, hence 1 for a
    pair of spikes too far apart to match. With the sign $s_i = 1$ for spikes and $-1$ for target spikes, the integral
    is exactly $\frac12 \sum_{ij} s_i s_j e^{-|t_i - t_j|/\tau}$.

    Source: van Rossum, Neural Computation 13 (2001).

    Args:
        times: Spike times in any order; `inf` is padding.
        targets: The desired times, in the same form; their number may be different.
        tau: Time scale of differences, in the unit of `times`.

    Returns:
        One squared distance per neuron, at least 0 up to rounding.

    Raises:
        ValueError: if `times` and `targets` differ in the number of neurons, or `tau` is not positive; inside `jit` the
            latter is a run-time error.

    Differentiation:
        Smooth except for a kink where a spike and a target coincide; the derivative of that pair is taken to be 0.
        Padding has the derivative 0.

    Example:
        >>> one_missing = van_rossum(jnp.array([1.0, jnp.inf]), jnp.array([1.0, 9.0]), tau=0.1)
        >>> round(float(one_missing), 6)
        0.5
    """
    tau = positive_number("tau", tau)
    times, targets = jnp.asarray(times), jnp.asarray(targets)
    if times.ndim == 0 or times.shape[:-1] != targets.shape[:-1]:
        raise ValueError(
            f"times have shape {times.shape} and targets {targets.shape}; only the last axis, the spikes, may differ."
        )
    both = jnp.concatenate([times, targets], axis=-1)
    is_spike = jnp.isfinite(both)
    signs = jnp.where(jnp.arange(both.shape[-1]) < times.shape[-1], 1, -1) * is_spike
    both = jnp.where(is_spike, both, 0)
    overlaps = jnp.exp(-jnp.abs(both[..., :, None] - both[..., None, :]) / tau)
    return jnp.einsum("...i,...j,...ij->...", signs.astype(both.dtype), signs.astype(both.dtype), overlaps) / 2


def count(
    times: Float[Array, "*neurons spikes"],
    target_counts: Int[ArrayLike, "*neurons"],
    *,
    duration: Float[ArrayLike, ""],
    margin: Float[ArrayLike, ""] = 0.0,
) -> Float[Array, ""]:
    r"""Penalise neurons that spike too often or too rarely within the trial.

    For a target of n spikes, the n-th spike should precede the trial end T and the next one follow it, both by a
    margin m:

    $$\tfrac12 \max(t_n - (T - m), 0)^2 + \tfrac12 \max(T + m - t_{n+1}, 0)^2,$$

    averaged over the neurons. It is 0 where the number of spikes is correct by the margin; elsewhere its gradient moves
    the missing spike in, or the first surplus spike out, through the trial end. Without a margin, a surplus spike
    approaches T from below and never leaves; a tenth of a membrane time constant suffices.

    Source: Klos & Memmesheimer, arXiv:2309.14523, who add and remove spikes through the trial end in this way.

    Args:
        times: Each neuron's spike times, ascending, including pseudospikes; more than the largest target.
        target_counts: The desired number of spikes of each neuron, or of all.
        duration: The trial end T.
        margin: The least time between T and the spikes before and after it; less than T.

    Returns:
        The mean over neurons.

    Raises:
        ValueError: if a target is negative or not less than the number of times, or the margin is negative or not less
            than T. Inside `jit`, these are run-time errors.

    Differentiation:
        Continuously differentiable.

    Example:
        >>> times = jnp.array([[1.0, 3.0, 5.0], [3.0, 5.0, 7.0]])
        >>> float(count(times, jnp.array([1, 1]), duration=2.0))
        0.25
    """
    duration = positive_number("duration", duration)
    times = jnp.asarray(times)
    if times.ndim == 0:
        raise ValueError("times are a single number, but must be an array of times for each neuron.")
    available = times.shape[-1]
    advice = (
        f"target counts must lie between 0 and {available - 1}: there are {available} times per neuron, and the spike "
        "after the last desired one is also needed; request more with spike_times(count=...)."
    )
    targets = whole_in_range("target_counts", target_counts, available, advice)
    margin = _checked_margin(margin, duration)
    targets = jnp.broadcast_to(targets, times.shape[:-1])[..., None]
    last_wanted = jnp.take_along_axis(times, jnp.maximum(targets - 1, 0), axis=-1)
    first_surplus = jnp.take_along_axis(times, targets, axis=-1)
    too_late = jnp.where(targets > 0, jax.nn.relu(last_wanted - (duration - margin)), 0)
    too_early = jax.nn.relu(duration + margin - first_surplus)
    return jnp.mean(too_late**2 + too_early**2) / 2


def _checked_margin(margin: Float[ArrayLike, ""], duration: Float[Array, ""]) -> Float[Array, ""]:
    """Raise an error for margins outside of the trial, also inside jit."""
    value = jnp.asarray(margin)
    is_wrong = ~((value >= 0) & (value < duration))
    message = "margin must be at least 0 and less than duration"
    numbers = revealed(is_wrong)
    if numbers is None:
        return eqx.error_if(value, is_wrong, message)
    if numbers.any():
        raise ValueError(f"margin is {margin}: {message}.")
    return value
