"""Gives back the free memory of a service's workers, so that each trial starts without it."""

import ctypes
import gc
import os
import signal
import time
from collections.abc import Callable, Iterable

SIGNAL = signal.SIGRTMIN
"""The signal by which one worker asks another to give back memory. No server uses it for itself."""
PATIENCE_S = 5.0
"""How long a worker may take to respond: gevent looks for signals three times a second."""
LOOK_EVERY_S = 0.005

_libc = ctypes.CDLL(None)


def give_back() -> None:
    """Give back Python's free memory first, then that of the allocator below it, by glibc's malloc_trim(3).

    Memory that is kept for later would count as the next trial's.
    """
    gc.collect()
    trim = getattr(_libc, "malloc_trim", None)
    if trim is not None:
        trim(0)


def give_back_when_asked(done: Callable[[], None]) -> None:
    """Let this process give back memory and then call `done` at each signal. It costs nothing until then.

    Raises ValueError in any thread but the main one, since only that may set a signal handler.
    """

    def on_signal(*_: object) -> None:
        give_back()
        done()

    signal.signal(SIGNAL, on_signal)


def ask(workers: Iterable[tuple[int, Callable[[], int]]]) -> None:
    """Ask other workers to give back memory, and wait until all have, so that none is busy when a trial begins.

    Each worker is given by its pid and by a function that returns how often it has given back. A worker that is gone is
    skipped, and one that is stuck is waited for at most PATIENCE_S.
    """
    waited_for = []
    for pid, times in workers:
        before = times()
        try:
            os.kill(pid, SIGNAL)
        except ProcessLookupError:
            continue
        waited_for.append((times, before))
    give_up = time.monotonic() + PATIENCE_S
    while any(times() == before for times, before in waited_for) and time.monotonic() < give_up:
        time.sleep(LOOK_EVERY_S)
