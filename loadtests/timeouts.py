"""Ends requests that take too long."""

import time
from collections.abc import Collection, Sequence
from itertools import chain

import gevent

from loadtests.connection import TIMEOUT, Connection
from loadtests.timers import Timer

_clock = time.perf_counter_ns


class Timeouts:
    """Ends requests that are in flight for longer than `timeout_s`.

    All requests have the same timeout, so nothing can be due before the oldest one in flight. One timer is enough,
    and a request costs nothing.
    """

    def __init__(self, connections: Sequence[Collection[Connection]], timeout_s: float) -> None:
        self._connections, self._timeout_ns = connections, int(timeout_s * 1e9)
        self._timer = Timer(gevent.get_hub().loop, self._end_overdue)
        self._timer.at(_clock() + self._timeout_ns)

    def close(self) -> None:
        self._timer.close()

    def _end_overdue(self) -> None:
        now = _clock()
        for connection in list(chain(*self._connections)):
            if connection.waiting and connection.sent_ns + self._timeout_ns <= now:
                connection.fail(TIMEOUT)
        oldest = min((each.sent_ns for each in chain(*self._connections) if each.waiting), default=now)
        self._timer.at(oldest + self._timeout_ns)
