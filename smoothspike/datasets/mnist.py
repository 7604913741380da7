"""MNIST and Fashion-MNIST from their original IDX files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from .._checks import is_whole, require_positive
from ..encoding import encode_latency
from ..spikes import Spikes
from .dataset import Dataset
from .files import content, found

_SOURCE = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/ (MNIST) or https://github.com/zalandoresearch/fashion-mnist "
    "(Fashion-MNIST)"
)
_BRIGHTEST, _CLASSES, _UNSIGNED_BYTES = 255, 10, 8
_PARTS = ("train", "t10k")
Encode = Callable[[Float[np.ndarray, "samples pixels"]], Spikes]


def mnist(
    folder: str | Path,
    *,
    duration: float = 2.0,
    encode: Encode | None = None,
    validation: int = 5000,
    split: tuple[int, int, int] | None = None,
) -> tuple[Dataset, Dataset, Dataset]:
    """Load handwritten digits, or the pieces of clothing of Fashion-MNIST, one input channel per pixel.

    The folder has `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and
    `t10k-labels-idx1-ubyte`, each as it is or with `.gz`.

    Source: LeCun, Bottou, Bengio & Haffner, "Gradient-based learning applied to document recognition", Proc. IEEE 86
    (1998); Xiao, Rasul & Vollgraf, "Fashion-MNIST", arXiv:1708.07747. Both have 60,000 images of 28 x 28 pixels for
    training and 10,000 for testing.

    Args:
        folder: The folder.
        duration: The time of a spike of zero brightness: by default the brighter a pixel, the earlier its only spike.
        encode: A function of brightnesses from 0 to 1, in shape (samples, pixels), that returns their spikes instead.
        validation: How many images at the end of the training file are for validation.
        split: Numbers of images for training, validation and test, taken in this order from the files that are there,
            the training file first. Needed if only one pair of files is there, such as `(7000, 1000, 2000)` for the
            10,000 images of `t10k`.

    Returns:
        Training, validation and test data.

    Raises:
        FileNotFoundError: if a file is missing, saying where to get it.
        ValueError: if a file is damaged or of another kind, or there are fewer images than asked for.

    Example:
        >>> def binary(images):  # one spike of every bright pixel, as in Klos & Memmesheimer, arXiv:2309.14523
        ...     return Spikes(np.where(images >= 0.5, 0.02, np.inf), np.broadcast_to(np.arange(784), images.shape))
        >>> train, validation, test = mnist("data/mnist", encode=binary)  # doctest: +SKIP
    """
    require_positive("duration", duration)
    if split is not None:
        _require_sizes(split)
    images, labels, sizes = _load(folder, validation, split)
    brightness = images.reshape(len(images), -1) / np.float32(_BRIGHTEST)
    spikes = encode_latency(brightness, duration) if encode is None else encode(brightness)
    whole = Dataset(spikes.trimmed(), labels, num_classes=_CLASSES, num_sources=brightness.shape[1])
    ends = np.cumsum(sizes)
    return whole[: ends[0]], whole[ends[0] : ends[1]], whole[ends[1] : ends[2]]


def _require_sizes(split: Any) -> None:
    if len(split) != 3 or not all(is_whole(size) and size >= 0 for size in split):
        raise ValueError(f"split is {split!r}, but must be the numbers of images for training, validation and test")


def _load(folder: str | Path, validation: int, split: Any) -> tuple[np.ndarray, np.ndarray, tuple[int, int, int]]:
    """Return all images and labels, and how many are for training, validation and test."""
    if split is None:
        parts = [
            _part(folder, part, "; or, if only the other files are there, pass split=(7000, 1000, 2000)")
            for part in _PARTS
        ]
        number = len(parts[0][1])
        if not is_whole(validation) or not 0 <= validation < number:
            raise ValueError(f"validation is {validation!r}, but must be from 0 to {number - 1}")
        sizes = number - int(validation), int(validation), len(parts[1][1])
    else:
        sizes = tuple(split)
        parts = _parts_that_are_there(folder)
        there = sum(len(labels) for _, labels in parts)
        if sum(sizes) > there:
            raise ValueError(f"split is {split!r}, {sum(sizes)} images, but the files in {folder} have {there}")
    shapes = {images.shape[1:] for images, _ in parts}
    if len(shapes) > 1:
        raise ValueError(
            f"the images in {folder} have different sizes, {sorted(shapes)}; they are of different data sets"
        )
    images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return images, labels, sizes


def _parts_that_are_there(folder: str | Path) -> list[tuple[np.ndarray, np.ndarray]]:
    missing, parts = [], []
    for part in _PARTS:
        try:
            found(folder, _names(part, "images", 3), _SOURCE)
        except FileNotFoundError as error:
            missing.append(error)
        else:
            parts.append(_part(folder, part, ""))
    if not parts:
        raise missing[0]
    return parts


def _part(folder: str | Path, part: str, advice: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the images and labels of `train` or `t10k`."""
    paths = [found(folder, _names(part, *kind), _SOURCE, advice) for kind in (("images", 3), ("labels", 1))]
    images, labels = (read_idx(path, axes) for path, axes in zip(paths, (3, 1), strict=True))
    if len(images) != len(labels):
        raise ValueError(f"{paths[0]} has {len(images)} images, but {paths[1]} has {len(labels)} labels")
    if (labels >= _CLASSES).any():
        first = int(np.argmax(labels >= _CLASSES))
        raise ValueError(f"label {first} in {paths[1]} is {labels[first]}, but must be 0 to 9; get it from {_SOURCE}")
    return images, labels.astype(np.int32)


def _names(part: str, kind: str, axes: int) -> tuple[str, str]:
    return f"{part}-{kind}-idx{axes}-ubyte", f"{part}-{kind}.idx{axes}-ubyte"


def read_idx(path: Path, axes: int) -> UInt8[np.ndarray, "..."]:
    """Read an array of bytes with a number of axes from an IDX file.

    The format: two zero bytes, the type (8 for bytes), the number of axes, the size of each as a big-endian 32-bit
    integer, and the numbers.

    Raises:
        ValueError: if it is another kind of file, or has not the length that its header states.
    """
    data = content(path, _SOURCE)
    start, expected = 4 + 4 * axes, bytes([0, 0, _UNSIGNED_BYTES, axes])
    if data[:4] != expected or len(data) < start:
        raise ValueError(
            f"{path} is no IDX file of bytes with {axes} axes: it begins with {data[:4].hex(' ') or 'nothing'}, not "
            f"with {expected.hex(' ')}; get it from {_SOURCE}"
        )
    shape = tuple(int(size) for size in np.frombuffer(data, ">u4", axes, offset=4))
    stated = 1
    for size in shape:
        stated *= size
    if len(data) - start != stated:
        raise ValueError(
            f"{path} is damaged: its header states {' x '.join(map(str, shape))} bytes, but {len(data) - start} "
            f"follow; get it again from {_SOURCE}"
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)
