"""One kind of request of a trial: its connections, and the record of what became of its requests."""

import time
from collections import deque
from collections.abc import Callable

from loadtests.connection import INTACT, Connection
from loadtests.recorder import Recorder
from loadtests.request import Origin, Request
from waitbench.records.spec import Exchange

Ended = Callable[["RequestStream", Connection, int, str | None], None]
"""Called when a request has ended: its stream, its connection, when it ended (ns), and its error class or None."""
_clock = time.perf_counter_ns


class RequestStream:
    """Sends requests of one kind to one service, and records each when it ends."""

    def __init__(self, to: Origin, exchange: Exchange, then: Ended) -> None:
        self.recorder = Recorder()
        self.connections: set[Connection] = set()
        self._idle: deque[tuple[int, Connection]] = deque()
        """Open loop: idle connections with the time since when (ns). The one used last is at the end."""
        self._to, self._request, self._then = to, Request.of(to, exchange), then
        self._correct: bytes | None = exchange.body.encode() if exchange.body is not None else None
        if exchange.receives is not None:
            self._correct = INTACT
        self._request.keeps = self._correct is not None

    def connect(self) -> Connection:
        connection = Connection(self._to, self._request, self._ended)
        self.connections.add(connection)
        return connection

    def free(self) -> Connection:
        """The idle connection that was used last, or a new one."""
        return self._idle.pop()[1] if self._idle else self.connect()

    def keep(self, connection: Connection, since_ns: int) -> None:
        self._idle.append((since_ns, connection))

    def close_idle(self, until_ns: int) -> None:
        """Close connections that have been idle since `until_ns` or longer."""
        while self._idle and self._idle[0][0] <= until_ns:
            self._close(self._idle.popleft()[1])

    def close(self) -> None:
        for connection in list(self.connections):
            self._close(connection)
        self._idle.clear()

    def _close(self, connection: Connection) -> None:
        connection.close()
        self.recorder.connected(connection.connects_ns)
        self.connections.discard(connection)

    def _ended(self, connection: Connection) -> None:
        """The connection calls this when a response is complete, or when none will be."""
        ended = _clock()
        failure = connection.failure
        if failure is None and (connection.status != 200 or connection.body != self._correct):
            failure = self._fault(connection)
        if failure is None:
            self.recorder.good(connection.intended_ns, connection.sent_ns, ended)
        else:
            self.recorder.failed(connection.intended_ns, connection.sent_ns, ended, failure)
        self._then(self, connection, ended, failure)

    def _fault(self, connection: Connection) -> str | None:
        if not 200 <= connection.status < 300:
            return f"status {connection.status}"
        if self._correct is not None and connection.body != self._correct:
            return "wrong body"
        return None
