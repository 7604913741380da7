"""Braille letters read by a touch sensor."""

from pathlib import Path

import numpy as np

from .._checks import require_positive
from ..encoding import encode_level_crossings
from .abstract import as_labels
from .dataset import Dataset
from .files import existing, reading

_SOURCE = (
    "the recordings are at https://doi.org/10.5281/zenodo.6556273, and the part that this reads is with the tutorials "
    "at https://github.com/fzenke/spytorch. Save it by numpy.savez as `pressure` (samples, time steps, taxels), "
    "unsigned bytes, and `letter` and `repetition` (samples,), integers"
)
_UNTOUCHED, _LETTERS = 255, 27
#: The first repetition that is for validation, for test, and beyond the data.
_VALIDATION, _TEST, _END = 35, 40, 50


def braille(file: str | Path, *, step: float = 0.04, duration: float = 4.0) -> tuple[Dataset, Dataset, Dataset]:
    """Load readings of 26 Braille letters and the space by a fingertip that slides over them, as level crossings.

    The sensor has 12 taxels; a spike of channel 2 c means that the reading of taxel c has risen by `step`, one of
    2 c + 1 that it has fallen (see `encode_level_crossings`). Each letter was read 50 times: repetitions 0 to 34 are
    for training, 35 to 39 for validation, 40 to 49 for the test.

    Source: Mueller-Cleve et al., "Braille letter reading: A benchmark for spatio-temporal pattern recognition on
    neuromorphic hardware", Front. Neurosci. 16 (2022), 951164; data under CC BY 4.0.

    Args:
        file: An npz file with the arrays `pressure`, unsigned bytes in shape (samples, time steps, taxels), 255 where
            untouched, and `letter` (0 to 26) and `repetition` (0 to 49) of every sample.
        step: The distance of levels, as a fraction of the full range of readings.
        duration: The length of a trial; the file does not say how long a time step was.

    Returns:
        Training, validation and test data.

    Raises:
        FileNotFoundError: if the file is missing, saying where to get it.
        ValueError: if it is damaged or of another kind, or an argument is out of range.

    Example:
        >>> train, validation, test = braille("data/braille_touch.npz")  # doctest: +SKIP
    """
    require_positive("duration", duration)
    require_positive("step", step)
    path = existing(file, _SOURCE)
    with reading(path, "npz file of Braille readings", _SOURCE), path.open("rb") as content:
        arrays = np.load(content, allow_pickle=False)
        pressure, letter, repetition = (arrays[name] for name in ("pressure", "letter", "repetition"))
        if pressure.ndim != 3 or pressure.dtype != np.uint8:
            raise ValueError(f"pressure is {pressure.dtype} in shape {pressure.shape}")
        for name, column, end in (("letter", letter, _LETTERS), ("repetition", repetition, _END)):
            if column.shape != pressure.shape[:1] or column.dtype.kind not in "iu":
                raise ValueError(f"{name} is {column.dtype} in shape {column.shape}, with {len(pressure)} samples")
            if ((column < 0) | (column >= end)).any():
                raise ValueError(f"{name} is not from 0 to {end - 1}")
    steps, taxels = pressure.shape[1:]
    spikes = encode_level_crossings(pressure / _UNTOUCHED, dt=duration / steps, step=step)
    whole = Dataset(spikes, as_labels(letter, _LETTERS), num_classes=_LETTERS, num_sources=2 * taxels)
    part = np.digitize(repetition, [_VALIDATION, _TEST])
    train, validation, test = (whole[np.flatnonzero(part == number)] for number in range(3))
    return train, validation, test
