"""HDF5 files in the layout of the Heidelberg spiking data sets, and the choice of their spikes."""

from pathlib import Path

import numpy as np
from jaxtyping import Int

from .._ragged import Flat, flat_from_trials, padded
from .._time_units import time_factor
from ..spikes import Spikes
from .abstract import as_count
from .dataset import Dataset
from .files import is_packed, reading
from .hdf5 import open_hdf5
from .streamed import StreamedDataset

SOURCE = "https://zenkelab.org/datasets/"
Window = tuple[float, float]
_CHANNELS = 700
_AT_ONCE = 512


class Choice:
    """What is taken of a file.

    Raises:
        ValueError: if an argument is out of range.
    """

    __slots__ = ("factor", "group", "max_events", "window")

    def __init__(self, to: str, group: int, window: Window | None, max_events: int | None) -> None:
        self.factor = time_factor("s", to)
        self.group = as_count("group", group)
        self.max_events = None if max_events is None else as_count("max_events", max_events)
        if window is not None and not 0 <= window[0] < window[1]:
            raise ValueError(f"window is {window!r}, but must be a first and a later last time, at least 0")
        self.window = window


class SpokenFile:
    """An HDF5 file in the layout of both data sets: labels, and a list of times and one of channels for each trial."""

    def __init__(self, path: Path, num_classes: int, choice: Choice) -> None:
        self.path, self.num_classes, self.choice = path, num_classes, choice
        file = open_hdf5(path, ("spikes/times", "spikes/units"), SOURCE)
        with reading(path, "file of spikes", SOURCE):
            self.times, self.units = file["spikes/times"], file["spikes/units"]
            self.labels, self.file = file["labels"][:], file
            sizes = {len(self.times), len(self.units), len(self.labels)}
            if len(sizes) > 1 or self.labels.ndim != 1 or self.labels.dtype.kind not in "iu":
                raise ValueError("its numbers of times, units and labels differ")
            if (self.labels >= num_classes).any():
                raise ValueError(f"label {self.labels.max()} is none of {num_classes} classes")

    def column(self, name: str) -> np.ndarray:
        """Return a number for each trial."""
        with reading(self.path, "file of spikes", SOURCE):
            column = self.file[name][:]
            if column.shape != self.labels.shape:
                raise ValueError(f"{name} has shape {column.shape} for {len(self.labels)} trials")
            return column

    def dataset(self, numbers: np.ndarray | None, buckets: int, stream: bool) -> Dataset | StreamedDataset:
        """Return the trials with these numbers, or all."""
        numbers = np.arange(len(self.labels)) if numbers is None else numbers
        classes, sources = self.num_classes, -(-_CHANNELS // self.choice.group)
        if stream:
            if is_packed(self.path):
                raise ValueError(f"{self.path} is compressed, and cannot be streamed: unpack it, as with gunzip -k")
            return StreamedDataset(
                lambda chosen: self.trials(numbers[chosen]),
                self.labels[numbers],
                num_classes=classes,
                num_sources=sources,
                buckets=buckets,
            )
        parts = [self.flat(numbers[start : start + _AT_ONCE]) for start in range(0, len(numbers), _AT_ONCE)]
        starts = np.concatenate([[0], *(part.lengths for part in parts)]).cumsum()
        # of floating point even where there are no trials
        times = np.concatenate([np.zeros(0, np.float32), *(part.times for part in parts)])
        whole = Flat(times, np.concatenate([np.zeros(0, np.int32), *(part.sources for part in parts)]), starts)
        return Dataset(
            Spikes(*padded(whole)),
            self.labels[numbers].astype(np.int32),
            num_classes=classes,
            num_sources=sources,
            buckets=buckets,
        )

    def trials(self, numbers: Int[np.ndarray, " trials"]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the times and sources of each trial."""
        flat = self.flat(numbers)
        return list(zip(*(np.split(each, flat.starts[1:-1]) for each in (flat.times, flat.sources)), strict=True))

    def flat(self, numbers: Int[np.ndarray, " trials"]) -> Flat:
        """Read trials, and choose their spikes."""
        distinct, places = np.unique(numbers, return_inverse=True)
        with reading(self.path, "file of spikes", SOURCE):
            times, units = self.times[distinct], self.units[distinct]
            given = [(times[place], units[place]) for place in places]
            flat = flat_from_trials(given, self.choice.factor, lambda place: f"trial {numbers[place]}")
            if (flat.sources >= _CHANNELS).any():
                raise ValueError(f"unit {flat.sources.max()} is none of {_CHANNELS} channels")
        return self._chosen(flat)

    def _chosen(self, flat: Flat) -> Flat:
        """Choose spikes in the window, at most so many, and group their channels."""
        window, most_events = self.choice.window, self.choice.max_events
        times, sources = flat.times, flat.sources // self.choice.group
        trial = np.repeat(np.arange(len(flat.lengths)), flat.lengths)
        if window is not None:
            is_inside = (times >= window[0]) & (times < window[1])
            times = times[is_inside] - times.dtype.type(window[0])
            sources, trial = sources[is_inside], trial[is_inside]
        lengths = np.bincount(trial, minlength=len(flat.lengths))
        if most_events is not None and (lengths > most_events).any():
            rank = np.arange(len(trial)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
            most = np.minimum(lengths, most_events)[trial]
            # of n spikes, as many as steps that rank * most / n crosses
            is_kept = (rank + 1) * most // lengths[trial] > rank * most // lengths[trial]
            times, sources, trial = times[is_kept], sources[is_kept], trial[is_kept]
            lengths = np.bincount(trial, minlength=len(flat.lengths))
        return Flat(times, sources, np.concatenate([[0], np.cumsum(lengths)]))
