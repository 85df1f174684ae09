"""A lean HTTP/1.1 client: one connection, plain sockets under gevent, and httptools to parse.

Locust's own clients cost more per request than the services measured here; this one must not be the limit.
"""

import errno
import time
from urllib.parse import urlsplit

import gevent.socket
from httptools import HttpParserError, HttpResponseParser

RECEIVE_BYTES = 65_536
BODY_LIMIT = 64 * 2**20


class RequestFailed(Exception):
    """No whole answer came. `kind` is the class of the error, the same word for the same thing in every run."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Connection:
    """One keep-alive connection, made when first needed and again after a failure."""

    def __init__(self, base_url: str, timeout_s: float) -> None:
        parts = urlsplit(base_url)
        self.host = parts.hostname or "127.0.0.1"
        self.port = parts.port or 80
        self._timeout_s = timeout_s
        self._socket: gevent.socket.socket | None = None
        self._parser: HttpResponseParser | None = None
        self._pieces: list[bytes] = []
        self._length = 0
        self._complete = False
        self._keep = True
        self.made = 0
        """How often it had to connect."""
        self._too_long = False

    def request_bytes(self, path: str, method: str = "GET") -> bytes:
        """A request as it goes over the wire, to be made once and sent many times."""
        length = "Content-Length: 0\r\n" if method == "POST" else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{method} {path} HTTP/1.1\r\nHost: {host}:{self.port}\r\nAccept: */*\r\n{length}\r\n".encode()

    def exchange(self, request: bytes) -> tuple[int, bytes]:
        """Send a request and wait for the whole answer: its status and body. Raises RequestFailed."""
        deadline = time.monotonic() + self._timeout_s
        try:
            if self._socket is None:
                self._connect()
            return self._exchange(request, deadline)
        except RequestFailed:
            self.close()
            raise
        except TimeoutError:
            self.close()
            raise RequestFailed("timeout") from None
        except HttpParserError:
            self.close()
            raise RequestFailed("body too long" if self._too_long else "malformed answer") from None
        except OSError as error:
            self.close()
            raise RequestFailed(_KINDS.get(error.errno or 0, "connection failed")) from None

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self) -> None:
        self._socket = gevent.socket.create_connection((self.host, self.port), self._timeout_s)
        self._socket.setsockopt(gevent.socket.IPPROTO_TCP, gevent.socket.TCP_NODELAY, 1)
        self._parser = HttpResponseParser(self)
        self.made += 1

    def _exchange(self, request: bytes, deadline: float) -> tuple[int, bytes]:
        connection, parser = self._socket, self._parser
        assert connection is not None
        assert parser is not None
        self._pieces, self._length, self._complete, self._too_long = [], 0, False, False
        connection.sendall(request)
        while not self._complete:
            # A socket's time-out is for each piece; a request's is for all of them.
            connection.settimeout(max(0.001, deadline - time.monotonic()))
            received = connection.recv(RECEIVE_BYTES)
            if not received:
                raise RequestFailed("short body" if self._length else "reset")
            parser.feed_data(received)
        if not self._keep:
            self.close()
        return parser.get_status_code(), b"".join(self._pieces)

    def on_body(self, body: bytes) -> None:
        """httptools calls this with each piece of a body."""
        self._pieces.append(body)  # joined once, at the end: adding each to the last copies a long body over and over
        self._length += len(body)
        if self._length > BODY_LIMIT:
            self._too_long = True
            self._pieces.clear()
            raise RequestFailed("body too long")  # which httptools turns into an error of its own

    def on_message_complete(self) -> None:
        """httptools calls this at the end of an answer."""
        assert self._parser is not None
        self._complete = True
        # To be asked here and nowhere later: with the end of the answer the parser forgets its headers, and says no.
        self._keep = self._parser.should_keep_alive()


_KINDS = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.EPIPE: "reset",
    errno.ECONNABORTED: "reset",
}
