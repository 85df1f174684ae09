"""A lean HTTP/1.1 client: plain sockets on gevent's own event loop, and httptools to parse.

The client must not be the limit of what it measures. So a connection is a small machine that the loop drives: an
answer is read, parsed and handed over in the callback of its socket, and no greenlet is switched to for it. At 20
users that sends about twice as much from one core as a greenlet a request; see benchmarks/generator.py.
"""

import _socket
import errno
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import gevent
import gevent.socket
from gevent.event import Event
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

RECEIVE_BYTES = 65_536
PROBE_S = 1.0
BODY_LIMIT = 64 * 2**20
TIMEOUT = "timeout"
_READ, _WRITE = 1, 2
_clock = time.perf_counter_ns


@dataclass(frozen=True)
class Origin:
    """Where a service listens, looked up once."""

    host: str
    port: int
    family: int
    address: tuple[Any, ...]

    def request_bytes(self, path: str, method: str = "GET") -> bytes:
        """A request as it goes over the wire, to be made once and sent many times."""
        length = "Content-Length: 0\r\n" if method == "POST" else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{method} {path} HTTP/1.1\r\nHost: {host}:{self.port}\r\nAccept: */*\r\n{length}\r\n".encode()


def origin(base_url: str) -> Origin:
    """Raises OSError where the name has no address."""
    parts = urlsplit(base_url)
    host, port = parts.hostname or "127.0.0.1", parts.port or 80
    found = [(int(each[0]), each[4]) for each in gevent.socket.getaddrinfo(host, port, type=_socket.SOCK_STREAM)]
    # `localhost` often has two addresses, of which a service listens on one.
    listening = (each for each in found if len(found) > 1 and _listens(*each))
    return Origin(host, port, *next(listening, found[0]))


def _listens(family: int, address: tuple[Any, ...]) -> bool:
    with gevent.socket.socket(family, _socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE_S)
        return bool(probe.connect_ex(address) == 0)


class Connection:
    """One keep-alive connection with one request under way at most; made when first needed and again after a failure.

    `ask` sends the request; when the whole answer is there, or no answer will be, `ended` is called, from the loop: it
    must not block. Then `failure` is the class of the error, the same word for the same thing in every run, or None,
    and `status` and `body` are the answer. A body of more bytes than `limit` is a failure.
    """

    def __init__(
        self, to: Origin, request: bytes, ended: Callable[["Connection"], None], limit: int | None = None
    ) -> None:
        self.request = request
        self.waiting = False
        """Whether a request is under way."""
        self.intended_ns = self.sent_ns = 0
        """When the request was meant to start, and when it really did: before connecting, where that was needed."""
        self.status, self.body = 0, b""
        self.failure: str | None = None
        self.connects_ns: list[int] = []
        """How long it took each time to be connected."""
        self._to, self._ended, self._limit = to, ended, BODY_LIMIT if limit is None else limit
        self._loop = gevent.get_hub().loop
        self._socket: _socket.socket | None = None
        self._reader: Any = None
        self._writer: Any = None
        self._parser: HttpResponseParser | None = None
        self._pieces: list[bytes] = []
        self._received = 0
        self._head = b""
        self._complete = self._keep = False

    def ask(self, intended_ns: int = 0) -> None:
        """Send the request; `intended_ns` is now where it isn't given."""
        self.waiting, self.failure = True, None
        self._pieces, self._received, self._head, self._complete = [], 0, b"", False
        self.sent_ns = _clock()
        self.intended_ns = intended_ns or self.sent_ns
        if self._socket is None:
            self._connect()
        else:
            self._send(self.request)

    def fail(self, kind: str) -> None:
        """No whole answer came, or none is waited for any longer."""
        self.close()
        if self.waiting:
            self.waiting, self.failure = False, kind
            self._ended(self)

    def close(self) -> None:
        """Let the socket go; `ended` is not called."""
        for watcher in (self._reader, self._writer):
            if watcher is not None:
                watcher.stop()
                watcher.close()
        self._reader = self._writer = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self) -> None:
        try:
            self._socket = _socket.socket(self._to.family, _socket.SOCK_STREAM)
        except OSError:  # this process may have no more files
            self.fail("no socket")
            return
        self._socket.setblocking(False)
        self._socket.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        code = self._socket.connect_ex(self._to.address)
        if code not in (0, errno.EINPROGRESS):
            self.fail(_KINDS.get(code, "connection failed"))
            return
        self._when_writable(self._connected)

    def _when_writable(self, go_on: Callable[[], None]) -> None:
        assert self._socket is not None

        def writable() -> None:
            self._writer.stop()
            self._writer.close()
            self._writer = None
            go_on()

        self._writer = self._loop.io(self._socket.fileno(), _WRITE)
        self._writer.start(writable)

    def _connected(self) -> None:
        assert self._socket is not None
        if code := self._socket.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR):
            self.fail(_KINDS.get(code, "connection failed"))
            return
        self.connects_ns.append(_clock() - self.sent_ns)
        self._parser = HttpResponseParser(self)
        self._reader = self._loop.io(self._socket.fileno(), _READ)
        self._reader.start(self._readable)
        self._send(self.request)

    def _send(self, data: bytes) -> None:
        assert self._socket is not None
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self.fail(_KINDS.get(error.errno or 0, "connection failed"))
            return
        if sent < len(data):  # the kernel's buffer is full
            self._when_writable(lambda: self._send(data[sent:]))

    def _readable(self) -> None:
        assert self._socket is not None
        assert self._parser is not None
        try:
            received = self._socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self.fail(_KINDS.get(error.errno or 0, "connection failed"))
            return
        if not self.waiting:  # the service has closed an idle connection, or says what nobody asked for
            self.close()
            return
        if not received:
            self._cut_short()
            return
        try:
            self._parser.feed_data(received)
        except (HttpParserError, HttpParserUpgrade):
            self.fail("body too long" if self._received > self._limit else "malformed answer")
            return
        if self._complete:
            self._whole()
        elif b"\r\n\r\n" not in self._head:
            self._head += received

    def _whole(self) -> None:
        assert self._parser is not None
        self.status = self._parser.get_status_code()
        if self.status < 200:  # "go on", and the like: the answer is still to come
            self._complete = False
            return
        self.body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        if not self._keep:
            self.close()
        self.waiting = False
        self._ended(self)

    def _cut_short(self) -> None:
        """The service has closed the connection: where it had said no length, that is how the answer ends."""
        head, end, _ = self._head.lower().partition(b"\r\n\r\n")
        if end and b"\ncontent-length:" not in head and b"\ntransfer-encoding:" not in head:
            self._keep = False
            self._whole()
            return
        self.fail("short body" if self._received else "reset")

    def on_body(self, piece: bytes) -> None:
        """httptools calls this with each piece of a body."""
        self._pieces.append(piece)
        self._received += len(piece)
        if self._received > self._limit:
            raise OverflowError  # which httptools turns into an error of its own

    def on_message_complete(self) -> None:
        """httptools calls this at the end of an answer."""
        assert self._parser is not None
        self._complete = True
        # To be asked here and nowhere later: with the end of the answer the parser forgets its headers, and says no.
        self._keep = self._parser.should_keep_alive()


class Deadlines:
    """Ends requests that are under way for longer than `timeout_s`.

    All have the same time-out, so nothing can be due before the earliest of those under way now: one timer that is
    set anew when it fires is enough, and a request costs nothing.
    """

    def __init__(self, connections: Iterable[Connection], timeout_s: float) -> None:
        self._connections, self._timeout_ns = connections, int(timeout_s * 1e9)
        self._timer = gevent.get_hub().loop.timer(timeout_s)
        self._timer.start(self._look)

    def _look(self) -> None:
        now = _clock()
        for connection in list(self._connections):
            if connection.waiting and connection.sent_ns + self._timeout_ns <= now:
                connection.fail(TIMEOUT)
        earliest = min((each.sent_ns for each in self._connections if each.waiting), default=now)
        self._timer.stop()
        self._timer.close()
        self._timer = gevent.get_hub().loop.timer(max(0.0, (earliest + self._timeout_ns - _clock()) / 1e9))
        self._timer.start(self._look)

    def close(self) -> None:
        self._timer.stop()
        self._timer.close()


class RequestFailed(Exception):
    """No whole answer came; `kind` is the class of the error."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Caller:
    """A connection for a greenlet that waits for its answers: not for load."""

    def __init__(self, base_url: str, timeout_s: float) -> None:
        self.origin = origin(base_url)
        self._timeout_s = timeout_s
        self._there = Event()
        self._connection = Connection(self.origin, b"", lambda _: self._there.set())

    def exchange(self, path: str, method: str = "GET") -> tuple[int, bytes]:
        """The status and the body. Raises RequestFailed."""
        connection = self._connection
        self._there.clear()
        connection.request = self.origin.request_bytes(path, method)
        connection.ask()
        if not self._there.wait(self._timeout_s):
            connection.fail(TIMEOUT)
        if connection.failure:
            raise RequestFailed(connection.failure)
        return connection.status, connection.body

    @property
    def connects_ns(self) -> list[int]:
        return self._connection.connects_ns

    def close(self) -> None:
        self._connection.close()


_KINDS = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.EPIPE: "reset",
    errno.ECONNABORTED: "reset",
}
