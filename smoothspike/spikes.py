"""`Spikes`: spike times and their sources, with padding."""

from collections.abc import Sequence
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int

from ._checks import first_entry, floating, known
from ._describe import described_spikes
from ._ragged import in_order
from ._spike_checks import as_sources, check_distinct, check_shapes, check_values, count_distinct
from ._spike_constructors import from_events, from_raster, from_trials
from ._typing import ArrayLike


@final
class Spikes(eqx.Module):
    """The spikes of one trial or of a batch of trials: times, and the neuron or channel that each comes from.

    The last axis holds the events in any order. Entries with time `inf` are padding; their source is ignored. The
    length of that axis, padding included, is the `capacity`.

    Args:
        times: Spike times, at or after time 0. Integers and half precision become JAX's default floating-point type.
        sources: The neuron or input channel of each spike, counted from 0.
        distinct_times: How many different spike times a trial has at most, if each trial is ascending and this is
            known; see `grouped`.

    Raises:
        ValueError: if the shapes differ, a time is negative or NaN, or a source is negative, not an integer or above
            2**31 - 1. Under tracing, only shapes are checked.

    Example:
        >>> spikes = Spikes(times=[0.5, 0.25, jnp.inf], sources=[0, 3, 0])
        >>> spikes.capacity, int(spikes.num_events)
        (3, 2)
        >>> spikes.sorted().sources.tolist()
        [3, 0, 0]
    """

    times: Float[Array, "*batch events"]
    sources: Int[Array, "*batch events"]
    distinct_times: int | None = eqx.field(static=True)

    def __init__(self, times: ArrayLike, sources: ArrayLike, *, distinct_times: int | None = None) -> None:
        self.times = floating("times", times)
        self.sources = as_sources(sources, self.times)
        self.distinct_times = distinct_times
        check_shapes(self.times, self.sources)
        check_values(self.times, self.sources)
        if distinct_times is not None:
            check_distinct(self.times, distinct_times)

    @classmethod
    def from_trains(cls, trains: Sequence[ArrayLike]) -> "Spikes":
        """Make one trial from a spike train per source, sorted by time.

        Args:
            trains: The spike times of source 0, of source 1, and so on; an empty list for a silent source.

        Example:
            >>> Spikes.from_trains([[0.5, 1.5], [], [1.0]]).sources.tolist()
            [0, 2, 0]
        """
        times = [floating(f"trains[{index}]", train).ravel() for index, train in enumerate(trains)]
        sources = np.repeat(np.arange(len(times), dtype=np.int32), [train.size for train in times])
        # an empty list has no floating-point type, and must not determine that of the others
        filled = [train for train in times if train.size > 0]
        if not filled:
            return cls.empty(0)
        # in NumPy where possible: JAX would compile for every combination of lengths
        concatenate = jnp.concatenate if any(known(train) is None for train in filled) else np.concatenate
        return cls(concatenate(filled), sources).sorted()

    from_trials = classmethod(from_trials)
    from_events = classmethod(from_events)
    from_raster = classmethod(from_raster)

    @classmethod
    def empty(cls, capacity: int) -> "Spikes":
        """Make a trial without spikes, of the given capacity.

        Example:
            >>> int(Spikes.empty(4).num_events)
            0
        """
        return cls(jnp.full(capacity, jnp.inf), jnp.zeros(capacity, jnp.int32))

    @classmethod
    def stack(cls, spikes: Sequence["Spikes"]) -> "Spikes":
        """Stack trials of any capacities along a new first axis.

        Raises:
            ValueError: if there are no trials, or if their batch axes differ.

        Example:
            >>> Spikes.stack([Spikes([0.5], [1]), Spikes([0.5, 1.0], [0, 1])]).times.shape
            (2, 2)
        """
        if not spikes:
            raise ValueError("Spikes.stack needs at least one trial, but the list is empty.")
        batches = {part.times.shape[:-1] for part in spikes}
        if len(batches) > 1:
            raise ValueError(f"Spikes.stack needs trials with equal batch axes, but they are {sorted(batches)}.")
        capacity = max(part.capacity for part in spikes)
        widened = [part.padded(capacity) for part in spikes]
        # in NumPy where possible: JAX would compile for every number of trials
        is_known = not any(_is_traced(part) for part in widened)
        stack = np.stack if is_known else jnp.stack
        return cls(stack([part.times for part in widened]), stack([part.sources for part in widened]))

    @property
    def capacity(self) -> int:
        """The number of spikes that fit in each trial: the static length of the last axis."""
        return self.times.shape[-1]

    @property
    def is_spike(self) -> Bool[Array, "*batch events"]:
        """Which entries are spikes rather than padding."""
        return jnp.isfinite(self.times)

    @property
    def num_events(self) -> Int[Array, "*batch"]:
        """The number of spikes in each trial, without padding."""
        return jnp.sum(self.is_spike, axis=-1)

    def __repr__(self) -> str:
        return described_spikes(self)

    def __getitem__(self, index: Any) -> "Spikes":
        """Select trials along the batch axes, with an integer, a slice or an array.

        Raises:
            IndexError: if there is no batch axis, or if an index is out of range; inside jit, only an integer.

        Example:
            >>> batch = Spikes.stack([Spikes([0.5], [1]), Spikes([0.25], [0])])
            >>> batch[1].times.tolist()
            [0.25]
        """
        if self.times.ndim == 1:
            raise IndexError("a single trial has no batch axis; index its times and sources instead")
        if isinstance(index, int) and not -len(self.times) <= index < len(self.times):
            raise IndexError(f"trial {index} does not exist: the batch has {len(self.times)} trials")
        if _is_traced(self) or isinstance(index, Tracer):
            times, sources = self.times[index], self.sources[index]
        else:  # in NumPy, which refuses what is out of range
            times, sources = np.asarray(self.times)[index], np.asarray(self.sources)[index]
        return Spikes(times, sources, distinct_times=self.distinct_times)

    def grouped(self) -> "Spikes":
        """Sort each trial by time, and count its different spike times; not available inside `jit`.

        Where inputs arrive together, such as the pixels of an image with few grey levels, a network then takes them for
        one event with the sum of their weights, which saves time. It does so by itself for spikes whose values it
        knows; a `Dataset` groups its spikes when it is made. Their times are then constants: to differentiate with
        respect to them, use `Spikes(spikes.times, spikes.sources)`.

        Example:
            >>> Spikes([1.0, 0.5, 1.0, jnp.inf], [0, 1, 2, 0]).grouped().distinct_times
            2
        """
        if self.distinct_times is not None:
            return self
        times, sources = in_order(_host(self.times, "grouped"), _host(self.sources, "grouped"))
        return Spikes(times, sources, distinct_times=int(np.max(count_distinct(times), initial=0)))

    def sorted(self) -> "Spikes":
        """Sort each trial by time; padding comes last, and simultaneous spikes keep their order.

        Example:
            >>> Spikes([2.0, jnp.inf, 1.0], [0, 0, 1]).sorted().times.tolist()
            [1.0, 2.0, inf]
        """
        if self.distinct_times is not None:
            return self
        if _is_traced(self):
            order = jnp.argsort(self.times, axis=-1, stable=True)
            return Spikes(*(jnp.take_along_axis(each, order, axis=-1) for each in (self.times, self.sources)))
        # known spikes on the host: not again in every program that they are a part of
        times, sources = np.asarray(self.times), np.asarray(self.sources)
        ordered = in_order(times, sources)
        return self if ordered[0] is times else Spikes(*ordered)

    def before(self, end: float | Float[Array, ""]) -> "Spikes":
        """Sort each trial by time, and replace spikes at or after an end by padding.

        Example:
            >>> Spikes([2.0, 0.5, 1.0], [0, 0, 1]).before(2.0).times.tolist()
            [0.5, 1.0, inf]
        """
        ordered = self.sorted()
        times = jnp.where(ordered.times < end, ordered.times, jnp.inf)
        return Spikes(times, ordered.sources, distinct_times=self.distinct_times)

    def padded(self, capacity: int) -> "Spikes":
        """Increase the capacity with padding.

        Raises:
            ValueError: if it is less than the present capacity. `trimmed` removes padding.

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
        # JAX would compile for every width
        pad = jnp.pad if _is_traced(self) else np.pad
        times = pad(self.times, widths, constant_values=np.inf)
        return Spikes(times, pad(self.sources, widths), distinct_times=self.distinct_times)

    def trimmed(self) -> "Spikes":
        """Sort each trial by time and reduce the capacity to the largest number of spikes; not available inside `jit`.

        Example:
            >>> Spikes([jnp.inf, 0.5, jnp.inf], [0, 1, 0]).trimmed().times.tolist()
            [0.5]
        """
        longest = int(np.max(np.isfinite(_host(self.times, "trimmed")).sum(-1), initial=0))
        ordered = self.sorted()
        times, sources = (_host(each, "trimmed")[..., :longest] for each in (ordered.times, ordered.sources))
        return Spikes(times, sources, distinct_times=self.distinct_times)

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
        """Split one trial into the ascending spike times of each of `size` sources; not available inside `jit`.

        Raises:
            ValueError: for a batch of trials, or if a source is `size` or more.

        Example:
            >>> [train.tolist() for train in Spikes([1.5, 0.5, 1.0], [0, 0, 2]).to_trains(3)]
            [[0.5, 1.5], [], [1.0]]
        """
        if self.times.ndim != 1:
            raise ValueError(
                f"to_trains takes one trial, but this is a batch of shape {self.times.shape}; use spikes[i]."
            )
        self.check_sources(size)
        times, sources = _host(self.times, "to_trains"), _host(self.sources, "to_trains")
        is_spike = np.isfinite(times)
        return [np.sort(times[is_spike & (sources == source)]) for source in range(size)]

    def check_sources(self, size: int) -> None:
        """Check that all sources are less than `size`.

        Raises:
            ValueError: naming the first spike of another source. Under tracing, nothing is checked.

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


def _is_traced(spikes: Spikes) -> bool:
    return known(spikes.times) is None or known(spikes.sources) is None


def _host(array: Array, method: str) -> np.ndarray:
    """Return the values of an array; raise an error under tracing."""
    values = known(array)
    if values is None:
        raise ValueError(f"Spikes.{method} depends on the values of the spikes; call it outside jit, vmap and grad.")
    return values
