"""A file of named arrays and their description: atomically written, and refused if a single bit is wrong."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

_MAGIC = b"smoothspike checkpoint\n"
_FORMAT = 1
_LENGTH, _DIGEST = 8, 32


def write(path: Path, description: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Replace a file atomically; an interruption leaves either the old file or the new one.

    Args:
        path: The file; a temporary one beside it ends in `.new`.
        description: Content for JSON.
        arrays: Arrays of numbers or booleans, by name.
    """
    listed = [[name, array.dtype.name, list(array.shape)] for name, array in arrays.items()]
    header = json.dumps({"format": _FORMAT, "arrays": listed, **description}).encode()
    parts = [_MAGIC, len(header).to_bytes(_LENGTH, "little"), header]
    digest = hashlib.sha256()
    beside = path.with_name(f"{path.name}.new")
    with beside.open("wb") as file:
        for part in (*parts, *(np.ascontiguousarray(array).tobytes() for array in arrays.values())):
            digest.update(part)
            file.write(part)
        file.write(digest.digest())
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    _sync_folder(path.parent)


def read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the description and the arrays.

    Raises:
        ValueError: if the content does not match its checksum, or the file is of another kind or a newer format.
    """
    content = path.read_bytes()
    body = memoryview(content)[: max(len(content) - _DIGEST, 0)]
    if hashlib.sha256(body).digest() != content[len(body) :]:
        raise ValueError(
            f"{path} is damaged: its checksum does not match its {len(content)} bytes. Restore a copy, or choose "
            "another folder or delete the file to train from the start"
        )
    if not content.startswith(_MAGIC):
        raise ValueError(f"{path} is not a checkpoint of smoothspike; choose another folder")
    start = len(_MAGIC) + _LENGTH
    place = start + int.from_bytes(body[len(_MAGIC) : start], "little")
    description = json.loads(bytes(body[start:place]))
    if description["format"] != _FORMAT:
        raise ValueError(
            f"{path} has format {description['format']}, but this version of smoothspike reads format {_FORMAT}; use "
            "the version that wrote it, or choose another folder"
        )
    arrays = {}
    for name, dtype, shape in description.pop("arrays"):
        kind = jnp.dtype(dtype)
        size = kind.itemsize * int(np.prod(shape, dtype=int))
        arrays[name] = np.frombuffer(body[place : place + size], kind).reshape(shape)
        place += size
    return description, arrays


def _sync_folder(folder: Path) -> None:
    """Make the new name survive a power failure, where the system supports it."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
