"""The Heidelberg spiking data sets of spoken digits (SHD) and speech commands (SSC), from their HDF5 files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack, overload

import numpy as np

from .._checks import is_whole
from .._time_units import MILLISECONDS
from .dataset import Dataset
from .files import found
from .spoken_file import SOURCE, Choice, SpokenFile, Window
from .streamed import StreamedDataset

InMemory = tuple[Dataset, Dataset, Dataset]
OnDisk = tuple[StreamedDataset, StreamedDataset, StreamedDataset]


class _Options(TypedDict, total=False):
    to: str
    group: int
    window: Window | None
    max_events: int | None
    buckets: int


class _SHDOptions(_Options, total=False):
    validation_speakers: int | Sequence[int]


@overload
def shd(folder: str | Path, *, stream: Literal[False] = ..., **options: Unpack[_SHDOptions]) -> InMemory: ...
@overload
def shd(folder: str | Path, *, stream: Literal[True], **options: Unpack[_SHDOptions]) -> OnDisk: ...
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
) -> InMemory | OnDisk:
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
    choice = Choice(to, group, window, max_events)
    names = ("shd_train.h5", "shd_test.h5")
    known, unknown = (SpokenFile(found(folder, [name], SOURCE), 20, choice) for name in names)
    speakers = known.column("extra/speaker")
    is_held_out = np.isin(speakers, _held_out(np.unique(speakers), validation_speakers, known.path))
    parts = (known, np.flatnonzero(~is_held_out)), (known, np.flatnonzero(is_held_out)), (unknown, None)
    train, validation, test = (file.dataset(numbers, buckets, stream) for file, numbers in parts)
    return train, validation, test  # pyright: ignore[reportReturnType]


@overload
def ssc(folder: str | Path, *, stream: Literal[False] = ..., **options: Unpack[_Options]) -> InMemory: ...
@overload
def ssc(folder: str | Path, *, stream: Literal[True], **options: Unpack[_Options]) -> OnDisk: ...
def ssc(
    folder: str | Path,
    *,
    to: str = MILLISECONDS,
    group: int = 1,
    window: Window | None = None,
    max_events: int | None = None,
    buckets: int = 4,
    stream: bool = False,
) -> InMemory | OnDisk:
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
    choice = Choice(to, group, window, max_events)
    paths = [found(folder, [f"ssc_{part}.h5"], SOURCE) for part in ("train", "valid", "test")]
    train, validation, test = (SpokenFile(path, 35, choice).dataset(None, buckets, stream) for path in paths)
    return train, validation, test  # pyright: ignore[reportReturnType]


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
