"""The trial that is going on: what its users ask, whether to go on, and where they write down what came."""

import time

import gevent
from gevent.pool import Group

from loadtests.arrivals import schedule_ns
from loadtests.client import Connection, RequestFailed
from loadtests.recorder import Recorder
from waitbench.results import TrialSpec

IDLE_NS = 30 * 10**9
REST_EVERY = 50
"""Sends after which a late open loop lets the answers be read before it goes on."""


class Trial:
    """Shared by all users of one trial."""

    def __init__(self, spec: TrialSpec) -> None:
        self.spec = spec
        self.going = True
        self.recorder = Recorder(time.perf_counter_ns())
        self._body = None if spec.body is None else spec.body.encode()
        self._joined = 0
        self.connections = 0
        """Made by users who have left."""

    def run_user(self) -> None:
        """What one of Locust's users does for the whole trial."""
        if self.spec.load_model == "open":
            self._send_on_schedule()
        else:
            self._ask_in_turn()

    def _stagger_s(self) -> float:
        """How long a user waits before its first request, so that users do not fire in step: they are spread over
        one wait, or over the first half of the warm-up where that is shorter."""
        share = (self._joined % self.spec.load) / self.spec.load
        self._joined += 1
        return share * min(self.spec.params.get("ms", 0) / 1000, self.spec.warmup_s / 2)

    def _ask_in_turn(self) -> None:
        """Closed loop: the next request when the last one ends, until told to stop. The last is finished."""
        gevent.sleep(self._stagger_s())
        connection = Connection(self.spec.base_url, self.spec.timeout_s)
        request = connection.request_bytes(self.spec.path)
        clock = time.perf_counter_ns
        try:
            while self.going:
                self._ask(connection, request, clock())
        finally:
            connection.close()
            self.connections += connection.made

    def _send_on_schedule(self) -> None:
        """Open loop: every request at its time, whatever became of the ones before.

        Each goes on an idle connection, or a new one; where `max_in_flight` are under way it is shed, and counted. A
        late schedule is played to its end, so that what was meant for the window is sent or shed, never forgotten.
        """
        idle: list[tuple[Connection, int]] = []
        under_way = Group()
        request = Connection(self.spec.base_url, self.spec.timeout_s).request_bytes(self.spec.path)
        since_rest = 0
        for offset_ns in schedule_ns(self.spec):
            intended_ns = self.recorder.begin_ns + offset_ns
            ahead_ns = intended_ns - time.perf_counter_ns()
            since_rest += 1
            if ahead_ns > 0 or since_rest > REST_EVERY:
                gevent.sleep(max(0, ahead_ns) / 1e9)
                since_rest = 0
            if len(under_way) >= self.spec.max_in_flight:
                self.recorder.shed(intended_ns)
            else:
                connection = self._fresh(idle)
                under_way.spawn(self._ask_once, connection, request, intended_ns, idle)
        under_way.join()
        for connection, _ in idle:
            connection.close()
            self.connections += connection.made
        while self.going:  # the schedule ends a moment before the window does
            gevent.sleep(0.01)

    def _ask_once(
        self, connection: Connection, request: bytes, intended_ns: int, idle: list[tuple[Connection, int]]
    ) -> None:
        try:
            self._ask(connection, request, intended_ns)
        finally:
            idle.append((connection, time.perf_counter_ns()))

    def _fresh(self, idle: list[tuple[Connection, int]]) -> Connection:
        """The connection used last, or a new one. One that idled for long is made anew: the service may close it just
        as it is used again, and that would be an error of ours."""
        if not idle:
            return Connection(self.spec.base_url, self.spec.timeout_s)
        connection, since_ns = idle.pop()
        if time.perf_counter_ns() - since_ns > IDLE_NS:
            connection.close()
        return connection

    def _ask(self, connection: Connection, request: bytes, intended_ns: int) -> None:
        """One request, written down whatever becomes of it."""
        sent = time.perf_counter_ns()
        failure = None
        try:
            status, body = connection.exchange(request)
            if status != 200 or body != self._body:
                failure = self._fault(status, body)
        except RequestFailed as error:
            failure = error.kind
        ended = time.perf_counter_ns()
        if failure is None:
            self.recorder.good(intended_ns, sent, ended)
        else:
            self.recorder.failed(intended_ns, sent, ended, failure)
            self._hold_off(failure)

    def _fault(self, status: int, body: bytes) -> str | None:
        if not 200 <= status < 300:
            return f"status {status}"
        if self._body is not None and body != self._body:
            return "wrong body"
        return None

    def _hold_off(self, failure: str) -> None:
        """A service that refuses at once would be hammered in a tight loop: give it a moment."""
        if self.spec.load_model == "closed" and failure in ("refused", "reset", "connection failed"):
            time.sleep(0.05)
