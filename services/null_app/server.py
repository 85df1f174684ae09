"""Bare HTTP/1.1: one asyncio protocol on uvloop, with httptools as the parser.

`GET /fast` on a connection without other requests takes a short cut: it is parsed, counted, and gets bytes that are
made once. All other requests use app.respond. A browser or a proxy would miss this: there is no Date and no
`100 Continue`, and an offer to upgrade is ignored.
"""

import asyncio
import time
from collections import deque
from typing import Any, NamedTuple

import httptools
from work import counters

from null_app import app

FAST = app.FAST.encoded(keep_alive=True)
TICK_S = 0.001
"""The step of uvloop's timers, which may end early by this much. Here no wait does, since the generator is measured
by it."""


class Request(NamedTuple):
    method: bytes
    target: bytes
    keep_alive: bool


NONSENSE = Request(b"", b"", keep_alive=False)
"""A request that could not be parsed. It waits its turn, so that requests before it still get their responses."""


class Held(NamedTuple):
    """A response that waits. It is due at `due_s` on the monotonic clock."""

    reply: app.Reply
    keep_alive: bool
    due_s: float


class NullServer:
    """Listens, and holds what its connections share."""

    parser = httptools.HttpRequestParser

    def __init__(self, keep_alive_s: float) -> None:
        self.keep_alive_s = keep_alive_s
        self.listener: Any = None

    async def listen(self, host: str, port: int, backlog: int) -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(self, loop), host, port, backlog=backlog)
        self.listener = server.sockets[0]


class Connection(asyncio.Protocol):
    """One client. Pipelined requests get their responses one after another, in order."""

    _transport: Any
    _parser: Any
    _idle: asyncio.TimerHandle
    _wait: asyncio.TimerHandle

    def __init__(self, server: NullServer, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._loop = loop
        self._target = b""
        self._free = True
        """Whether no response is waiting, and the connection stays open."""
        self._held: Held | None = None
        self._ahead: deque[Request] = deque()
        self._full = False
        self._responded_at = 0.0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._parser = self._server.parser(self)
        self._responded_at = self._loop.time()
        self._idle = self._loop.call_later(self._server.keep_alive_s, self._end_if_idle)

    def connection_lost(self, _: Exception | None) -> None:
        self._idle.cancel()
        self._free = False
        self._parser = None  # each refers to the other: without this, only a garbage collection would free them
        if self._held:
            self._wait.cancel()
            _end(self._held.reply)

    def data_received(self, data: bytes) -> None:
        while data:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = data[upgrade.args[0] :]  # the request is served without the upgrade, and the next one follows
            except httptools.HttpParserCallbackError:
                raise  # our own fault, for the log
            except httptools.HttpParserError:
                self._take(NONSENSE)
                return
            else:
                return

    def on_url(self, piece: bytes) -> None:
        self._target += piece

    def on_message_complete(self) -> None:
        target, self._target = self._target, b""
        method, keep_alive = self._parser.get_method(), self._parser.should_keep_alive()
        if target == b"/fast" and method == b"GET" and keep_alive and self._free:
            counters.at_once()
            self._transport.write(FAST)
            self._responded_at = self._loop.time()
        else:
            self._take(Request(method, target, keep_alive))

    def _take(self, request: Request) -> None:
        if self._free:
            self._respond(request)
        elif self._held:
            self._ahead.append(request)
            self._transport.pause_reading()

    def _respond(self, request: Request) -> None:
        reply = app.respond(request.method, request.target)
        keep_alive = request.keep_alive and not reply.closing
        if reply.counted:
            counters.begin()
        if reply.wait_s:
            self._free = False
            self._held = Held(reply, keep_alive, time.monotonic() + reply.wait_s)
            self._wait = self._loop.call_later(reply.wait_s, self._after_wait)
        else:
            self._send(reply, keep_alive)

    def _send(self, reply: app.Reply, keep_alive: bool) -> None:
        self._transport.write(reply.encoded(keep_alive))
        _end(reply)
        self._responded_at = self._loop.time()
        self._free = keep_alive
        if not keep_alive:
            self._ahead.clear()
            self._transport.close()

    def _after_wait(self) -> None:
        assert self._held
        reply, keep_alive, due_s = self._held
        if time.monotonic() < due_s:
            self._wait = self._loop.call_later(TICK_S, self._after_wait)
            return
        self._held = None
        self._send(reply, keep_alive)
        while self._ahead and self._free:
            self._respond(self._ahead.popleft())
        self._read_on()

    def pause_writing(self) -> None:
        """The client does not read its responses, so take no more requests from it until it does."""
        self._full = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._full = False
        self._read_on()

    def _read_on(self) -> None:
        if not self._ahead and not self._full:
            self._transport.resume_reading()

    def _end_if_idle(self) -> None:
        """Close the connection if it has been idle for too long. One timer does this, so no request has to set one."""
        left_s = self._responded_at + self._server.keep_alive_s - self._loop.time()
        if self._held:
            left_s = self._server.keep_alive_s
        if left_s > 0:
            self._idle = self._loop.call_later(left_s, self._end_if_idle)
        else:
            self._transport.close()


def _end(reply: app.Reply) -> None:
    if reply.counted:
        counters.end()
