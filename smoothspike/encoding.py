"""Encodings of numbers as spike times, and noisy presentations of spikes."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._checks import first_entry, floating, known, require_positive
from ._ragged import flat_from_events, padded
from ._typing import ArrayLike, PRNGKeyArray
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


def encode_latency(intensities: ArrayLike, duration: float, threshold: float = 0.0) -> Spikes:
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


def encode_rate(rates: ArrayLike, duration: float, *, key: PRNGKeyArray) -> Spikes:
    """Draw spikes from a homogeneous Poisson process of each channel; the same key draws the same spikes.

    The number of spikes of a channel is Poisson with mean `rate * duration`, and their times are uniform. Nothing is
    rounded to time bins, so a channel may spike any number of times.

    Args:
        rates: Expected spikes per unit of time, in shape (..., channels).
        duration: The length of a trial; spikes come before it.
        key: Random key.

    Returns:
        Spikes in shape (..., capacity), sorted by time.

    Raises:
        ValueError: if a rate is negative or not finite, or inside jit, where the number of spikes is not known.

    Example:
        >>> first, again = (encode_rate([0.0, 50.0], 2.0, key=jax.random.key(0)) for _ in range(2))
        >>> first.counts(2)[0].item(), first.times.tolist() == again.times.tolist()
        (0, True)
    """
    require_positive("duration", duration)
    values = _known("rates", rates)
    is_wrong = ~(np.isfinite(values) & (values >= 0))
    if is_wrong.any():
        raise ValueError(f"{_place('rates', values, is_wrong)}, but rates must be finite and not negative")
    if values.ndim == 0:
        raise ValueError("rates is a single number, but must have an axis of channels, such as [rate]")
    *batch, channels = values.shape
    generator = _generator(key)
    counts = generator.poisson(values * duration).ravel()
    times = duration * generator.random(counts.sum())
    places = np.repeat(np.arange(counts.size), counts)
    trials, sources = places // max(channels, 1), places % max(channels, 1)
    return _batch(times, sources, trials, tuple(batch), floating("rates", values).dtype)


def encode_level_crossings(signal: ArrayLike, dt: float, step: float) -> Spikes:
    """Encode how signals change: a spike each time that one has risen or fallen by `step` since its last spike.

    Signals are taken as linear between samples, and spike times are where they reach a level: their first sample plus
    a multiple of `step`. The channel `2 * c` of signal `c` spikes when the next level above is reached, `2 * c + 1` at
    the next level below. A level that is reached again before any other causes no spike (hysteresis of one step), so
    noise smaller than `step` is silent. A sample that lies on a level has reached it. In sum, `step` times the
    difference of the numbers of both channels' spikes follows the signal with an error below `step`.

    Source: Miskowicz, "Send-on-delta concept: an event-based data reporting strategy", Sensors 6 (2006), 49-63; as in
    the pixels of event cameras, Lichtsteiner, Posch & Delbruck, IEEE J. Solid-State Circuits 43 (2008), 566-576.

    Args:
        signal: Samples in shape (..., samples, signals).
        dt: The time between samples; the first is at 0.
        step: The distance of levels, in units of the signal.

    Returns:
        Spikes in shape (..., capacity) from `2 * signals` sources, sorted by time.

    Raises:
        ValueError: if a sample is not finite, `dt` or `step` is not positive, or inside jit, where the number of spikes
            is not known.

    Example:
        >>> spikes = encode_level_crossings([[0.0], [1.0], [0.0], [-0.5]], dt=1.0, step=0.5)
        >>> spikes.times.tolist(), spikes.sources.tolist()
        ([0.5, 1.0, 1.5, 2.0, 3.0], [0, 0, 1, 1, 1])
    """
    require_positive("dt", dt)
    require_positive("step", step)
    values = _known("signal", signal)
    if not np.isfinite(values).all():
        raise ValueError(f"{_place('signal', values, ~np.isfinite(values))}, but samples must be finite")
    if values.ndim < 2:
        raise ValueError(f"signal has shape {values.shape}, but must have the shape (..., samples, signals)")
    *batch, samples, signals = values.shape
    # one row per signal, in steps from its first sample
    number = math.prod(batch)
    rows = np.moveaxis(values.reshape(number, samples, signals), 2, 1).reshape(number * signals, samples)
    heights = (rows - rows[:, :1]) / step
    row, place, rises = _crossings(heights)
    sources = 2 * (row % max(signals, 1)) + ~rises
    return _batch(dt * place, sources, row // max(signals, 1), tuple(batch), floating("signal", signal).dtype)


def _crossings(heights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return where linear signals reach whole numbers other than the last one: row, place in samples, direction."""
    before, after = heights[:, :-1], heights[:, 1:]
    rises = after > before
    first = np.where(rises, np.floor(before) + 1, np.ceil(before) - 1)
    last = np.where(rises, np.floor(after), np.ceil(after))
    number = np.maximum(np.where(rises, last - first, first - last) + 1, 0).astype(np.int64)
    number[after == before] = 0
    row, segment = np.repeat(np.argwhere(number), number[number > 0], axis=0).T
    within = np.arange(len(row)) - np.repeat(np.cumsum(number[number > 0]) - number[number > 0], number[number > 0])
    goes_up = rises[row, segment]
    level = first[row, segment] + np.where(goes_up, within, -within)
    # each signal starts on level 0
    is_first = np.concatenate([[True], row[1:] != row[:-1]]) if len(row) else np.zeros(0, bool)
    last_level = np.where(is_first, 0.0, np.roll(level, 1))
    is_new = level != last_level
    start, end = before[row, segment], after[row, segment]
    # exactly at the sample where a level is reached there
    place = np.where(level == end, segment + 1.0, segment + (level - start) / (end - start))
    return row[is_new], place[is_new], goes_up[is_new]


def _known(name: str, values: ArrayLike) -> np.ndarray:
    """Return real numbers in double precision."""
    numbers = known(values)
    if numbers is None:
        raise ValueError(f"{name} are traced, but how many spikes there are depends on them; encode outside jit")
    return np.asarray(floating(name, numbers) if numbers.dtype.kind not in "fiub" else numbers, np.float64)


def _place(name: str, values: np.ndarray, is_wrong: np.ndarray) -> str:
    return first_entry(name, values, is_wrong) if values.ndim else f"{name} is {values}"


def _generator(key: PRNGKeyArray) -> np.random.Generator:
    """Return a NumPy generator that draws the same for the same key."""
    is_typed = jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    return np.random.default_rng(np.asarray(jax.random.key_data(key) if is_typed else key).ravel().tolist())


def _batch(times: np.ndarray, sources: np.ndarray, trials: np.ndarray, batch: tuple[int, ...], dtype: Any) -> Spikes:
    """Pad the spikes of a batch of any shape."""
    flat = flat_from_events(times.astype(dtype), sources, trials, math.prod(batch), 1.0)
    padded_times, padded_sources = padded(flat)
    shape = (*batch, padded_times.shape[-1])
    return Spikes(padded_times.reshape(shape), padded_sources.reshape(shape))
