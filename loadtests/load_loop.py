"""The common part of closed and open loops."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from enum import Enum

import gevent
from gevent.event import Event

from loadtests.connection import Connection
from loadtests.recorder import Recorder, Window
from loadtests.request import origin
from loadtests.request_stream import RequestStream
from loadtests.share import Share
from loadtests.timeouts import Timeouts
from loadtests.timers import Timer
from waitbench.records.spec import TrialSpec

NOT_YET = Window(2**62, 2**62)
"""The window of a trial that has not begun: later than any clock."""
_clock = time.perf_counter_ns


class State(Enum):
    """Where a loop is in its trial."""

    PREPARED = "prepared"
    """Users may join; nothing is sent yet."""
    GATHERING = "gathering"
    """Closed loop only: each user sends one request and waits for the trial to begin."""
    SENDING = "sending"
    """Warm-up and window."""
    DRAINING = "draining"
    """Nothing more is sent; requests in flight are waited for."""


class LoadLoop(ABC):
    """The requests that one process sends in one trial.

    The event loop does all the work in callbacks. A Locust user joins so that Locust counts it, and then waits for
    `over`, which is set when the last response has arrived or timed out.
    """

    def __init__(self, spec: TrialSpec, share: Share = Share()) -> None:  # noqa: B008 - frozen
        """Raises OSError if the service's name has no address."""
        self.spec, self.share = spec, share
        self.state = State.PREPARED
        to = origin(spec.base_url)
        self._measured = RequestStream(to, spec, self._ended)
        slow = None if spec.alone else spec.neighbours
        self._neighbours = RequestStream(to, slow, self._ended) if slow else None
        self._streams = [stream for stream in (self._measured, self._neighbours) if stream]
        self.window = NOT_YET
        self.gathered = Event()
        """Set when every user has had a response, or when there is no user to wait for."""
        self.over = Event()
        self.in_flight = 0
        self.joined = 0
        """Users that took part."""
        self._timeouts: Timeouts | None = None
        self._timers: set[Timer] = set()

    @property
    def recorder(self) -> Recorder:
        """The record of the measured requests."""
        return self._measured.recorder

    @property
    def beside(self) -> Recorder | None:
        """The record of a mixed load's neighbours."""
        return self._neighbours.recorder if self._neighbours else None

    def join(self) -> None:
        """Take part as one of Locust's users, until the trial is over."""
        self._add_user(self.joined * self.share.count + self.share.index)
        self.joined += 1
        self.over.wait()

    def gather(self, since_ns: int) -> None:  # noqa: ARG002 - a closed loop needs it
        """From `since_ns` on (time.perf_counter_ns), let each user of a closed loop send one request and wait."""
        self.gathered.set()

    def begin(self, begin_ns: int) -> None:
        """The warm-up begins at `begin_ns` (time.perf_counter_ns), and the window after it."""
        for stream in self._streams:
            stream.recorder.begin_ns = begin_ns
        self.window = Window.of(self.spec, begin_ns)
        self._at(self.window.end_ns, self.stop)
        self._begin(begin_ns)

    def stop(self) -> None:
        """Send nothing more, and wait for the requests in flight."""
        self.state = State.DRAINING
        self.gathered.set()
        self._check_whether_over()

    def close(self) -> int:
        """Close everything, and return how many requests were still in flight. The records stay."""
        left = self.in_flight
        self.state = State.DRAINING
        for timer in self._timers:
            timer.close()
        self._timers = set()
        if self._timeouts is not None:
            self._timeouts.close()
            self._timeouts = None
        for stream in self._streams:
            stream.close()
        self.in_flight = 0
        self.gathered.set()
        self.over.set()
        return left

    @abstractmethod
    def _add_user(self, number: int) -> None:
        """One more user, with its number among all of the trial's."""

    @abstractmethod
    def _begin(self, begin_ns: int) -> None: ...

    @abstractmethod
    def _ended(self, stream: RequestStream, connection: Connection, ended: int, failure: str | None) -> None:
        """A request has ended and is recorded: decide what its connection does next."""

    def _ask(self, connection: Connection, intended_ns: int = 0) -> None:
        if self.state is not State.DRAINING:
            self.in_flight += 1
            connection.ask(intended_ns)

    def _watch_timeouts(self) -> None:
        self._timeouts = Timeouts([stream.connections for stream in self._streams], self.spec.timeout_s)

    def _check_whether_over(self) -> None:
        if self.state is State.DRAINING and self.in_flight == 0:
            self.over.set()

    def _at(self, when_ns: int, act: Callable[[], None]) -> None:
        """Call `act` at a time of time.perf_counter_ns, up to a millisecond late."""

        def due() -> None:
            self._timers.discard(timer)
            timer.close()
            act()

        timer = Timer(gevent.get_hub().loop, due)
        self._timers.add(timer)
        timer.at(when_ns)
