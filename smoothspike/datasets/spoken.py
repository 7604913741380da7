"""The Heidelberg spiking data sets of spoken digits (SHD) and speech commands (SSC), from their HDF5 files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from .._checks import is_whole
from .._ragged import Flat, flat_from_trials, padded
from .._time_units import MILLISECONDS, time_factor
from ..spikes import Spikes
from .abstract import AbstractDataset, as_count
from .dataset import Dataset
from .files import found, is_packed, reading
from .hdf5 import open_hdf5
from .streamed import StreamedDataset

_SOURCE = "https://zenkelab.org/datasets/"
_CHANNELS = 700
_AT_ONCE = 512
Window = tuple[float, float]
Splits = tuple[AbstractDataset, AbstractDataset, AbstractDataset]


def shd(
    folder: str | Path,
    *,
    validation_speakers: int | Sequence[int] = 2,
    to: str = MILLISECONDS,
    group: int = 1,
    window: Window | None = None,
    max_events: int | None = None,
    buckets: int = 4,
    stream: bool = False,
) -> Splits:
    """Load the Spiking Heidelberg Digits: 20 spoken digits, English and German, as spikes of 700 cochlear channels.

    The folder has `shd_train.h5` and `shd_test.h5`, each as it is or with `.gz`. Validation data are of speakers of
    whom there are no training data: two speakers of the test data have no training data either, so a random split would
    promise too much.

    Source: Cramer, Stradmann, Schemmel & Zenke, "The Heidelberg Spiking Data Sets for the Systematic Evaluation of
    Spiking Neural Networks", IEEE Trans. Neural Netw. Learn. Syst. 33 (2022), 2744-2757.

    Args:
        folder: The folder.
        validation_speakers: The speakers of the training file whose samples are for validation, or how many, counted
            from the highest number; 0 or an empty sequence to train on all.
        to: The time unit of the network, as text: `"ms"`, `"s"`, or a multiple such as `"20 ms"`.
        group: How many neighbouring channels become one.
        window: The first and last time of a trial, in the unit `to`; earlier and later spikes are left out, and
            times counted from its start.
        max_events: Of a longer trial, as many spikes are kept, evenly spaced in their order.
        buckets: How many capacities minibatches may have, so that long trials do not pad short ones; see `Dataset`.
        stream: Whether to read minibatches from disk while training (see `StreamedDataset`); for files that are
            unpacked.

    Returns:
        Training, validation and test data.

    Raises:
        ImportError: if h5py is not installed.
        FileNotFoundError: if a file is missing, saying where to get it.
        ValueError: if a file is damaged or of another kind, or an argument is out of range.

    Example:
        >>> train, validation, test = shd("data/shd", to="20 ms", group=5)  # doctest: +SKIP
    """
    options = {"to": to, "group": group, "window": window, "max_events": max_events}
    names = ("shd_train.h5", "shd_test.h5")
    known, unknown = (_File(found(folder, [name], _SOURCE), 20, **options) for name in names)
    speakers = known.column("extra/speaker")
    is_held_out = np.isin(speakers, _held_out(np.unique(speakers), validation_speakers, known.path))
    parts = (known, np.flatnonzero(~is_held_out)), (known, np.flatnonzero(is_held_out)), (unknown, None)
    train, validation, test = (file.dataset(numbers, buckets, stream) for file, numbers in parts)
    return train, validation, test


def ssc(
    folder: str | Path,
    *,
    to: str = MILLISECONDS,
    group: int = 1,
    window: Window | None = None,
    max_events: int | None = None,
    buckets: int = 4,
    stream: bool = False,
) -> Splits:
    """Load the Spiking Speech Commands: 35 spoken English words, as spikes of 700 cochlear channels.

    The folder has `ssc_train.h5`, `ssc_valid.h5` and `ssc_test.h5`, each as it is or with `.gz`. No speaker is in two
    of them.

    Source: as for `shd`; the words are of Warden, "Speech Commands", arXiv:1804.03209.

    Args:
        folder: The folder.
        to: See `shd`.
        group: See `shd`.
        window: See `shd`.
        max_events: See `shd`.
        buckets: See `shd`.
        stream: See `shd`. The training data may not fit in memory.

    Returns:
        Training, validation and test data.

    Raises:
        ImportError: if h5py is not installed.
        FileNotFoundError: if a file is missing, saying where to get it.
        ValueError: if a file is damaged or of another kind, or an argument is out of range.

    Example:
        >>> train, validation, test = ssc("data/ssc", stream=True)  # doctest: +SKIP
    """
    options = {"to": to, "group": group, "window": window, "max_events": max_events}
    paths = [found(folder, [f"ssc_{part}.h5"], _SOURCE) for part in ("train", "valid", "test")]
    train, validation, test = (_File(path, 35, **options).dataset(None, buckets, stream) for path in paths)
    return train, validation, test


def _held_out(speakers: np.ndarray, chosen: Any, path: Path) -> np.ndarray:
    """Return the speakers for validation.

    Raises:
        ValueError: if they are not in the training file, or all of them.
    """
    there = f"{path} has the speakers {', '.join(map(str, speakers.tolist()))}"
    if np.ndim(chosen) == 0:
        if not is_whole(chosen) or not 0 <= chosen < len(speakers):
            raise ValueError(f"validation_speakers is {chosen!r}, but must be below {len(speakers)}: {there}")
        return speakers[len(speakers) - int(chosen) :]
    held_out = np.asarray(chosen, np.int64)
    if not np.isin(held_out, speakers).all() or len(set(held_out.tolist())) == len(speakers):
        raise ValueError(f"validation_speakers is {chosen!r}, but must be some of those in the data: {there}")
    return held_out


class _File:
    """An HDF5 file in the layout of both data sets: labels, and a list of times and one of channels for each trial."""

    def __init__(
        self, path: Path, num_classes: int, *, to: str, group: int, window: Window | None, max_events: int | None
    ) -> None:
        self.path, self.num_classes, self.factor = path, num_classes, time_factor("s", to)
        self.group = as_count("group", group)
        self.max_events = None if max_events is None else as_count("max_events", max_events)
        if window is not None and not 0 <= window[0] < window[1]:
            raise ValueError(f"window is {window!r}, but must be a first and a later last time, at least 0")
        self.window = window
        file = open_hdf5(path, _SOURCE)
        with reading(path, "file of spikes", _SOURCE):
            self.times, self.units = file["spikes/times"], file["spikes/units"]
            self.labels, self.file = file["labels"][:], file
            sizes = {len(self.times), len(self.units), len(self.labels)}
            if len(sizes) > 1 or self.labels.ndim != 1 or self.labels.dtype.kind not in "iu":
                raise ValueError("its numbers of times, units and labels differ")
            if (self.labels >= num_classes).any():
                raise ValueError(f"label {self.labels.max()} is none of {num_classes} classes")

    def column(self, name: str) -> np.ndarray:
        """Return a number for each trial."""
        with reading(self.path, "file of spikes", _SOURCE):
            column = self.file[name][:]
            if column.shape != self.labels.shape:
                raise ValueError(f"{name} has shape {column.shape} for {len(self.labels)} trials")
            return column

    def dataset(self, numbers: np.ndarray | None, buckets: int, stream: bool) -> AbstractDataset:
        """Return the trials with these numbers, or all."""
        numbers = np.arange(len(self.labels)) if numbers is None else numbers
        sizes = {"num_classes": self.num_classes, "num_sources": -(-_CHANNELS // self.group), "buckets": buckets}
        if stream:
            if is_packed(self.path):
                raise ValueError(f"{self.path} is compressed, and cannot be streamed: unpack it, as with gunzip -k")
            return StreamedDataset(lambda chosen: self.trials(numbers[chosen]), self.labels[numbers], **sizes)
        parts = [self.flat(numbers[start : start + _AT_ONCE]) for start in range(0, len(numbers), _AT_ONCE)]
        starts = np.concatenate([[0], *(part.lengths for part in parts)]).cumsum()
        # of floating point even where there are no trials
        times = np.concatenate([np.zeros(0, np.float32), *(part.times for part in parts)])
        whole = Flat(times, np.concatenate([np.zeros(0, np.int32), *(part.sources for part in parts)]), starts)
        return Dataset(Spikes(*padded(whole)), self.labels[numbers].astype(np.int32), **sizes)

    def trials(self, numbers: Int[np.ndarray, " trials"]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the times and sources of each trial."""
        flat = self.flat(numbers)
        return list(zip(*(np.split(each, flat.starts[1:-1]) for each in (flat.times, flat.sources)), strict=True))

    def flat(self, numbers: Int[np.ndarray, " trials"]) -> Flat:
        """Read trials, and choose their spikes."""
        distinct, places = np.unique(numbers, return_inverse=True)
        with reading(self.path, "file of spikes", _SOURCE):
            times, units = self.times[distinct], self.units[distinct]
            given = [(times[place], units[place]) for place in places]
            flat = flat_from_trials(given, self.factor, lambda place: f"trial {numbers[place]}")
            if (flat.sources >= _CHANNELS).any():
                raise ValueError(f"unit {flat.sources.max()} is none of {_CHANNELS} channels")
        return self._chosen(flat)

    def _chosen(self, flat: Flat) -> Flat:
        """Choose spikes in the window, at most so many, and group their channels."""
        times, sources = flat.times, flat.sources // self.group
        trial = np.repeat(np.arange(len(flat.lengths)), flat.lengths)
        if self.window is not None:
            is_inside = (times >= self.window[0]) & (times < self.window[1])
            times, sources, trial = (
                times[is_inside] - times.dtype.type(self.window[0]),
                sources[is_inside],
                trial[is_inside],
            )
        lengths = np.bincount(trial, minlength=len(flat.lengths))
        if self.max_events is not None and (lengths > self.max_events).any():
            rank = np.arange(len(trial)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
            most = np.minimum(lengths, self.max_events)[trial]
            # of n spikes, as many as steps that rank * most / n crosses
            is_kept = (rank + 1) * most // lengths[trial] > rank * most // lengths[trial]
            times, sources, trial = times[is_kept], sources[is_kept], trial[is_kept]
            lengths = np.bincount(trial, minlength=len(flat.lengths))
        return Flat(times, sources, np.concatenate([[0], np.cumsum(lengths)]))
