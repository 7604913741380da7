"""A limit on the time that symbolic work may take, in any thread and without signals."""

import _thread
import contextvars
import ctypes
import gc
import time
from collections.abc import Callable
from typing import Generic, TypeVar, cast

import mpmath

T = TypeVar("T")

# how often a waiting caller looks up, and how long to wait before raising again what SymPy may have swallowed
_TICK, _RETRY = 0.05, 0.2


class TimeLimit(BaseException):
    """The time is over. Not an `Exception`, so that no handler inside SymPy swallows it."""


class _Worker(Generic[T]):
    """Works in a thread of its own, so that the exception which ends the work arrives nowhere but there.

    Raised in the thread of the caller it could arrive between any two instructions, also while a lock of `threading` is
    held, which would never be released. So there are none here: the end is one lock that C code acquires and releases.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        self._work, self._context = work, contextvars.copy_context()
        self._thread: int | None = None
        self._is_over = False
        self._outcome: list[tuple[T | None, BaseException | None]] = []
        self._running = _thread.allocate_lock()
        self._running.acquire()

    def start(self) -> None:
        _thread.start_new_thread(self._run, ())

    def wait(self, seconds: float) -> None:
        """Wait until the work ends, or for a time. In short waits, since nothing else interrupts one."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._running.acquire(timeout=min(left, _TICK)):
                self._running.release()
                return

    def end(self) -> None:
        """Raise `TimeLimit` in the thread until it has ended."""
        self._is_over = True
        if self._thread is None:
            return  # it will see that it is over
        while self._running.locked():
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread), ctypes.py_object(TimeLimit))
            self.wait(_RETRY)

    def outcome(self) -> T:
        value, error = self._outcome[0] if self._outcome else (None, TimeLimit())
        if error is not None:
            raise error
        return cast(T, value)

    def _run(self) -> None:
        self._thread = _thread.get_ident()
        try:  # wherever the exception arrives, the lock is released
            try:
                self._do()
            finally:
                self._running.release()
        except BaseException:
            if self._running.locked():
                self._running.release()

    def _do(self) -> None:
        if self._is_over:
            return
        try:
            self._outcome.append((self._context.run(self._work), None))
        except BaseException as error:
            self._outcome.append((None, error))


def within(seconds: float, work: Callable[[], T]) -> T:
    """Return what a function returns, unless it takes longer than a time.

    The work is done in another thread. What ends it arrives there between two Python instructions; SymPy is pure
    Python, so that is soon enough.

    Raises:
        TimeLimit: if the time is over.

    Example:
        >>> within(1.0, lambda: "done")
        'done'
    """
    collects, precision = gc.isenabled(), mpmath.mp.prec
    worker = _Worker(work)
    try:
        gc.disable()  # an exception that arrived inside a callback of the garbage collector would be lost
        worker.start()
        worker.wait(seconds)
    finally:
        worker.end()
        mpmath.mp.prec = precision  # of all threads; the work may have ended before it was restored
        if collects:
            gc.enable()
    return worker.outcome()
