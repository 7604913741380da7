"""A limit on the time that symbolic work may take, in any thread and without signals."""

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_RETRY = 0.2


class TimeLimit(BaseException):
    """The time is over. Not an `Exception`, so that no handler inside SymPy swallows it."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `TimeLimit` in the calling thread if the block takes longer.

    The exception arrives between two Python instructions; SymPy is pure Python, so that is soon enough.

    Example:
        >>> try:
        ...     with time_limit(0.01):
        ...         while True:
        ...             pass
        ... except TimeLimit:
        ...     print("stopped")
        stopped
    """
    target = ctypes.c_ulong(threading.get_ident())
    over, lock = threading.Event(), threading.Lock()
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc

    def watch() -> None:
        wait = max(seconds, 0.0)
        while not over.wait(wait):
            with lock:
                if not over.is_set():
                    raise_in(target, ctypes.py_object(TimeLimit))
            wait = _RETRY

    watcher = threading.Thread(target=watch, daemon=True, name="symbolic time limit")
    watcher.start()
    try:
        yield
    finally:
        with lock:
            over.set()
            raise_in(target, None)
        watcher.join()
