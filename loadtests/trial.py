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
from loadtests.arrivals import arrivals_ns
from loadtests.client import INTACT, Connection, Deadlines
from loadtests.recorder import Recorder, Window
from loadtests.request import Origin, Request, origin
from waitbench.records.spec import Exchange, TrialSpec

COME_S = 0.5
"""Users who do not wait have their first request spread over so long."""
HOLD_OFF_S = 0.05
IDLE_NS = 1_000_000_000
IN_A_ROW = 50
"""Sends after which a late open loop lets the answers be read before it goes on."""
NOT_YET = Window(2**62, 2**62)
"""Of a trial that has not begun: later than any clock."""
_clock = time.perf_counter_ns


@dataclass(frozen=True)
class Stripe:
    """Which share of a trial: the `index`-th of `count` Locust workers plays every `count`-th arrival or user."""

    index: int = 0
    count: int = 1

    def of(self, whole: int) -> int:
        """This share of so many things that can't be divided; the shares add up."""
        return whole // self.count + (self.index < whole % self.count)


class Lane:
    """One kind of request of a trial: what it asks, on which connections, and what became of it."""

    def __init__(
        self, to: Origin, exchange: Exchange, then: "Callable[[Lane, Connection, int, str | None], None]"
    ) -> None:
        self.recorder = Recorder()
        self.connections: set[Connection] = set()
        self._idle: deque[tuple[int, Connection]] = deque()
        """Of an open loop: since when, and which; the one used last is at the end."""
        self._to, self._request, self._then = to, Request.of(to, exchange), then
        self._right: bytes | None = exchange.body.encode() if exchange.body is not None else None
        if exchange.receives is not None:
            self._right = INTACT
        self._request.keeps = self._right is not None

    def connect(self) -> Connection:
        connection = Connection(self._to, self._request, self._ended)
        self.connections.add(connection)
        return connection

    def free(self) -> Connection:
        """The connection used last of those that have nothing to do, or a new one."""
        return self._idle.pop()[1] if self._idle else self.connect()

    def keep(self, connection: Connection, since_ns: int) -> None:
        self._idle.append((since_ns, connection))

    def close_idle(self, until_ns: int) -> None:
        """Those that nobody has used since then."""
        while self._idle and self._idle[0][0] <= until_ns:
            self._let_go(self._idle.popleft()[1])

    def close(self) -> None:
        for connection in list(self.connections):
            self._let_go(connection)
        self._idle.clear()

    def _let_go(self, connection: Connection) -> None:
        connection.close()
        self.recorder.connected(connection.connects_ns)
        self.connections.discard(connection)

    def _ended(self, connection: Connection) -> None:
        """An answer is there, or none will be: it is written down."""
        ended = _clock()
        failure = connection.failure
        if failure is None and (connection.status != 200 or connection.body != self._right):
            failure = self._fault(connection)
        if failure is None:
            self.recorder.good(connection.intended_ns, connection.sent_ns, ended)
        else:
            self.recorder.failed(connection.intended_ns, connection.sent_ns, ended, failure)
        self._then(self, connection, ended, failure)

    def _fault(self, connection: Connection) -> str | None:
        if not 200 <= connection.status < 300:
            return f"status {connection.status}"
        if self._right is not None and connection.body != self._right:
            return "wrong body"
        return None


class Trial:
    """What is shared by all users of one trial in this process.

    Users join; with `gather` each of a closed loop asks once, with `begin` the clock of the trial starts. All that is
    the event loop's doing: a user is there to be counted by Locust, and has nothing to do. Nothing is asked once the
    window has closed; when the last answer has come, or timed out, `over` is set.
    """

    def __init__(self, spec: TrialSpec, stripe: Stripe = Stripe()) -> None:
        self.spec, self.stripe = spec, stripe
        self.going = True
        """Whether requests are still to be sent."""
        to = origin(spec.base_url)
        self._measured = Lane(to, spec, self._ended)
        self._beside = Lane(to, spec.beside, self._ended) if spec.beside and not spec.alone else None
        self._lanes = [lane for lane in (self._measured, self._beside) if lane]
        self.window = NOT_YET
        self.gathered = Event()
        """Whether every user has had an answer; an open loop, or a stripe without users, has nobody to wait for."""
        self.over = Event()
        self.under_way = 0
        self.joined = 0
        self._loop = gevent.get_hub().loop
        self._users: dict[Connection, int] = {}
        """Of a closed loop, each with its place among all of the trial's."""
        self._asking_since_ns = 0
        """From when on a user who joins asks; 0 while nobody does."""
        self._holding: list[Connection] | None = None
        """While users gather: who has had his answer."""
        self._deadlines: Deadlines | None = None
        self._alarm: Any = None
        self._timers: set[Any] = set()
        self._arrivals: Iterator[tuple[int, bool]] = iter(())
        self._next: tuple[int, bool] | None = None
        """The next arrival, and whether it is a neighbour's; None when none is left."""
        self._most = stripe.of(spec.max_in_flight)

    @property
    def recorder(self) -> Recorder:
        """Of the measured requests."""
        return self._measured.recorder

    @property
    def beside(self) -> Recorder | None:
        """Of a mixed load's neighbours."""
        return self._beside.recorder if self._beside else None

    def join(self) -> None:
        """What one of Locust's users does: a closed loop has one more who asks; until the trial is over."""
        share = self.joined * self.stripe.count + self.stripe.index
        self.joined += 1
        if self.spec.load_model == "closed":
            user = self._measured.connect()
            self._users[user] = share
            if self._asking_since_ns:
                self._first(user)
        self.over.wait()

    def gather(self, since_ns: int) -> None:
        """From then on, on the clock of time.perf_counter_ns, each user of a closed loop asks once and then waits for
        `begin`; those who have no answer by then go on when it comes.

        Many servers accept one connection each time round their event loop, and one that is busy with users who ask
        again and again comes round so slowly that the last of hundreds would not be accepted before the window closes.
        Fewer users than the plan says would be measured, and nobody would see the latency of the others.
        """
        if self.spec.load_model == "closed":
            self._holding = []
            self._come(since_ns)
        if not self._users:
            self.gathered.set()

    def begin(self, begin_ns: int) -> None:
        """The warm-up begins then, on the clock of time.perf_counter_ns, and the window after it."""
        spec = self.spec
        for lane in self._lanes:
            lane.recorder.begin_ns = begin_ns
        self.window = Window.of(spec, begin_ns)
        self._at(self.window.end_ns, self.stop)
        if spec.load_model == "open":
            self._watch_deadlines()
            self._arrivals = islice(arrivals_ns(spec), self.stripe.index, None, self.stripe.count)
            self._alarm = alarm(self._send_what_is_due)
            self._next = self._following()
            self._send_what_is_due()
        elif self._holding is None:
            self._come(begin_ns)
        else:
            gathered, self._holding = self._holding, None
            for user in gathered:
                self._ask_at(user, begin_ns + self._out_of_step_ns(user))

    def stop(self) -> None:
        """Nothing more is sent; what is under way is waited for. An open loop's schedule ends by itself."""
        if self.spec.load_model == "open" and self._next is not None and _clock() >= self.window.end_ns:
            self._at(_clock() + 1_000_000, self.stop)  # it is late: what was meant for the window is sent, or shed
            return
        self.going = False
        self.gathered.set()
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
        for lane in self._lanes:
            lane.close()
        self._users, self._holding, self.under_way = {}, None, 0
        self.gathered.set()
        self.over.set()
        return left

    def _come(self, since_ns: int) -> None:
        """Every user of a closed loop asks for the first time, and so does who joins later."""
        self._watch_deadlines()
        self._asking_since_ns = since_ns
        for user in self._users:
            self._first(user)

    def _first(self, user: Connection) -> None:
        """Users do not come at once: of connections that do a kernel may give one process of several all."""
        apart_ns = self._out_of_step_ns(user) if self.spec.least_s else self._spread_ns(user, COME_S)
        self._ask_at(user, self._asking_since_ns + apart_ns)

    def _out_of_step_ns(self, user: Connection) -> int:
        """Users who begin together would fire together for ever where the wait is constant: they are spread over
        one."""
        return self._spread_ns(user, self.spec.least_s)

    def _spread_ns(self, user: Connection, over_s: float) -> int:
        """When this user's turn is, of all spread over so many seconds, or half the warm-up where that is shorter."""
        part = self._users[user] % self.spec.load / self.spec.load
        return int(part * min(over_s, self.spec.warmup_s / 2) * 1e9)

    def _ask_at(self, user: Connection, when_ns: int) -> None:
        self._at(when_ns, lambda: self._ask(user))

    def _watch_deadlines(self) -> None:
        self._deadlines = Deadlines([lane.connections for lane in self._lanes], self.spec.timeout_s)

    def _hold(self, user: Connection) -> None:
        """He has had his first answer, and waits for the others."""
        assert self._holding is not None
        self.under_way -= 1
        self._holding.append(user)
        if len(self._holding) == len(self._users):
            self.gathered.set()

    def _ask(self, connection: Connection, intended_ns: int = 0) -> None:
        if self.going:
            self.under_way += 1
            connection.ask(intended_ns)

    def _ended(self, lane: Lane, connection: Connection, ended: int, failure: str | None) -> None:
        """It is written down what became of a request: a closed loop's user asks again."""
        if self._alarm is not None:
            self.under_way -= 1
            lane.keep(connection, ended)
            self._close_idle(ended)
        elif not self.going or ended >= self.window.end_ns:
            self.under_way -= 1
        elif failure in _AT_ONCE:
            # A service that refuses at once would be hammered: give it a moment.
            self.under_way -= 1
            self._ask_at(connection, ended + int(HOLD_OFF_S * 1e9))
        elif self._holding is None:
            connection.ask()
        else:
            self._hold(connection)
        if not self.going:
            self._see_whether_over()

    def _following(self) -> tuple[int, bool] | None:
        """When the next request of the schedule is meant to start, on the clock, and whether it is a neighbour's."""
        arrival = next(self._arrivals, None)
        return None if arrival is None else (self.recorder.begin_ns + arrival[0], arrival[1])

    def _send_what_is_due(self) -> None:
        """Open loop: every request at its time, whatever became of the ones before.

        Each goes on the connection used last, or on a new one; where `max_in_flight` are under way it is shed, and
        counted.
        """
        for _ in range(IN_A_ROW):
            if self._next is None or self._next[0] > _clock() or not self.going:
                break
            (intended_ns, beside), self._next = self._next, self._following()
            lane = self._beside if beside and self._beside else self._measured
            if self.under_way >= self._most:
                lane.recorder.shed(intended_ns)
            else:
                self._ask(lane.free(), intended_ns)
        if self._next is not None and self.going:
            self._alarm.at(self._next[0])

    def _close_idle(self, now_ns: int) -> None:
        """A connection that nobody has needed for a while, or that nobody will need any more. A service with a limit on
        connections could not accept new ones otherwise, after a stall that took many: these would starve."""
        for lane in self._lanes:
            lane.close_idle(now_ns if self._next is None else now_ns - IDLE_NS)

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
