"""A lean HTTP/1.1 client: plain sockets on gevent's event loop, and httptools as the parser.

The client must not limit what it measures, so callbacks of the loop drive each connection. The callback of a socket
reads, parses and hands over a response, without a switch to a greenlet. With 20 users, one core sends about twice as
many requests as with a greenlet for each; see benchmarks/generator.py.
"""

import _socket
import errno
import re
import time
from collections.abc import Callable
from typing import Any

import gevent
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from loadtests.request import HEAD_LIMIT, Origin, Request
from loadtests.throttle import Throttle
from waitbench.records.payload import pattern

RECEIVE_BYTES = 65_536
SLOW_READER_BYTES = 65_536
"""The receive buffer of a client that reads slowly. By default the kernel would take in megabytes for it."""
FRAMING = 8
"""A chunked body may take this many times the bytes of its content. Chunks of one byte take six times as many."""
TIMEOUT = "timeout"
INTACT = b"the pattern"
"""The body that is reported when exactly the expected bytes of the pattern came."""
_PATTERN = pattern(RECEIVE_BYTES + 251)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d{1,18})\r\n", re.IGNORECASE)
_READ, _WRITE = 1, 2
_KINDS = {errno.ECONNREFUSED: "refused", errno.ECONNRESET: "reset", errno.EPIPE: "reset", errno.ECONNABORTED: "reset"}
"""The classes of a socket's errors. Any other error is "connection failed"."""
_clock = time.perf_counter_ns


class Connection:
    """A keep-alive connection with at most one request in flight. It connects when first used, and after a failure.

    `ask` sends the request. The loop calls `ended` when the response is complete, or when none will be; `ended` must
    not block. Then `failure` is None or the error class, one word that is the same in every run. `status` and `body`
    hold the response. Bytes of the pattern are compared as they come and not kept; `body` is then INTACT or empty.
    """

    def __init__(self, to: Origin, request: Request, ended: Callable[["Connection"], None]) -> None:
        self.change(request)
        self.waiting = False
        """Whether a request is in flight."""
        self.intended_ns = self.sent_ns = 0
        """When the request was meant to start, and when it did: before connecting, if that was needed."""
        self.status, self.body = 0, b""
        self.failure: str | None = None
        self.connects_ns: list[int] = []
        """How long it took each time to connect, in nanoseconds."""
        self._to, self._ended = to, ended
        self._intact = True
        self._loop = gevent.get_hub().loop
        self._socket: _socket.socket | None = None
        self._reader: Any = None
        self._writer: Any = None
        self._throttle: Throttle | None = None
        self._unsent = 0
        """Bytes of a request with a body that are not sent yet."""
        self._parser: HttpResponseParser | None = None
        self._pieces: list[bytes] = []
        self._received = self._raw_received = 0
        self._head = b""
        self._complete = self._keep = False

    def change(self, request: Request) -> None:
        """Send this request from now on."""
        self.request = request
        self._plain = None if request.has_body else bytes(request.whole)
        self._limit, self._receives, self._slow_reader = request.limit, request.receives, request.reads_slowly
        self._keeps = request.keeps

    def ask(self, intended_ns: int = 0) -> None:
        """Send the request, which was meant to start at `intended_ns`; 0 means now."""
        self.waiting, self.failure = True, None
        self._pieces, self._received, self._raw_received, self._head, self._complete = [], 0, 0, b"", False
        self.sent_ns = _clock()
        self.intended_ns = intended_ns or self.sent_ns
        if self._socket is None:
            self._connect()
        elif self._plain is not None:
            self._send(self._plain)
        else:
            self._send_body()

    def fail(self, kind: str) -> None:
        """End the request: no complete response came, or it is not waited for any longer."""
        self.close()
        if self.waiting:
            self.waiting, self.failure = False, kind
            self._ended(self)

    def close(self) -> None:
        """Close the socket, without calling `ended`."""
        for watcher in (self._reader, self._writer):
            if watcher is not None:
                watcher.stop()
                watcher.close()
        self._reader = self._writer = None
        self._drop_throttle()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self) -> None:
        try:
            self._socket = _socket.socket(self._to.family, _socket.SOCK_STREAM)
        except OSError:  # this process may open no more files
            self.fail("no socket")
            return
        self._socket.setblocking(False)
        self._socket.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        if self.request.reads_slowly:  # before connecting, which fixes how far the window can grow
            self._socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_RCVBUF, SLOW_READER_BYTES)
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
        if self._plain is not None:
            self._send(self._plain)
        else:
            self._send_body()

    def _send_body(self) -> None:
        """Send a request that has a body."""
        self._unsent = len(self.request.whole)
        if self.request.bytes_per_s:
            self._throttle = Throttle(self._loop, self.request.bytes_per_s, self._send_on)
        self._send_on()

    def _send_on(self) -> None:
        """Send the bytes of a request with a body that may go by now."""
        assert self._socket is not None
        whole, head_bytes = self.request.whole, self.request.head_bytes
        end = min(len(whole), head_bytes + self._throttle.granted) if self._throttle else len(whole)
        while (begin := len(whole) - self._unsent) < end:
            try:
                self._unsent -= self._socket.send(whole[begin:end])
            except BlockingIOError:
                self._when_writable(self._send_on)
                return
            except OSError:  # the service reads no more, but may have sent a response before
                self._drop_throttle()
                return
        if self._unsent:
            assert self._throttle is not None
            self._throttle.wait(end - head_bytes, self._unsent)
        else:
            self._drop_throttle()

    def _drop_throttle(self) -> None:
        if self._throttle is not None:
            self._throttle.close()
            self._throttle = None

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
        room = RECEIVE_BYTES if not self._slow_reader else self._room()
        if not room:
            return
        try:
            received = self._socket.recv(room)
        except BlockingIOError:
            return
        except OSError as error:
            self.fail(_KINDS.get(error.errno or 0, "connection failed"))
            return
        if not self.waiting:  # the service closed an idle connection, or sent something without a request
            self.close()
            return
        if not received:
            self._cut_short()
            return
        try:
            self._parser.feed_data(received)
        except (HttpParserError, HttpParserUpgrade):
            self.fail("body too long" if self._received > self._limit else "malformed response")
            return
        if self._complete:
            self._deliver()
        else:
            self._limit_incomplete(received)

    def _limit_incomplete(self, received: bytes) -> None:
        """Limit a response that is not complete yet: its head, and the framing of its body."""
        self._raw_received += len(received)
        if b"\r\n\r\n" not in self._head:
            self._head += received
            if len(self._head) > HEAD_LIMIT and b"\r\n\r\n" not in self._head:
                self.fail("malformed response")
        elif self._raw_received > HEAD_LIMIT + FRAMING * max(self._limit, self._received):
            self.fail("body too long")

    def _room(self) -> int:
        """Return how many bytes a slow reader takes now. If 0, it stops reading until the next piece is due."""
        if not self.waiting:  # the service closed an idle connection, or sent something without a request
            return RECEIVE_BYTES
        if self._throttle is None:
            self._throttle = Throttle(self._loop, self.request.bytes_per_s, lambda: self._reader.start(self._readable))
        room = min(RECEIVE_BYTES, self._throttle.granted - self._received)
        if room <= 0:
            self._reader.stop()
            left = (self._declared_length() if self._receives is None else self._receives) - self._received
            # If a response is longer than expected, nobody knows how much is left. After the last byte, the end of a
            # chunk may still come.
            self._throttle.wait(self._received, max(1, left) if left >= 0 else RECEIVE_BYTES)
            return 0
        return room

    def _declared_length(self) -> int:
        """Return the Content-Length that the service sent; -1 if there is none."""
        found = _LENGTH.search(self._head)
        return int(found[1]) if found else -1

    def _deliver(self) -> None:
        assert self._parser is not None
        self.status = self._parser.get_status_code()
        if self.status < 200:  # such as "100 Continue": the response is still to come
            self._complete = False
            return
        self.body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        if self._receives is not None:
            self.body = INTACT if self._received == self._receives and (self._intact or not self._receives) else b""
        if self._throttle is not None:
            self._drop_throttle()
        if not self._keep or self._unsent:  # responded before all was sent: the service did not want the rest
            self.close()
        self.waiting = False
        self._ended(self)

    def _cut_short(self) -> None:
        """The service closed the connection. This is how a response without a length ends."""
        head, end, _ = self._head.lower().partition(b"\r\n\r\n")
        if end and b"\ncontent-length:" not in head and b"\ntransfer-encoding:" not in head:
            self._keep = False
            self._deliver()
            return
        self.fail("short body" if self._received else "reset")

    def on_body(self, piece: bytes) -> None:
        """httptools calls this with each piece of a body."""
        if self._receives is None:
            if self._keeps:
                self._pieces.append(piece)
        else:
            begin = self._received % 251
            self._intact = (self._intact or not self._received) and piece == _PATTERN[begin : begin + len(piece)]
        self._received += len(piece)
        if self._received > self._limit:
            raise OverflowError  # which httptools turns into an error of its own

    def on_message_complete(self) -> None:
        """httptools calls this at the end of a response."""
        assert self._parser is not None
        self._complete = True
        # Not later: after the end of the response the parser has forgotten its headers, and says no.
        self._keep = self._parser.should_keep_alive()
