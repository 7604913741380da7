"""HDF5 files of lists of different lengths, opened once they are known to be sound."""

import io
import mmap
import struct
from pathlib import Path
from typing import Any

from .files import content, is_packed, reading

#: A collection of the global heap, where HDF5 keeps lists of different lengths: signature, version, size.
_COLLECTION, _OBJECT = struct.Struct("<4sB3xQ"), struct.Struct("<HH4xQ")
_SIGNATURE, _ALIGNMENT = b"GCOL", 8


def open_hdf5(path: Path, source: str) -> Any:
    """Open an HDF5 file, unpacked in memory if it is compressed by gzip.

    Raises:
        ImportError: if h5py is not installed.
        ValueError: if it is damaged, or another kind of file.
    """
    try:
        import h5py
    except ImportError as error:
        raise ImportError('HDF5 files need h5py; run pip install "smoothspike[datasets]"') from error
    unpacked = content(path, source) if is_packed(path) else None
    with reading(path, "HDF5 file", source):
        if unpacked is not None:
            _check_heap(unpacked)
            return h5py.File(io.BytesIO(unpacked), "r")
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            _check_heap(mapped)
        return h5py.File(path, "r")


def _check_heap(data: Any) -> None:
    """Check that in every collection of the global heap one object follows the other up to its end.

    The HDF5 library (2.0) never returns if the size of one is wrong. Specification: HDF5 File Format, III.E.

    Raises:
        ValueError: if one does not.
    """
    start = data.find(_SIGNATURE)
    while start >= 0:
        if len(data) - start >= _COLLECTION.size:
            _, version, size = _COLLECTION.unpack_from(data, start)
            if version == 1 and not _is_sound(data, start, size):
                raise ValueError(f"the heap at byte {start} is broken")
        start = data.find(_SIGNATURE, start + 1)


def _is_sound(data: Any, start: int, size: int) -> bool:
    end, place = start + size, start + _COLLECTION.size
    if end > len(data):
        return False
    while place + _OBJECT.size <= end:
        index, _, length = _OBJECT.unpack_from(data, place)
        if index == 0:  # what is free, up to the end
            return length == end - place
        place += _OBJECT.size + -(-length // _ALIGNMENT) * _ALIGNMENT
    return place <= end
