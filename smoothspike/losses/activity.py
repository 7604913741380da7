"""Losses of how often neurons spike: of numbers of spikes, rates and silence."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Int

from .._checks import positive_number, whole_in_range
from .._tracing import revealed
from ..networks import Recording


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


def rate_regulariser(
    record: Recording,
    *,
    low: Float[ArrayLike, ""] | None = None,
    high: Float[ArrayLike, ""] | None = None,
    layer: int | None = None,
) -> Float[Array, ""]:
    r"""Penalise neurons that spike less often than `low`, or more often than `high`, in a trial.

    $$\tfrac12 \max(n_{low} - n, 0)^2 + \tfrac12 \max(n - n_{high}, 0)^2,$$

    averaged over the neurons of a layer. The number n of spikes counts the spike to come in part: the ordinary spikes,
    and the pseudo-rate, which says how far the neuron has come to the next one at the trial end. It is continuous: as a
    spike leaves the trial through its end, the pseudo-rate becomes 1. So the gradient is exact, and that of a silent
    neuron does not vanish. With `low` equal to `high` all are drawn to one number.

    Source: bounds on spike counts as in Zenke & Vogels, Neural Computation 33 (2021), and one number for all as in
    Nowotny, Turner & Knight, arXiv:2212.01232, there with approximate gradients; pseudo-rates of Klos & Memmesheimer,
    arXiv:2309.14523.

    Args:
        record: One trial, or a batch over which the mean is taken.
        low: The least number of spikes; None for no bound.
        high: The largest number of spikes; None for no bound.
        layer: A layer; by default the sum over all layers that spike.

    Raises:
        ValueError: if neither bound is given, or the layer is a readout.

    Differentiation:
        Continuous, with kinks where a spike crosses the trial end.

    Example:
        >>> import smoothspike as ss
        >>> net = ss.FeedForward(ss.Neuron(ss.models.qif()), sizes=(1, 2), duration=2.0, weights=[[[9.0], [0.0]]])
        >>> record = net(ss.Spikes([0.5], [0]))
        >>> bool(rate_regulariser(record, low=1.0) > 0), float(rate_regulariser(record, high=3.0))
        (True, 0.0)
    """
    if low is None and high is None:
        raise ValueError("rate_regulariser: pass low, high, or both")
    total = jnp.zeros(())
    for each in _spiking_layers(record, layer):
        number = record.expected_counts(each)
        missing = jnp.zeros(()) if low is None else jax.nn.relu(low - number)
        surplus = jnp.zeros(()) if high is None else jax.nn.relu(number - high)
        total = total + jnp.mean(missing**2 + surplus**2) / 2
    return total


def silence_regulariser(
    record: Recording, *, margin: Float[ArrayLike, ""] = 0.0, layer: int | None = None
) -> Float[Array, ""]:
    r"""Penalise neurons that do not spike in a trial, by how late their first spike, a pseudospike then, comes.

    $$\tfrac12 \max(t_1 - (T - m), 0)^2,$$

    averaged over the neurons of a layer: 0 for those that spike before the trial end T by the margin m.

    Source: in place of raising the weights of silent neurons by hand, as in Göltz et al., Nature Machine Intelligence 3
    (2021), arXiv:1912.11443; pseudospikes of Klos & Memmesheimer, arXiv:2309.14523.

    Args:
        record: One trial, or a batch over which the mean is taken.
        margin: How long before the trial end a neuron must have spiked; less than the trial.
        layer: A layer; by default the sum over all layers that spike.

    Raises:
        ValueError: if the margin is negative or not less than the trial, or the layer is a readout.

    Differentiation:
        Continuously differentiable in spike times.

    Example:
        >>> import smoothspike as ss
        >>> net = ss.FeedForward(ss.Neuron(ss.models.qif()), sizes=(1, 2), duration=2.0, weights=[[[9.0], [0.0]]])
        >>> record = net(ss.Spikes([0.5], [0]))
        >>> first = record.first_spike_times()
        >>> bool(jnp.isclose(silence_regulariser(record), jnp.maximum(first - 2.0, 0.0) @ (first - 2.0) / 4))
        True
    """
    margin = _checked_margin(margin, jnp.asarray(record.duration))
    total = jnp.zeros(())
    for each in _spiking_layers(record, layer):
        late = jax.nn.relu(record.first_spike_times(each) - (record.duration - margin))
        total = total + jnp.mean(late**2) / 2
    return total


def _spiking_layers(record: Recording, layer: int | None) -> list[int]:
    if layer is not None:
        return [layer]
    return [number for number, each in enumerate(record.layers) if not each.is_readout]


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
