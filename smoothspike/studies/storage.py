"""Where the trials of a search are kept: a journal, SQLite, or any storage of Optuna, shared by many processes."""

import contextlib
import os
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SQLITE = (".db", ".sqlite", ".sqlite3")
#: Between attempts to get a lock, in seconds.
_POLL = 0.005
_LONGEST_WAIT = 60.0


def optuna() -> Any:
    """Return the package Optuna.

    Raises:
        ImportError: if it is not installed, saying what to install.
    """
    try:
        import filelock  # noqa: F401
        import optuna
    except ImportError as error:
        raise ImportError("a search needs Optuna and filelock: pip install 'smoothspike[search]'") from error
    return optuna


@dataclass(frozen=True)
class Storage:
    """A storage of Optuna, and the folder of the locks by which its processes agree.

    Attributes:
        content: The storage.
        place: What to call it.
        locks: The folder; None for a database server, or memory.
    """

    content: Any
    place: str
    locks: Path | None

    def claim(self) -> AbstractContextManager[Any]:
        """Return a context in which no other process begins a trial."""
        return contextlib.nullcontext() if self.locks is None else lock(self.locks / "claim.lock")


def open_storage(storage: Any) -> Storage:
    """Open a storage, and create it if there is none.

    Args:
        storage: A file: a journal, or an SQLite database if its name ends in `.db`, `.sqlite` or `.sqlite3`; a URL of a
            database; a storage of Optuna; or None for memory.

    Raises:
        ImportError: if Optuna is not installed.
        ValueError: if the file is no storage.
    """
    package = optuna()
    if storage is None:
        return Storage(package.storages.InMemoryStorage(), "memory", None)
    if isinstance(storage, package.storages.BaseStorage):
        return Storage(storage, type(storage).__name__, None)
    if not isinstance(storage, str | os.PathLike):
        raise TypeError(
            f"storage is of type {type(storage).__name__}, but must be a file name, a URL, or a storage of Optuna"
        )
    text = os.fspath(storage)
    if "://" in text and not text.startswith("sqlite:///"):
        return Storage(package.storages.RDBStorage(text), text, None)
    path = Path(text.removeprefix("sqlite:///"))
    if path.is_dir():
        raise ValueError(f"storage is {path}, a folder, but must be a file, such as {path / 'study.log'}")
    locks = path.with_name(f"{path.name}.locks")
    locks.mkdir(parents=True, exist_ok=True)
    if "://" in text or path.suffix in _SQLITE:
        wait = {"connect_args": {"timeout": _LONGEST_WAIT}}
        # tables are created once
        with lock(locks / "claim.lock"):
            return Storage(package.storages.RDBStorage(f"sqlite:///{path}", engine_kwargs=wait), str(path), locks)
    return Storage(_journal(package, path, locks), str(path), locks)


def lock(path: Path) -> Any:
    """Return a lock that ends with its process, however that ends."""
    from filelock import FileLock

    return FileLock(path, poll_interval=_POLL)


def _journal(package: Any, path: Path, locks: Path) -> Any:
    with path.open("ab") as file:
        is_new = file.tell() == 0
    if not is_new and path.read_bytes()[:1] != b"{":
        raise ValueError(f"{path} is no journal of a search: it must begin with a line of JSON; choose another file")
    parts = package.storages.journal
    backend = parts.JournalFileBackend(str(path), lock_obj=_Mending(path, locks / "journal.lock"))
    return parts.JournalStorage(backend)


class _Mending:
    """The lock of a journal; who gets it removes the part of a line that a killed process may have left."""

    def __init__(self, path: Path, own: Path) -> None:
        self._path, self._lock = path, lock(own)

    def acquire(self) -> bool:
        self._lock.acquire()
        drop_torn_line(self._path)
        return True

    def release(self) -> None:
        self._lock.release()


def drop_torn_line(path: Path) -> None:
    r"""Cut a file after its last complete line.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "journal.log"
        >>> _ = path.write_bytes(b'{"op_code":1}\n{"op_c')
        >>> drop_torn_line(path)
        >>> path.read_bytes()
        b'{"op_code":1}\n'
    """
    with path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        if end == 0:
            return
        file.seek(end - 1)
        if file.read(1) == b"\n":
            return
        file.seek(0)
        kept = file.read().rfind(b"\n") + 1
        file.truncate(kept)
