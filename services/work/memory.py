"""The memory that is free in the workers of a service, as each trial begins anew without it."""

import ctypes
import gc
import os
import signal
import time
from collections.abc import Callable, Iterable

SIGNAL = signal.SIGRTMIN
"""By this one worker asks another to give back; no server has a use of its own for it."""
PATIENCE_S = 5.0
"""How long one that is asked may take: gevent looks for signals three times a second."""
LOOK_EVERY_S = 0.005

_libc = ctypes.CDLL(None)


def give_back() -> None:
    """By Python's own account first, then by that of the allocator below it: glibc's malloc_trim(3). What is kept for
    later would count as the next trial's."""
    gc.collect()
    trim = getattr(_libc, "malloc_trim", None)
    if trim is not None:
        trim(0)


def give_back_when_asked(done: Callable[[], None]) -> None:
    """From now on this process gives back whenever it is sent the signal, then calls `done`. Costs nothing until then.

    Raises ValueError in any thread but the main one, which alone may say what a signal does.
    """

    def asked(*_: object) -> None:
        give_back()
        done()

    signal.signal(SIGNAL, asked)


def ask(workers: Iterable[tuple[int, Callable[[], int]]]) -> None:
    """Has other workers give back, each named by its pid and by what tells how often it has; returns when all have, so
    that none still works at it when a trial begins. One that is gone, or stuck, is not waited for without end."""
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
