"""What goes over the wire: where to, and which bytes; made once and sent many times."""

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
"""Bytes of a response's head, and as many of a body's framing."""
CALLER_LIMIT = 2**20
LEAST_LIMIT = 65_536
"""Bytes of a body that are taken in any case; beyond it, twice the right body's."""


@dataclass(frozen=True)
class Origin:
    """Where a service listens, looked up once."""

    host: str
    port: int
    family: int
    address: tuple[Any, ...]

    def head(self, path: str, method: str = "GET", body_bytes: int = 0) -> bytes:
        """A request but for its body."""
        length = f"Content-Length: {body_bytes}\r\n" if method == "POST" else ""
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


class Request:
    """A request, and how its answer is taken."""

    def __init__(self, head: bytes, body: bytes = b"") -> None:
        self.head_bytes = len(head)
        self.whole = memoryview(head + body)
        self.bytes_per_s = 0
        """The pace of sending the body, where there is one, and of reading the answer where there is none; 0: none."""
        self.receives: int | None = None
        """Of an answer that is bytes of the pattern: how many. They are compared as they come, and not kept."""
        self.keeps = True
        """Whether the body of the answer is kept. Where nothing is compared with it, it is only counted."""
        self.limit = BODY_LIMIT
        """An answer of more bytes is a failure."""

    @classmethod
    def of(cls, to: Origin, exchange: Exchange) -> "Request":
        request = cls(to.head(exchange.path, exchange.method, exchange.sends), pattern(exchange.sends))
        request.receives = exchange.receives
        if exchange.sends or exchange.method == "GET":  # else it is a sender's pace, who has nothing to send
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
