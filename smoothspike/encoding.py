"""Encodings of numbers as spike times, and noisy presentations of spikes."""

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jaxtyping import PRNGKeyArray

from ._checks import first_entry, floating, known, require_positive
from .spikes import Spikes


def jittered(spikes: Spikes, key: PRNGKeyArray, *, scale: float, dropout: float = 0.0) -> Spikes:
    """Return a noisy presentation of the same input: spike times with Gaussian noise, some spikes dropped.

    Args:
        spikes: One trial or a batch.
        key: Random key.
        scale: Standard deviation of the noise. Negative times are reflected at 0.
        dropout: The probability that a spike is dropped.

    Example:
        >>> jittered(Spikes([0.5, jnp.inf], [1, 0]), jax.random.key(0), scale=0.1).sources.tolist()
        [1, 0]
    """
    noise_key, drop_key = jax.random.split(key)
    moved = jnp.abs(spikes.times + scale * jax.random.normal(noise_key, spikes.times.shape, spikes.times.dtype))
    return Spikes(jnp.where(jax.random.uniform(drop_key, moved.shape) < dropout, jnp.inf, moved), spikes.sources)


def encode_latency(intensities: npt.ArrayLike, duration: float, threshold: float = 0.0) -> Spikes:
    """Encode intensities as spike times: the larger, the earlier.

    Channel c spikes once, at `duration * (1 - intensities[c])`, if its intensity is above the threshold.

    Args:
        intensities: Numbers up to 1; the last axis is the channels.
        duration: The spike time of intensity 0.
        threshold: Intensities up to this value cause no spike.

    Raises:
        ValueError: if an intensity is above 1 or NaN, or the duration is not positive.

    Differentiation:
        Spike times have the derivative `-duration`; padding has the derivative 0.

    Example:
        >>> encode_latency(jnp.array([1.0, 0.75, 0.0]), duration=2.0).times.tolist()
        [0.0, 0.5, inf]
    """
    require_positive("duration", duration)
    values = known(intensities)
    if values is not None and not np.all(values <= 1):
        entry = first_entry("intensities", values, ~(values <= 1))
        raise ValueError(f"{entry}, but intensities must be at most 1; divide them by the largest.")
    array = floating("intensities", intensities)
    times = jnp.where(array > threshold, duration * (1 - array), jnp.inf)
    return Spikes(times, jnp.broadcast_to(jnp.arange(times.shape[-1], dtype=jnp.int32), times.shape))
