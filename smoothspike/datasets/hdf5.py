"""HDF5 files of lists of different lengths, opened once they are known to be sound.

The HDF5 library (2.0) never returns, or asks for all the memory there is, if a single bit is wrong where a file says
how long its lists are. So that is checked before. Specification: HDF5 File Format, III.E (global heap) and IV.A.2.d.
"""

import io
import mmap
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .files import content, is_packed, reading

#: A collection of the global heap, where lists of different lengths are, and an object in it.
_COLLECTION, _OBJECT = struct.Struct("<4sB3xQ"), struct.Struct("<HH4xQ")
_SIGNATURE, _ALIGNMENT = b"GCOL", 8
#: What a data set has for each list.
_REFERENCE = np.dtype([("length", "<u4"), ("address", "<u8"), ("index", "<u4")])
#: Bytes in each object of the heap, by the address of its collection and its index.
Heap = dict[tuple[int, int], int]


def open_hdf5(path: Path, lists: Sequence[str], source: str) -> Any:
    """Open an HDF5 file, unpacked in memory if it is compressed by gzip.

    Args:
        path: The file.
        lists: The names of the data sets in it that have a list for each entry.
        source: Where to get the file.

    Raises:
        ImportError: if h5py is not installed.
        ValueError: if the file is damaged, or another kind of file.
    """
    try:
        import h5py
    except ImportError as error:
        raise ImportError('HDF5 files need h5py; run pip install "smoothspike[datasets]"') from error
    unpacked = content(path, source) if is_packed(path) else None
    with reading(path, "HDF5 file", source):
        file = h5py.File(path if unpacked is None else io.BytesIO(unpacked), "r")
        if unpacked is not None:
            _check(file, unpacked, lists)
            return file
        with path.open("rb") as raw, mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            _check(file, mapped, lists)
        return file


def _check(file: Any, data: Any, names: Sequence[str]) -> None:
    """Check that every list is as long as the place in the heap that it refers to.

    Raises:
        ValueError: if one is not.
    """
    if file.userblock_size:  # then addresses count from elsewhere
        raise ValueError("it begins with a user block, which is not supported")
    heap = _heap(data)
    for name in names:
        lists = file[name]
        item = file[name].id.get_type().get_super().get_size()
        for references in _references(lists, data):
            for length, address, index in references[references["length"] > 0].tolist():
                if heap.get((address, index), -1) < length * item:
                    raise ValueError(f"{name} has a list of {length} entries that is not there")


def _references(lists: Any, data: Any) -> Iterator[np.ndarray]:
    """Yield what a data set has for its lists, in each part that is stored as it is."""
    places = [(lists.id.get_offset(), lists.id.get_storage_size())]
    if lists.chunks is not None:
        if lists.id.get_create_plist().get_nfilters():
            return
        chunks = map(lists.id.get_chunk_info, range(lists.id.get_num_chunks()))
        places = [(chunk.byte_offset, chunk.size) for chunk in chunks]
    for start, size in places:
        if start is not None:
            yield np.frombuffer(data[start : start + size], _REFERENCE)


def _heap(data: Any) -> Heap:
    """Find all objects of the global heap.

    Raises:
        ValueError: if in some collection not one follows the other up to its end.
    """
    heap: Heap = {}
    start = data.find(_SIGNATURE)
    while start >= 0:
        if len(data) - start >= _COLLECTION.size:
            _, version, size = _COLLECTION.unpack_from(data, start)
            if version == 1:
                heap |= _objects(data, start, start + size)
        start = data.find(_SIGNATURE, start + 1)
    return heap


def _objects(data: Any, start: int, end: int) -> Heap:
    found: Heap = {}
    place = start + _COLLECTION.size
    while end <= len(data) and place + _OBJECT.size <= end:
        index, _, length = _OBJECT.unpack_from(data, place)
        if index == 0:  # what is free, up to the end
            place += length
            break
        found[start, index] = length
        place += _OBJECT.size + -(-length // _ALIGNMENT) * _ALIGNMENT
    if not place <= end <= min(len(data), place + _OBJECT.size):
        raise ValueError(f"the heap at byte {start} is broken")
    return found
