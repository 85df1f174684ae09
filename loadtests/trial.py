"""The trial that is going on: what its users ask, whether to go on, and where they write down what came."""

import time
from collections.abc import Callable

from loadtests.client import Connection, RequestFailed
from loadtests.recorder import Recorder
from waitbench.results import TrialSpec

Observer = Callable[[float, int, str | None], None]
"""Told of each request as it ends: milliseconds, bytes of body, and what failed or None."""


class Trial:
    """Shared by all users of one trial."""

    def __init__(self, spec: TrialSpec, observer: Observer) -> None:
        self.spec = spec
        self.going = True
        self.recorder = Recorder(time.perf_counter_ns())
        self._observer = observer
        self._body = None if spec.body is None else spec.body.encode()
        self._joined = 0
        self.connections = 0
        """Made by users who have left."""

    def stagger_s(self) -> float:
        """How long a user waits before its first request, so that users do not fire in step: they are spread over
        one wait, or over the first half of the warm-up where that is shorter."""
        share = (self._joined % self.spec.load) / self.spec.load
        self._joined += 1
        return share * min(self.spec.params.get("ms", 0) / 1000, self.spec.warmup_s / 2)

    def run_user(self) -> None:
        """One closed-loop user on a connection of its own."""
        connection = Connection(self.spec.base_url, self.spec.timeout_s)
        try:
            self._ask_on(connection)
        finally:
            connection.close()
            self.connections += connection.made

    def _ask_on(self, connection: Connection) -> None:
        """The next request when the last one ends, until told to stop. The last is finished."""
        request = connection.request_bytes(self.spec.path)
        clock, observe, good = time.perf_counter_ns, self._observer, self.recorder.good
        while self.going:
            started = clock()
            failure, length = None, 0
            try:
                status, body = connection.exchange(request)
                length = len(body)
                if status != 200 or body != self._body:
                    failure = self._fault(status, body)
            except RequestFailed as error:
                failure = error.kind
            ended = clock()
            if failure is None:
                good(started, ended)
            else:
                self.recorder.failed(started, ended, failure)
                self._hold_off(failure)
            observe((ended - started) / 1e6, length, failure)

    def _fault(self, status: int, body: bytes) -> str | None:
        if not 200 <= status < 300:
            return f"status {status}"
        if self._body is not None and body != self._body:
            return "wrong body"
        return None

    def _hold_off(self, failure: str) -> None:
        """A service that refuses at once would be hammered in a tight loop: give it a moment."""
        if failure in ("refused", "reset", "connection failed"):
            time.sleep(0.05)
