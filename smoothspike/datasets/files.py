"""Data files that a user has: found, unpacked, and refused with a reason if they are missing, damaged or foreign."""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_GZIP = b"\x1f\x8b"


def found(folder: str | Path, names: Sequence[str], source: str, advice: str = "") -> Path:
    """Return the first file that is in a folder, each name with and without `.gz`.

    Args:
        folder: The folder.
        names: What the file may be called.
        source: Where to get it.
        advice: What else to do if it is missing.

    Raises:
        FileNotFoundError: if there is none, saying where to get it and what to call it.
        NotADirectoryError: if the folder is a file.
    """
    folder = Path(folder).expanduser()
    if folder.is_file():
        raise NotADirectoryError(f"{folder} is a file; pass the folder that has {names[0]}")
    for name in names:
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                return path
    where = f"{folder} has no" if folder.is_dir() else f"{folder} does not exist, and so has no"
    raise FileNotFoundError(
        f"{where} {names[0]} or {names[0]}.gz: get it from {source} and save it there under that name{advice}"
    )


def existing(file: str | Path, source: str) -> Path:
    """Return the path of a file.

    Raises:
        FileNotFoundError: if it is missing, saying where to get it.
    """
    path = Path(file).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"{path} {'is a folder' if path.is_dir() else 'does not exist'}: {source}")
    return path


def is_packed(path: Path) -> bool:
    """Whether a file is compressed by gzip, whatever its name."""
    with path.open("rb") as file:
        return file.read(len(_GZIP)) == _GZIP


def content(path: Path, source: str) -> bytes:
    """Return what is in a file, unpacked.

    Raises:
        ValueError: if it is damaged.
    """
    if not is_packed(path):
        return path.read_bytes()
    try:
        with gzip.open(path) as file:
            return file.read()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is damaged ({error}); get it again from {source}") from error


@contextmanager
def reading(path: Path, kind: str, source: str) -> Iterator[None]:
    """Turn whatever a library says of a bad file into one that names the file and what it must be."""
    try:
        yield
    except (ImportError, MemoryError) as error:
        if isinstance(error, ImportError):
            raise
        raise ValueError(
            f"{path} is damaged: it claims more than fits in memory; get it again from {source}"
        ) from error
    except Exception as error:
        reason = str(error).strip() or type(error).__name__
        raise ValueError(f"{path} is damaged or no {kind} ({reason}); get it again from {source}") from error
