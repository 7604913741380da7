"""Who runs a trial, and whether that process still lives."""

import contextlib
import platform
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .storage import Storage, lock

#: Names of a trial's attributes.
WORKER, PULSE = "worker", "pulse"
#: After how many intervals without a sign of life a trial of another machine counts as abandoned.
MISSED = 5


def this_machine() -> str:
    """Name this machine."""
    return f"{platform.node()}-{uuid.getnode():x}"


class Worker:
    """One call of `search`: holds a lock as long as it lives, and gives signs of life to other machines.

    Args:
        storage: Where the trials are.
        interval: Seconds between signs of life.
    """

    def __init__(self, storage: Storage, interval: float) -> None:
        self.name = uuid.uuid4().hex
        self.storage, self.interval = storage, interval
        self._seen: dict[tuple[Any, int], tuple[int, float]] = {}

    @property
    def mark(self) -> dict[str, str]:
        """What says that it runs a trial: a single attribute, so that it is written in one piece."""
        return {"name": self.name, "machine": this_machine()}

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """A context in which others know that it lives."""
        if self.storage.locks is None:
            yield
            return
        path = _path(self.storage.locks, self.name)
        with lock(path):
            yield
        path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def beating(self, beat: Callable[[int], None]) -> Iterator[None]:
        """A context in which a function is called with 1, 2, ... at intervals, by another thread."""
        over = threading.Event()

        def run() -> None:
            number = 0
            while not over.wait(self.interval):
                number += 1
                try:
                    beat(number)
                except Exception:  # the trial was ended by another process: told when it returns
                    return

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def lives(self, study: Any, number: int, marks: Mapping[str, Any]) -> bool:
        """Whether the process that runs a trial lives, as far as is known.

        Args:
            study: The name of the trial's study.
            number: The trial's number.
            marks: The trial's attributes.
        """
        owner = marks.get(WORKER, {})
        if owner.get("name") == self.name:
            return True
        if self.storage.locks is not None:
            if not owner:
                return False  # begun, but not by a process that lives: who begins a trial has the claim
            if owner["machine"] == this_machine():
                return _is_held(_path(self.storage.locks, owner["name"]))
        # by this process's own clock, as clocks of machines differ
        pulse, now = marks.get(PULSE, -1), time.monotonic()
        known, since = self._seen.setdefault((study, number), (pulse, now))
        if known != pulse:
            self._seen[study, number] = pulse, now
            return True
        return now - since < MISSED * self.interval


def _path(folder: Path, name: str) -> Path:
    return folder / f"worker-{name}.lock"


def _is_held(path: Path) -> bool:
    """Whether a living process holds a lock; the file of a dead one is removed."""
    from filelock import Timeout

    if not path.exists():
        return False
    try:
        with lock(path).acquire(timeout=0):
            pass
    except Timeout:
        return True
    path.unlink(missing_ok=True)
    return False
