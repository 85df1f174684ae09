"""The address of a service and the bytes of a request, made once and used many times."""

import _socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import gevent.socket

from waitbench.records.payload import pattern
from waitbench.records.spec import Exchange

PROBE_S = 1.0
BODY_LIMIT = 64 * 2**20
HEAD_LIMIT = 65_536
"""Limit for the bytes of a response's head, and for those of its body's framing."""
CALLER_LIMIT = 2**20
LEAST_LIMIT = 65_536
"""Bytes of a body that are always accepted. A longer body may have twice the bytes of the correct one."""


@dataclass(frozen=True)
class Origin:
    """Where a service listens, looked up once."""

    host: str
    port: int
    family: int
    address: tuple[Any, ...]

    def head(self, path: str, method: str = "GET", body_bytes: int = 0) -> bytes:
        """Return a request without its body."""
        length = f"Content-Length: {body_bytes}\r\n" if method == "POST" else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{method} {path} HTTP/1.1\r\nHost: {host}:{self.port}\r\nAccept: */*\r\n{length}\r\n".encode()


def origin(base_url: str) -> Origin:
    """Look up where a service listens. Raises OSError if its name has no address."""
    parts = urlsplit(base_url)
    host, port = parts.hostname or "127.0.0.1", parts.port or 80
    found = [(int(each[0]), each[4]) for each in gevent.socket.getaddrinfo(host, port, type=_socket.SOCK_STREAM)]
    # `localhost` often has two addresses, and a service listens on one of them.
    listening = (each for each in found if len(found) > 1 and _listens(*each))
    return Origin(host, port, *next(listening, found[0]))


def _listens(family: int, address: tuple[Any, ...]) -> bool:
    with gevent.socket.socket(family, _socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE_S)
        return bool(probe.connect_ex(address) == 0)


class Request:
    """A request, and how its response is read."""

    def __init__(self, head: bytes, body: bytes = b"") -> None:
        self.head_bytes = len(head)
        self.whole = memoryview(head + body)
        self.bytes_per_s = 0
        """The pace of sending the body, or of reading the response if there is no body; 0: no limit."""
        self.receives: int | None = None
        """Length of a response of pattern bytes, which are compared as they come and not kept; else None."""
        self.keeps = True
        """Whether the body of the response is kept. If nothing is compared with it, it is only counted."""
        self.limit = BODY_LIMIT
        """A response with a longer body is a failure."""

    @classmethod
    def of(cls, to: Origin, exchange: Exchange) -> "Request":
        request = cls(to.head(exchange.path, exchange.method, exchange.sends), pattern(exchange.sends))
        request.receives = exchange.receives
        if exchange.sends or exchange.method == "GET":  # else it is a sender's pace, and there is nothing to send
            request.bytes_per_s = exchange.bytes_per_s
        if exchange.receives is not None:
            request.limit = exchange.receives + LEAST_LIMIT
        elif exchange.body is not None:
            request.limit = max(LEAST_LIMIT, 2 * len(exchange.body))
        return request

    @property
    def has_body(self) -> bool:
        return len(self.whole) > self.head_bytes

    @property
    def reads_slowly(self) -> bool:
        return self.bytes_per_s > 0 and not self.has_body
