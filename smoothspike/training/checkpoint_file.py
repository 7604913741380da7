"""One file that holds named arrays and a description of them: whole or refused, never half written or misread."""

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
    """Replace a file in one step; an interruption at any moment leaves the old one, or the new one, whole.

    Args:
        path: Where to; beside it lies, while it is written, a file that ends in `.new`.
        description: What JSON can hold.
        arrays: Of numbers or truth values, by name.
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
        ValueError: if a single bit is not as it was written, or the file is of another kind or a newer format.
    """
    content = path.read_bytes()
    body = memoryview(content)[: max(len(content) - _DIGEST, 0)]
    if hashlib.sha256(body).digest() != content[len(body) :]:
        raise ValueError(
            f"{path} is damaged: its checksum is not that of its {len(content)} bytes. Put back a copy of it; or, to "
            "train from the start, choose another folder or delete the file"
        )
    if not content.startswith(_MAGIC):
        raise ValueError(f"{path} is no checkpoint of smoothspike; choose another folder")
    start = len(_MAGIC) + _LENGTH
    place = start + int.from_bytes(body[len(_MAGIC) : start], "little")
    description = json.loads(bytes(body[start:place]))
    if description["format"] != _FORMAT:
        raise ValueError(
            f"{path} is of format {description['format']}, and this version of smoothspike reads format {_FORMAT}: use "
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
    """Have the new name survive a failure of power, where the system can tell a folder to."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
