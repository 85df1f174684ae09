"""Timers of the event loop, on the clock of time.perf_counter_ns."""

import ctypes
import os
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

import gevent


class PreciseTimer(Protocol):
    """Calls back from the event loop at a given time."""

    def at(self, when_ns: int) -> None:
        """Call back then. A time set before is forgotten."""

    def close(self) -> None: ...


class Timer:
    """A timer of the event loop, which rounds up to whole milliseconds."""

    def __init__(self, loop: Any, due: Callable[[], None]) -> None:
        self._loop, self._due = loop, due
        self._timer: Any = None

    def at(self, when_ns: int) -> None:
        """Call `due` then. A time set before is forgotten."""
        self.close()
        self._timer = self._loop.timer(max(0.0, (when_ns - time.perf_counter_ns()) / 1e9))
        self._timer.start(self._due, update=True)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = None


def precise_timer(due: Callable[[], None]) -> PreciseTimer:
    """A timer that is late by a fraction of a millisecond where the kernel has such timers (Linux), else a Timer."""
    return _KernelTimer(due) if sys.platform == "linux" else Timer(gevent.get_hub().loop, due)


class _Times(ctypes.Structure):
    """struct itimerspec: the interval, then when it is first due; seconds and nanoseconds each."""

    _fields_ = [(name, ctypes.c_long) for name in ("interval_s", "interval_ns", "due_s", "due_ns")]


_CLOCK_MONOTONIC, _NONBLOCK, _CLOEXEC, _ABSOLUTE, _READ = 1, 0o4000, 0o2000000, 1, 1


class _KernelTimer:
    """timerfd_create(2), which an event loop can wait for like a socket.

    The loop's own timers would make each request of an open loop half a millisecond late on average. Python offers
    timerfd from 3.13 on, so its functions are called by their C names here.
    """

    def __init__(self, due: Callable[[], None]) -> None:
        self._due = due
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._file = self._libc.timerfd_create(_CLOCK_MONOTONIC, _NONBLOCK | _CLOEXEC)
        if self._file < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        self._watcher = gevent.get_hub().loop.io(self._file, _READ)
        self._watcher.start(self._readable)
        self._times = _Times()

    def at(self, when_ns: int) -> None:
        self._times.due_s, self._times.due_ns = divmod(max(1, when_ns), 1_000_000_000)
        self._libc.timerfd_settime(self._file, _ABSOLUTE, ctypes.byref(self._times), None)

    def _readable(self) -> None:
        try:
            os.read(self._file, 8)
        except BlockingIOError:  # it was set again in the meantime
            return
        self._due()

    def close(self) -> None:
        self._watcher.stop()
        self._watcher.close()
        os.close(self._file)
