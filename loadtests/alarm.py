"""Wakes the event loop at a time of its own choosing, to a fraction of a millisecond.

The loop's own timers are rounded up to whole milliseconds, which would make every request of an open loop half a
millisecond late on average. On Linux the kernel has timers that a loop can wait for like a socket (timerfd_create(2));
Python offers them from 3.13 on, so they are called by their C names here.
"""

import ctypes
import os
import sys
from collections.abc import Callable

import gevent

from loadtests.timer import Timer

_CLOCK_MONOTONIC, _NONBLOCK, _CLOEXEC, _ABSOLUTE, _READ = 1, 0o4000, 0o2000000, 1, 1


class _Times(ctypes.Structure):
    """struct itimerspec: the interval, then when it is first due; seconds and nanoseconds each."""

    _fields_ = [(name, ctypes.c_long) for name in ("interval_s", "interval_ns", "due_s", "due_ns")]


class _KernelAlarm:
    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._file = self._libc.timerfd_create(_CLOCK_MONOTONIC, _NONBLOCK | _CLOEXEC)
        if self._file < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        self._watcher = gevent.get_hub().loop.io(self._file, _READ)
        self._watcher.start(self._due)
        self._times = _Times()

    def at(self, when_ns: int) -> None:
        self._times.due_s, self._times.due_ns = divmod(max(1, when_ns), 1_000_000_000)
        self._libc.timerfd_settime(self._file, _ABSOLUTE, ctypes.byref(self._times), None)

    def _due(self) -> None:
        try:
            os.read(self._file, 8)
        except BlockingIOError:  # set anew in the meantime
            return
        self._ring()

    def close(self) -> None:
        self._watcher.stop()
        self._watcher.close()
        os.close(self._file)


def alarm(ring: Callable[[], None]) -> _KernelAlarm | Timer:
    """`at(when_ns)` has `ring` called then, from the loop, on the clock of time.perf_counter_ns; setting it anew
    forgets the time before. `close` ends it."""
    # Where the kernel has no such timers: late by up to a millisecond, which the dispatch delay shows.
    return _KernelAlarm(ring) if sys.platform == "linux" else Timer(gevent.get_hub().loop, ring)
