"""Losses of a classification: of first spike times, and of voltages."""

from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Int

from .._checks import positive_number, whole_in_range


def first_spike_cross_entropy(
    times: Float[Array, " classes"],
    label: Int[ArrayLike, ""],
    *,
    tau: Float[ArrayLike, ""] = 1.0,
    early_weight: Float[ArrayLike, ""] = 0.0,
    early: Literal["linear", "exponential"] = "linear",
    early_tau: Float[ArrayLike, ""] | None = None,
    existing_only: bool = False,
) -> Float[Array, ""]:
    r"""Return the cross-entropy of the class that spikes first.

    The probability of class c is the softmax of $-t_c/\tau$, and the loss is

    $$-\log \frac{e^{-t_l/\tau}}{\sum_c e^{-t_c/\tau}} + \alpha\, g(t_l / \tau_e)$$

    for the label l. It depends on differences of times except for the early term, which pulls the correct spike towards
    the start of the trial: $g(x) = x$, or $g(x) = e^x - 1$, which also bounds how late it may be.

    Source: Mostafa, IEEE Trans. Neural Netw. Learn. Syst. 29 (2018), arXiv:1606.08165; the exponential term in Göltz et
    al., Nature Machine Intelligence 3 (2021), arXiv:1912.11443, in EventProp, Wunderlich & Pehle, Scientific Reports 11
    (2021), and, with the trial duration as $\tau_e$, in Klos & Memmesheimer, arXiv:2309.14523.

    Args:
        times: First spike time of each class's neuron, finite unless `existing_only`.
        label: The correct class.
        tau: Time scale of differences, in the unit of `times`.
        early_weight: The factor $\alpha$ of the early term.
        early: "linear" or "exponential". The latter is soon too large for a number: choose a time scale about as long
            as the trial, since pseudospikes of strongly inhibited neurons come many trials later.
        early_tau: Its time scale $\tau_e$, by default `tau`.
        existing_only: Whether `inf` stands for a class without a spike, as in `ordinary_spike_times`: it has no
            probability, and a trial in which the label does not spike has the loss 0, without a gradient.

    Raises:
        ValueError: if `times` does not have exactly one axis, `label` is out of range, or a time scale is not positive.
            Inside `jit`, the last two are run-time errors.

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
    label = _label(label, len(times))
    if early not in ("linear", "exponential"):
        raise ValueError(f"early is {early!r}; choose 'linear' or 'exponential'")
    late = 1.0 if early_tau is None else tau / positive_number("early_tau", early_tau)
    if not existing_only:
        return _first_spike(times / tau, label, early_weight, early, late)
    exists = jnp.isfinite(times)
    finite = jnp.where(exists, times, 0.0) / tau
    return jnp.where(exists[label], _first_spike(finite, label, early_weight, early, late, exists), 0.0)


def _first_spike(
    times: Array, label: Array, weight: ArrayLike, early: str, late: ArrayLike, exists: Array | None = None
) -> Array:
    """The loss of times in units of tau, over the classes that exist."""
    scaled = times[label] * late
    extra = jnp.expm1(scaled) if early == "exponential" else scaled
    return -jax.nn.log_softmax(-times, where=exists)[label] + weight * extra


def cross_entropy(values: Float[Array, " classes"], label: Int[ArrayLike, ""]) -> Float[Array, ""]:
    r"""Return the cross-entropy of the softmax of voltages, such as `record.max_over_time()`.

    $$-\log \frac{e^{v_l}}{\sum_c e^{v_c}}$$

    for the label l. Voltages count in the units in which they are declared: where they are far below 1, scale them.

    Source: Cramer et al., IEEE TNNLS 33 (2022), arXiv:1910.07407, for the maximum over time; Wunderlich & Pehle,
    Scientific Reports 11 (2021), for its exact gradient; Nowotny, Turner & Knight, arXiv:2212.01232, for averages.

    Args:
        values: One number for each class.
        label: The correct class.

    Raises:
        ValueError: if `values` does not have exactly one axis, or `label` is out of range; inside `jit` the latter is a
            run-time error.

    Differentiation:
        Smooth.

    Example:
        >>> f"{cross_entropy(jnp.array([2.0, 0.0]), 0):.5f}"
        '0.12693'
    """
    values = jnp.asarray(values)
    if values.ndim != 1:
        raise ValueError(
            f"values have shape {values.shape}, but must have one number per class; use jax.vmap for a batch"
        )
    label = _label(label, len(values))
    return -jax.nn.log_softmax(values)[label]


def shift_invariant(
    times: Float[Array, " classes"], label: Int[ArrayLike, ""], *, gap: Float[ArrayLike, ""]
) -> Float[Array, ""]:
    r"""Ask that all other classes spike a gap later than the correct one, whenever that is.

    $$\tfrac12 \sum_{c \ne l} (t_c - t_l - \Delta)^2$$

    for the label l and the gap $\Delta$. A common shift of all times changes nothing.

    Source: Göltz et al., DelGrad, Nature Communications 16 (2025), arXiv:2404.19165.

    Args:
        times: First spike time of each class's neuron, finite.
        label: The correct class.
        gap: How much later the others should be.

    Raises:
        ValueError: if `times` does not have exactly one axis, `label` is out of range, or `gap` is not positive. Inside
            `jit`, the last two are run-time errors.

    Differentiation:
        Smooth.

    Example:
        >>> float(shift_invariant(jnp.array([1.0, 1.5, 2.0]), 0, gap=0.5))
        0.125
    """
    gap = positive_number("gap", gap)
    times = jnp.asarray(times)
    if times.ndim != 1:
        raise ValueError(f"times have shape {times.shape}, but must have one time per class; use jax.vmap for a batch")
    label = _label(label, len(times))
    others = jnp.arange(len(times)) != label
    return jnp.sum(others * (times - times[label] - gap) ** 2) / 2


def _label(label: Int[ArrayLike, ""], classes: int) -> Array:
    if jnp.ndim(label):
        raise ValueError(f"label has shape {jnp.shape(label)}, but a trial has one class; use jax.vmap for a batch.")
    return whole_in_range("label", label, classes, f"there are {classes} classes, 0 to {classes - 1}.")
