"""Spikes as two arrays, and the encoding of numbers in spike times."""

from collections.abc import Sequence
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from ._checks import first_entry, floating, known, require_positive
from ._describe import described_spikes


@final
class Spikes(eqx.Module):
    """Which source spiked when, in one trial or in a batch of trials.

    The last axis holds the events in any order. An entry whose time is `inf` is no spike but padding, and its
    source means nothing. The number of entries along that axis, spikes and padding, is the `capacity`.

    Args:
        times: When the spikes come, at or after the trial's begin at time 0. Integers and numbers of less than 32 bits
            become floating-point numbers of JAX's default precision; a network brings all to its own.
        sources: Which neuron or input channel each spike comes from, counted from 0.

    Raises:
        ValueError: if the shapes differ, if a time is negative or NaN, or if the source of a spike is negative, no
            integer or above 2**31 - 1. While JAX traces, the values are not known and only the shapes are checked.

    Example:
        >>> spikes = Spikes(times=[0.5, 0.25, jnp.inf], sources=[0, 3, 0])
        >>> spikes.capacity, int(spikes.num_events)
        (3, 2)
        >>> spikes.sorted().sources.tolist()
        [3, 0, 0]
    """

    times: Float[Array, "*batch events"]
    sources: Int[Array, "*batch events"]

    def __init__(self, times: npt.ArrayLike, sources: npt.ArrayLike) -> None:
        self.times = floating("times", times)
        self.sources = _as_sources(sources, self.times)
        _check_shapes(self.times, self.sources)
        _check_values(self.times, self.sources)

    @classmethod
    def from_trains(cls, trains: Sequence[npt.ArrayLike]) -> "Spikes":
        """Collect one trial from a spike train per source, sorted by time.

        Args:
            trains: The spike times of source 0, of source 1, and so on; an empty list for a silent source.

        Example:
            >>> Spikes.from_trains([[0.5, 1.5], [], [1.0]]).sources.tolist()
            [0, 2, 0]
        """
        times = [floating(f"trains[{index}]", train).ravel() for index, train in enumerate(trains)]
        sources = np.repeat(np.arange(len(times)), [train.size for train in times])
        # Empty lists have no floating-point type of their own and must not decide on that of the others.
        filled = [train for train in times if train.size > 0]
        return cls(jnp.concatenate(filled), sources).sorted() if filled else cls.empty(0)

    @classmethod
    def empty(cls, capacity: int) -> "Spikes":
        """Make a trial without spikes that has room for `capacity` of them.

        Example:
            >>> int(Spikes.empty(4).num_events)
            0
        """
        return cls(jnp.full(capacity, jnp.inf), jnp.zeros(capacity, jnp.int32))

    @classmethod
    def stack(cls, spikes: Sequence["Spikes"]) -> "Spikes":
        """Join trials of any capacities to a batch, along a new first axis.

        Raises:
            ValueError: if there is nothing to join, or if the batch axes of the parts differ.

        Example:
            >>> Spikes.stack([Spikes([0.5], [1]), Spikes([0.5, 1.0], [0, 1])]).times.shape
            (2, 2)
        """
        if not spikes:
            raise ValueError("Spikes.stack was given an empty list; it needs at least one trial.")
        batches = {part.times.shape[:-1] for part in spikes}
        if len(batches) > 1:
            raise ValueError(f"Spikes.stack needs parts with equal batch axes, but they are {sorted(batches)}.")
        capacity = max(part.capacity for part in spikes)
        padded = [part.padded(capacity) for part in spikes]
        return cls(jnp.stack([part.times for part in padded]), jnp.stack([part.sources for part in padded]))

    @property
    def capacity(self) -> int:
        """How many spikes each trial has room for: the static length of the last axis."""
        return self.times.shape[-1]

    @property
    def is_spike(self) -> Bool[Array, "*batch events"]:
        """Where there is a spike rather than padding, in the shape of `times`."""
        return jnp.isfinite(self.times)

    @property
    def num_events(self) -> Int[Array, "*batch"]:
        """How many spikes each trial holds, padding not counted."""
        return jnp.sum(self.is_spike, axis=-1)

    def __repr__(self) -> str:
        return described_spikes(self)

    def __getitem__(self, index: Any) -> "Spikes":
        """Select trials along the batch axes, with an integer, a slice or an array.

        Raises:
            IndexError: if there is no batch axis, or if an integer is out of range.

        Example:
            >>> batch = Spikes.stack([Spikes([0.5], [1]), Spikes([0.25], [0])])
            >>> batch[1].times.tolist()
            [0.25]
        """
        if self.times.ndim == 1:
            raise IndexError("This is a single trial without a batch axis; index its times and sources instead.")
        if isinstance(index, int) and not -len(self.times) <= index < len(self.times):
            raise IndexError(f"Trial {index} was asked for, but the batch holds {len(self.times)}.")
        return Spikes(self.times[index], self.sources[index])

    def sorted(self) -> "Spikes":
        """Order each trial by time; padding comes last, and simultaneous spikes keep their order.

        Differentiation:
            Each time's derivative moves with it.

        Example:
            >>> Spikes([2.0, jnp.inf, 1.0], [0, 0, 1]).sorted().times.tolist()
            [1.0, 2.0, inf]
        """
        order = jnp.argsort(self.times, axis=-1, stable=True)
        return Spikes(*(jnp.take_along_axis(each, order, axis=-1) for each in (self.times, self.sources)))

    def before(self, end: float | Float[Array, ""]) -> "Spikes":
        """Sort each trial by time, and make padding of the spikes that come at or after an end.

        Example:
            >>> Spikes([2.0, 0.5, 1.0], [0, 0, 1]).before(2.0).times.tolist()
            [0.5, 1.0, inf]
        """
        ordered = self.sorted()
        return Spikes(jnp.where(ordered.times < end, ordered.times, jnp.inf), ordered.sources)

    def padded(self, capacity: int) -> "Spikes":
        """Make room for `capacity` spikes in each trial.

        Raises:
            ValueError: if that is less than the present capacity. `trimmed` removes padding.

        Example:
            >>> Spikes([0.5], [1]).padded(3).times.tolist()
            [0.5, inf, inf]
        """
        missing = capacity - self.capacity
        if missing < 0:
            raise ValueError(
                f"{self.capacity} events do not fit in a capacity of {capacity}; trimmed() removes padding."
            )
        widths = [(0, 0)] * (self.times.ndim - 1) + [(0, missing)]
        return Spikes(jnp.pad(self.times, widths, constant_values=jnp.inf), jnp.pad(self.sources, widths))

    def trimmed(self) -> "Spikes":
        """Sort each trial by time and remove the padding that no trial needs; not for use inside `jit`.

        Example:
            >>> Spikes([jnp.inf, 0.5, jnp.inf], [0, 1, 0]).trimmed().times.tolist()
            [0.5]
        """
        longest = int(np.max(_host(self.num_events, "trimmed"), initial=0))
        ordered = self.sorted()
        return Spikes(ordered.times[..., :longest], ordered.sources[..., :longest])

    def counts(self, size: int) -> Int[Array, "*batch size"]:
        """Count the spikes of each of `size` sources.

        Raises:
            ValueError: if a source is known to be `size` or more.

        Example:
            >>> Spikes([0.5, 1.5, jnp.inf], [2, 2, 0]).counts(3).tolist()
            [0, 0, 2]
        """
        self.check_sources(size)

        def count(is_spike: Bool[Array, " events"], sources: Int[Array, " events"]) -> Int[Array, " size"]:
            return jnp.zeros(size, jnp.int32).at[sources].add(is_spike.astype(jnp.int32), mode="drop")

        return jnp.vectorize(count, signature="(events),(events)->(size)")(self.is_spike, self.sources)

    def to_trains(self, size: int) -> list[np.ndarray]:
        """Split one trial into the ascending spike times of each of `size` sources; not for use inside `jit`.

        Raises:
            ValueError: for a batch of trials, or if a source is `size` or more.

        Example:
            >>> [train.tolist() for train in Spikes([1.5, 0.5, 1.0], [0, 0, 2]).to_trains(3)]
            [[0.5, 1.5], [], [1.0]]
        """
        if self.times.ndim != 1:
            raise ValueError(f"to_trains splits one trial, but this batch has shape {self.times.shape}; use spikes[i].")
        self.check_sources(size)
        times, sources = _host(self.times, "to_trains"), _host(self.sources, "to_trains")
        is_spike = np.isfinite(times)
        return [np.sort(times[is_spike & (sources == source)]) for source in range(size)]

    def check_sources(self, size: int) -> None:
        """Raise an error if a spike is known to come from a source other than 0 to `size - 1`.

        Raises:
            ValueError: naming the first such spike. While JAX traces, nothing is known and nothing is raised.

        Example:
            >>> Spikes([0.5], [3]).check_sources(2)
            Traceback (most recent call last):
                ...
            ValueError: sources[0] is 3, but there are only 2 sources, 0 to 1.
        """
        times, sources = known(self.times), known(self.sources)
        if times is None or sources is None:
            return
        is_beyond = np.isfinite(times) & (sources >= size)
        if is_beyond.any():
            entry = first_entry("sources", sources, is_beyond)
            raise ValueError(f"{entry}, but there are only {size} sources, 0 to {size - 1}.")


def jittered(spikes: Spikes, key: PRNGKeyArray, *, scale: float, dropout: float = 0.0) -> Spikes:
    """Move every spike by Gaussian noise and drop some: another noisy presentation of the same input.

    Args:
        spikes: One trial or a batch.
        key: Draws the noise.
        scale: Standard deviation of the noise; a spike that it would move before time 0 is reflected there.
        dropout: The share of spikes to drop, at random.

    Example:
        >>> import jax
        >>> jittered(Spikes([0.5, jnp.inf], [1, 0]), jax.random.key(0), scale=0.1).sources.tolist()
        [1, 0]
    """
    noise_key, drop_key = jax.random.split(key)
    moved = jnp.abs(spikes.times + scale * jax.random.normal(noise_key, spikes.times.shape, spikes.times.dtype))
    return Spikes(jnp.where(jax.random.uniform(drop_key, moved.shape) < dropout, jnp.inf, moved), spikes.sources)


def encode_latency(intensities: npt.ArrayLike, duration: float, threshold: float = 0.0) -> Spikes:
    """Encode intensities in spike times: the larger, the earlier.

    Channel c spikes once, at `duration * (1 - intensities[c])`, or not at all where its intensity is not above
    the threshold.

    Args:
        intensities: Numbers up to 1; the last axis are the channels.
        duration: The time at which an intensity of 0 would spike.
        threshold: Intensities up to this one make no spike.

    Raises:
        ValueError: if an intensity is known to be above 1 or NaN, or if the duration is not positive.

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
        raise ValueError(f"{entry}, but intensities are numbers up to 1; divide them by their largest value.")
    array = floating("intensities", intensities)
    times = jnp.where(array > threshold, duration * (1 - array), jnp.inf)
    return Spikes(times, jnp.broadcast_to(jnp.arange(times.shape[-1], dtype=jnp.int32), times.shape))


def _as_sources(sources: npt.ArrayLike, times: Array) -> Int[Array, "*shape"]:
    """Convert to 32-bit integers; an empty list, which has no type of its own, is allowed.

    Raises:
        ValueError: if they are no integers, or the source of a spike is known to be one that 32 bits do not hold.
    """
    numbers, time_values = known(sources), known(times)
    dtype = sources.dtype if numbers is None else numbers.dtype  # pyright: ignore[reportAttributeAccessIssue]
    if np.size(sources) and not jnp.issubdtype(dtype, jnp.integer):
        raise ValueError(f"sources are of type {dtype}, but have to be integers that number neurons or channels.")
    if numbers is None:
        return jnp.asarray(sources).astype(jnp.int32)
    limits = np.iinfo(np.int32)
    is_beyond = np.asarray((numbers < limits.min) | (numbers > limits.max))
    if time_values is not None and time_values.shape == numbers.shape:
        # the source of padding means nothing
        numbers, is_beyond = (
            np.where(is_beyond & ~np.isfinite(time_values), 0, numbers),
            is_beyond & np.isfinite(time_values),
        )
    if is_beyond.any():
        entry = first_entry("sources", numbers, is_beyond) if numbers.ndim else f"sources is {numbers}"
        raise ValueError(f"{entry}, but sources are counted from 0 up to {limits.max}: number them anew.")
    return jnp.asarray(numbers.astype(np.int32))


def _check_shapes(times: Array, sources: Array) -> None:
    if times.shape != sources.shape:
        raise ValueError(
            f"times have shape {times.shape} and sources {sources.shape}, but each time needs its source: "
            "give both the same shape, for example with jnp.broadcast_to(sources, times.shape)."
        )
    if times.ndim == 0:
        raise ValueError("times and sources are single numbers; give arrays with one entry per event, such as [0.5].")


def _check_values(times: Array, sources: Array) -> None:
    time_values, source_values = known(times), known(sources)
    if time_values is None:
        return
    is_wrong = ~(time_values >= 0)
    if is_wrong.any():
        entry = first_entry("times", time_values, is_wrong)
        raise ValueError(f"{entry}, but spikes come at or after time 0; inf marks an entry that holds no spike.")
    if source_values is None:
        return
    is_wrong = np.isfinite(time_values) & (source_values < 0)
    if is_wrong.any():
        entry = first_entry("sources", source_values, is_wrong)
        raise ValueError(f"{entry}, but sources are counted from 0; padding is marked by the time inf.")


def _host(array: Array, method: str) -> np.ndarray:
    """Return the values of an array, or refuse while JAX traces it."""
    values = known(array)
    if values is None:
        raise ValueError(f"Spikes.{method} depends on the values of the spikes; call it outside jit, vmap and grad.")
    return values
