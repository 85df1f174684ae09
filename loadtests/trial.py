"""One process's share of a trial: who asks when, and when nobody does any more."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import gevent
from gevent.event import Event

from loadtests.alarm import alarm
from loadtests.arrivals import schedule_ns
from loadtests.client import Connection, Deadlines, origin
from loadtests.recorder import Recorder, Window
from waitbench.results import TrialSpec

HOLD_OFF_S = 0.05
IDLE_NS = 1_000_000_000
LEAST_LIMIT = 65_536
"""Bytes of a body that are taken in any case; beyond it, twice the right body's."""
IN_A_ROW = 50
"""Sends after which a late open loop lets the answers be read before it goes on."""
_clock = time.perf_counter_ns


@dataclass(frozen=True)
class Stripe:
    """Which share of a trial: the `index`-th of `count` Locust workers plays every `count`-th arrival or user."""

    index: int = 0
    count: int = 1

    def of(self, whole: int) -> int:
        """This share of so many things that can't be divided; the shares add up."""
        return whole // self.count + (self.index < whole % self.count)


class Trial:
    """What is shared by all users of one trial in this process.

    Users join; with `begin` the clock of the trial starts, and everything from then on is the event loop's doing: a
    user is there to be counted by Locust, and has nothing to do. Nothing is asked once the window has closed; when
    the last answer has come, or timed out, `over` is set.
    """

    def __init__(self, spec: TrialSpec, stripe: Stripe = Stripe()) -> None:
        self.spec, self.stripe = spec, stripe
        self.going = True
        """Whether requests are still to be sent."""
        self.recorder = Recorder()
        self.window = Window(0, 0)
        self.over = Event()
        self.under_way = 0
        self._loop = gevent.get_hub().loop
        self._body = None if spec.body is None else spec.body.encode()
        to = origin(spec.base_url)
        request = to.request_bytes(spec.path)
        limit = None if self._body is None else max(LEAST_LIMIT, 2 * len(self._body))
        self._new: Callable[[], Connection] = lambda: Connection(to, request, self._ended, limit)
        self._connections: set[Connection] = set()
        self._idle: deque[tuple[int, Connection]] = deque()
        """Of an open loop: since when, and which; the one used last is at the end."""
        self._users: list[tuple[Connection, int]] = []
        self._deadlines: Deadlines | None = None
        self._alarm: Any = None
        self._timers: set[Any] = set()
        self.joined = 0
        self._schedule: Iterator[int] = iter(())
        self._next_ns: int | None = None
        self._most = stripe.of(spec.max_in_flight)

    def join(self) -> None:
        """What one of Locust's users does: a closed loop has one more who asks; until the trial is over."""
        share = self.joined * self.stripe.count + self.stripe.index
        self.joined += 1
        if self.spec.load_model == "closed":
            user = (self._connect(), int(self._stagger_s(share) * 1e9))
            self._users.append(user)
            if self.window.end_ns:
                self._first(*user)
        self.over.wait()

    def begin(self, begin_ns: int) -> None:
        """The warm-up begins then, on the clock of time.perf_counter_ns, and the window after it."""
        spec = self.spec
        self.recorder.begin_ns = begin_ns
        self.window = Window.of(spec, begin_ns)
        self._deadlines = Deadlines(self._connections, spec.timeout_s)
        self._at(self.window.end_ns, self.stop)
        if spec.load_model == "open":
            self._schedule = islice(schedule_ns(spec), self.stripe.index, None, self.stripe.count)
            self._alarm = alarm(self._send_what_is_due)
            self._next_ns = self._following_ns()
            self._send_what_is_due()
        else:
            for user in self._users:
                self._first(*user)

    def stop(self) -> None:
        """Nothing more is sent; what is under way is waited for. An open loop's schedule ends by itself."""
        if self.spec.load_model == "open" and self._next_ns is not None and _clock() >= self.window.end_ns:
            self._at(_clock() + 1_000_000, self.stop)  # it is late: what was meant for the window is sent, or shed
            return
        self.going = False
        self._see_whether_over()

    def close(self) -> int:
        """Let go of everything, whatever is under way: how many requests that were. What was written down stays."""
        left = self.under_way
        self.going = False
        for timer in self._timers:
            timer.close()
        if self._deadlines is not None:
            self._deadlines.close()
        if self._alarm is not None:
            self._alarm.close()
        self._deadlines = self._alarm = None
        self._timers = set()
        for connection in list(self._connections):
            self._let_go(connection)
        self._users, self.under_way = [], 0
        self._idle.clear()
        self.over.set()
        return left

    def _stagger_s(self, share: int) -> float:
        """How long a user waits before its first request, so that users do not fire in step: they are spread over
        one wait, or over the first half of the warm-up where that is shorter."""
        part = (share % self.spec.load) / self.spec.load
        return part * min(self.spec.params.get("ms", 0) / 1000, self.spec.warmup_s / 2)

    def _connect(self) -> Connection:
        connection = self._new()
        self._connections.add(connection)
        return connection

    def _first(self, user: Connection, stagger_ns: int) -> None:
        """A closed loop's user begins, out of step with the others."""
        self._at(self.recorder.begin_ns + stagger_ns, lambda: self._ask(user))

    def _ask(self, connection: Connection, intended_ns: int = 0) -> None:
        if self.going:
            self.under_way += 1
            connection.ask(intended_ns)

    def _ended(self, connection: Connection) -> None:
        """An answer is there, or none will be: it is written down, and a closed loop's user asks again."""
        ended = _clock()
        failure = connection.failure
        if failure is None and (connection.status != 200 or connection.body != self._body):
            failure = self._fault(connection)
        if failure is None:
            self.recorder.good(connection.intended_ns, connection.sent_ns, ended)
        else:
            self.recorder.failed(connection.intended_ns, connection.sent_ns, ended, failure)
        if self._alarm is not None:
            self.under_way -= 1
            self._idle.append((ended, connection))
            self._close_idle(ended)
        elif not self.going or ended >= self.window.end_ns:
            self.under_way -= 1
        elif failure in _AT_ONCE:
            # A service that refuses at once would be hammered: give it a moment.
            self.under_way -= 1
            self._at(ended + int(HOLD_OFF_S * 1e9), lambda: self._ask(connection))
        else:
            connection.ask()
        if not self.going:
            self._see_whether_over()

    def _fault(self, connection: Connection) -> str | None:
        if not 200 <= connection.status < 300:
            return f"status {connection.status}"
        if self._body is not None and connection.body != self._body:
            return "wrong body"
        return None

    def _following_ns(self) -> int | None:
        """When the next request of the schedule is meant to start; None when none is left."""
        offset = next(self._schedule, None)
        return None if offset is None else self.recorder.begin_ns + offset

    def _send_what_is_due(self) -> None:
        """Open loop: every request at its time, whatever became of the ones before.

        Each goes on the connection used last, or on a new one; where `max_in_flight` are under way it is shed, and
        counted.
        """
        for _ in range(IN_A_ROW):
            if self._next_ns is None or self._next_ns > _clock() or not self.going:
                break
            intended_ns, self._next_ns = self._next_ns, self._following_ns()
            if self.under_way >= self._most:
                self.recorder.shed(intended_ns)
            else:
                self._ask(self._idle.pop()[1] if self._idle else self._connect(), intended_ns)
        if self._next_ns is not None and self.going:
            self._alarm.at(self._next_ns)

    def _close_idle(self, now_ns: int) -> None:
        """A connection that nobody has needed for a while, or that nobody will need any more. A service with a limit on
        connections could not accept new ones otherwise, after a stall that took many: these would starve."""
        while self._idle and (self._next_ns is None or now_ns - self._idle[0][0] > IDLE_NS):
            self._let_go(self._idle.popleft()[1])

    def _let_go(self, connection: Connection) -> None:
        connection.close()
        self.recorder.connected(connection.connects_ns)
        self._connections.discard(connection)

    def _see_whether_over(self) -> None:
        if not self.going and self.under_way == 0:
            self.over.set()

    def _at(self, when_ns: int, act: Callable[[], None]) -> None:
        """On the loop's own timers, which are late by up to a millisecond."""
        timer = self._loop.timer(max(0.0, (when_ns - _clock()) / 1e9))

        def due() -> None:
            self._timers.discard(timer)
            timer.close()
            act()

        self._timers.add(timer)
        timer.start(due, update=True)


_AT_ONCE = {"refused", "reset", "connection failed", "no socket"}
