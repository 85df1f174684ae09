"""An open loop: requests arrive at a rate of their own, whatever became of the ones before."""

import time
from collections.abc import Iterator
from itertools import islice

from loadtests.arrivals import arrivals_ns
from loadtests.connection import Connection
from loadtests.load_loop import LoadLoop, State
from loadtests.request_stream import RequestStream
from loadtests.share import Share
from loadtests.timers import PreciseTimer, precise_timer
from waitbench.records.spec import TrialSpec

IDLE_NS = 1_000_000_000
"""How long a connection may be idle before it is closed."""
IN_A_ROW = 50
"""After this many sends in a row, a late loop reads responses before it goes on."""
LATE_NS = 1_000_000
_clock = time.perf_counter_ns


class OpenLoop(LoadLoop):
    """Each request is sent on the connection that was used last, or on a new one.

    An arrival while `max_in_flight` requests are in flight is shed: not sent, but counted.
    """

    def __init__(self, spec: TrialSpec, share: Share = Share()) -> None:  # noqa: B008 - frozen
        super().__init__(spec, share)
        self._timer: PreciseTimer | None = None
        self._arrivals: Iterator[tuple[int, bool]] = iter(())
        self._next: tuple[int, bool] | None = None
        """When the next arrival is due (ns), and whether it is a neighbour's; None when none is left."""
        self._max_in_flight = share.of(spec.max_in_flight)

    def stop(self) -> None:
        """The schedule ends by itself. If this process is late, what was due in the window is still sent, or shed."""
        if self._next is not None and _clock() >= self.window.end_ns:
            self._at(_clock() + LATE_NS, self.stop)
            return
        super().stop()

    def close(self) -> int:
        if self._timer is not None:
            self._timer.close()
            self._timer = None
        return super().close()

    def _add_user(self, number: int) -> None:
        """One user stands for all arrivals of this process."""

    def _begin(self, begin_ns: int) -> None:  # noqa: ARG002 - the recorders have it
        if self.state is not State.DRAINING:
            self.state = State.SENDING
        self._watch_timeouts()
        self._arrivals = islice(arrivals_ns(self.spec), self.share.index, None, self.share.count)
        self._timer = precise_timer(self._send_what_is_due)
        self._next = self._following()
        self._send_what_is_due()

    def _following(self) -> tuple[int, bool] | None:
        arrival = next(self._arrivals, None)
        return None if arrival is None else (self.recorder.begin_ns + arrival[0], arrival[1])

    def _send_what_is_due(self) -> None:
        draining = State.DRAINING
        for _ in range(IN_A_ROW):
            if self._next is None or self._next[0] > _clock() or self.state is draining:
                break
            (intended_ns, neighbour), self._next = self._next, self._following()
            stream = self._neighbours if neighbour and self._neighbours else self._measured
            if self.in_flight >= self._max_in_flight:
                stream.recorder.shed(intended_ns)
            else:
                self._ask(stream.free(), intended_ns)
        if self._next is not None and self.state is not draining and self._timer is not None:
            self._timer.at(self._next[0])

    def _ended(self, stream: RequestStream, connection: Connection, ended: int, failure: str | None) -> None:  # noqa: ARG002
        self.in_flight -= 1
        stream.keep(connection, ended)
        self._close_idle(ended)
        self._check_whether_over()

    def _close_idle(self, now_ns: int) -> None:
        """Close connections that are no longer needed.

        After a stall that opened many, a service with a limit on connections could otherwise accept no new ones.
        """
        for stream in self._streams:
            stream.close_idle(now_ns if self._next is None else now_ns - IDLE_NS)
