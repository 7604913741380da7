"""A file of named arrays and their description: atomically written, and refused if a single bit is wrong.

A file is the line of its kind, the version of its format, the description (JSON, after its length), the bytes of the
arrays, and the SHA-256 digest of all that. Numbers of bytes are little-endian, and so are the arrays.
"""

import hashlib
import json
import os
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

_MAGIC = b"smoothspike file\n"
_OLDER = b"smoothspike checkpoint\n"
FORMAT = 2
_LENGTH, _VERSION, _DIGEST = 8, 4, 32
_ABANDONED = 3600.0  # seconds after which the temporary file of a writer that was killed is removed


def write(path: Path, description: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Replace a file atomically; an interruption at any instant leaves either the old file or the new one.

    Args:
        path: The file. A temporary one beside it ends in `.new`.
        description: Content for JSON.
        arrays: Arrays of numbers or booleans, by name.
    """
    path = Path(os.path.realpath(path))
    listed = [[name, array.dtype.name, list(array.shape)] for name, array in arrays.items()]
    header = json.dumps({"arrays": listed, **description}).encode()
    parts = [_MAGIC, FORMAT.to_bytes(_VERSION, "little"), len(header).to_bytes(_LENGTH, "little"), header]
    digest = hashlib.sha256()
    beside = path.with_name(f"{path.name}.{uuid.uuid4().hex}.new")  # its own name: others may write the same file
    try:
        with beside.open("wb") as file:
            for part in (*parts, *(_bytes(array) for array in arrays.values())):
                digest.update(part)
                file.write(part)
            file.write(digest.digest())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)
    _remove_abandoned(path)


def read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the description and the arrays.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the content does not match its checksum, or the file is of another kind or format.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    content = path.read_bytes()
    if not content.startswith(_MAGIC):
        raise ValueError(f"{path} {_what(content)}")
    body = memoryview(content)[: max(len(content) - _DIGEST, 0)]
    if hashlib.sha256(body).digest() != content[len(body) :]:
        raise ValueError(
            f"{path} is damaged: its checksum does not match its {len(content)} bytes. Restore a copy; the file "
            "cannot be repaired"
        )
    start = len(_MAGIC) + _VERSION
    version = int.from_bytes(body[len(_MAGIC) : start], "little")
    if version != FORMAT:
        raise ValueError(
            f"{path} has format {version}, but this version of smoothspike reads format {FORMAT}; use the version that "
            "wrote it"
        )
    place = start + _LENGTH + int.from_bytes(body[start : start + _LENGTH], "little")
    description = json.loads(bytes(body[start + _LENGTH : place]))
    arrays = {}
    for name, dtype, shape in description.pop("arrays"):
        kind = jnp.dtype(dtype)
        size = kind.itemsize * int(np.prod(shape, dtype=int))
        arrays[name] = _native(np.frombuffer(body[place : place + size], kind)).reshape(shape)
        place += size
    return description, arrays


def _what(content: bytes) -> str:
    if content.startswith(_OLDER):
        return "is a checkpoint of an older format, which is not read; use the version of smoothspike that wrote it"
    if _MAGIC.startswith(content):
        return f"is damaged: it ends after {len(content)} bytes. Restore a copy"
    return "is no file of smoothspike, or its first bytes are damaged; pass a file that `save` or `fit` wrote"


def _bytes(array: np.ndarray) -> bytes:
    return _native(np.ascontiguousarray(array)).tobytes()


def _native(array: np.ndarray) -> np.ndarray:
    """Turn the machine's order of bytes into that of files, or back."""
    return array if np.little_endian else array.byteswap()


def _remove_abandoned(path: Path) -> None:
    for beside in path.parent.glob(f"{path.name}.*.new"):
        try:
            if time.time() - beside.stat().st_mtime > _ABANDONED:
                beside.unlink()
        except OSError:  # another writer was faster
            continue


def _sync_folder(folder: Path) -> None:
    """Make the new name survive a power failure, where the system supports it."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
