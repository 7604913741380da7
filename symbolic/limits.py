"""A limit on the time that symbolic work may take, in any thread and without signals."""

import ctypes
import gc
import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# how long to wait before raising again, should SymPy have swallowed the exception
_RETRY = 0.2


class TimeLimit(BaseException):
    """The time is over. Not an `Exception`, so that no handler inside SymPy swallows it."""


class _Watch:
    """Raises `TimeLimit` in the thread that made it, once the time is over and until it is stopped."""

    def __init__(self, seconds: float) -> None:
        self._target = ctypes.c_ulong(threading.get_ident())
        self._stopped, self._lock = threading.Event(), threading.Lock()
        threading.Thread(target=self._wait, args=(max(seconds, 0.0),), daemon=True, name="time limit").start()

    def _wait(self, seconds: float) -> None:
        while not self._stopped.wait(seconds):
            with self._lock:
                if not self._stopped.is_set():
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(self._target, ctypes.py_object(TimeLimit))
            seconds = _RETRY

    def stop(self) -> None:
        """Raise nothing from now on, and take back what has not arrived yet."""
        with self._lock:
            self._stopped.set()
            ctypes.pythonapi.PyThreadState_SetAsyncExc(self._target, None)


def within(seconds: float, work: Callable[[], T]) -> T:
    """Return what a function returns, unless it takes longer than a time.

    The exception arrives between two Python instructions; SymPy is pure Python, so that is soon enough.

    Raises:
        TimeLimit: if the time is over.

    Example:
        >>> within(1.0, lambda: "done")
        'done'
    """
    collects = gc.isenabled()
    gc.disable()  # an exception that arrived inside a callback of the garbage collector would be lost, with a warning
    watch = _Watch(seconds)
    try:
        try:
            return work()
        finally:
            watch.stop()
    finally:
        watch.stop()  # again, since the exception may have arrived on entering the first call
        if collects:
            gc.enable()


class Budget:
    """A time that several pieces of symbolic work share.

    Example:
        >>> budget = Budget(1.0)
        >>> budget.spend(0.5, lambda: "done"), budget.left > 0.5
        ('done', True)
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """The seconds that are left, at least zero."""
        return max(self._end - time.monotonic(), 0.0)

    def spend(self, seconds: float, work: Callable[[], T]) -> T:
        """Return what a function returns, unless it takes longer than a time, or than what is left.

        Raises:
            TimeLimit: if the time is over.
        """
        if self.left <= 0:
            raise TimeLimit
        return within(min(seconds, self.left), work)
