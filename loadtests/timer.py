"""One timer of the event loop, set anew as often as need be."""

import time
from collections.abc import Callable
from typing import Any


class Timer:
    """Has `due` called, from the loop, at a time of the clock of time.perf_counter_ns; late by up to a millisecond, to
    which the loop rounds up."""

    def __init__(self, loop: Any, due: Callable[[], None]) -> None:
        self._loop, self._due = loop, due
        self._timer: Any = None

    def at(self, when_ns: int) -> None:
        """Forgets the time before."""
        self.close()
        self._timer = self._loop.timer(max(0.0, (when_ns - time.perf_counter_ns()) / 1e9))
        self._timer.start(self._due, update=True)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = None
