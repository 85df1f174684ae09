"""A client for single requests, not for load."""

from gevent.event import Event

from loadtests.connection import TIMEOUT, Connection
from loadtests.request import CALLER_LIMIT, Request, origin


class RequestFailed(Exception):
    """No complete response came; `kind` is the class of the error."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Caller:
    """A connection for a greenlet that waits for each response. It is not for load."""

    def __init__(self, base_url: str, timeout_s: float) -> None:
        self.origin = origin(base_url)
        self._timeout_s = timeout_s
        self._ended = Event()
        self._connection = Connection(self.origin, Request(b""), lambda _: self._ended.set())

    def exchange(self, path: str, method: str = "GET") -> tuple[int, bytes]:
        """Send one request, and return the status and body of the response. Raises RequestFailed."""
        connection = self._connection
        self._ended.clear()
        request = Request(self.origin.head(path, method))
        request.limit = min(request.limit, CALLER_LIMIT)
        connection.change(request)
        connection.ask()
        if not self._ended.wait(self._timeout_s):
            connection.fail(TIMEOUT)
        if connection.failure:
            raise RequestFailed(connection.failure)
        return connection.status, connection.body

    @property
    def connects_ns(self) -> list[int]:
        return self._connection.connects_ns

    def close(self) -> None:
        self._connection.close()
