"""Servers whose every response is programmed: `python programmed.py` prints two ports.

The n-th request to a path gets the n-th response of the truth that the path's first part names. The server records what
it really did, on the clock that all processes of this machine share, and shows it at `/log`, even if it was late.

The second port accepts only every ACCEPT_EVERY_S. Until then a client waits in the backlog without knowing it.
"""

import asyncio
import json
import os
import random
import selectors
import socket
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache

ACCEPT_EVERY_S, STALL_S, DRIP_S = 0.4, 0.3, 0.1
BACKLOG = 2048
QUEUE_S = 0.002
"""How long each request takes if one is served at a time."""
HANDED_OUT = 16_384
"""Bytes of a response to a slow reader, which the kernel can hold."""


@dataclass(frozen=True)
class Answer:
    delay_s: float
    how: str = "whole"


def heavy_tail(count: int, least_s: float, alpha: float) -> tuple[Answer, ...]:
    """Return quantiles of a Pareto distribution, at the middle of each of `count` equal parts."""
    return tuple(Answer(least_s * ((count - n - 0.5) / count) ** (-1 / alpha)) for n in range(count))


SOON = Answer(0.02)
TRUTHS: dict[str, tuple[Answer, ...]] = {
    "constant": (Answer(0.05),),
    "bimodal": (SOON,) * 19 + (Answer(0.2),),
    "heavy-tailed": heavy_tail(100, least_s=0.01, alpha=1.5),
    "stalling": (SOON,) * 399 + (Answer(0.02, "stall"),),
    "late-to-accept": (Answer(0.0, "closes"),),
    "failing": (SOON,) * 17 + (Answer(0.02, "status 500"), Answer(0.02, "status 503"), Answer(0.0, "status 503")),
    "resetting": (SOON,) * 9 + (Answer(0.02, "reset"),),
    "short": (SOON,) * 9 + (Answer(0.02, "short body"),),
    "overlong": (SOON,) * 9 + (Answer(0.02, "more than it said"),),
    "dripping": (SOON,) * 19 + (Answer(0.02, "drip"),),
    "endless": (Answer(0.0, "endless"),),
    "one-at-a-time": (Answer(0.0, "queued"),),
    "handing-out": (Answer(0.02, "handed out"),),
}


def programmed(truth: str, number: int) -> Answer:
    """Return a response. Every run of the truth's length has all of it, in a new order, so any window has its mix."""
    answers = TRUTHS[truth]
    turn, place = divmod(number, len(answers))
    return _shuffled(answers, turn)[place]


@cache
def _shuffled(answers: tuple[Answer, ...], turn: int) -> Sequence[Answer]:
    return random.Random(turn).sample(answers, len(answers))


@dataclass
class Done:
    """One request, as the server saw it."""

    connection: int
    read_ns: int
    writing_ns: int = 0
    """Just before the write: no client can have read the response earlier."""
    written_ns: int = 0
    """Just after the write."""


OK, CHUNKED = b"HTTP/1.1 200 OK\r\n", b"Transfer-Encoding: chunked\r\n\r\n"
WHOLE = OK + b"Content-Length: 2\r\n\r\nok"
MEBIBYTE = b"100000\r\n" + b"x" * 2**20 + b"\r\n"

log: dict[str, list[Done]] = {}


class Server(asyncio.Protocol):
    connections = 0
    free_at = 0.0
    """When the server is free again, if it serves one request at a time."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.paused = False
        self.pouring = False
        self.missing = 0
        """Bytes of a request's body that have not arrived."""
        Server.connections += 1
        self.number = Server.connections

    def data_received(self, data: bytes) -> None:
        if self.missing:
            self.missing -= len(data)
        elif not self.asked_for(data):
            return
        if not self.missing:
            self.serve()

    def asked_for(self, data: bytes) -> bool:
        """Read a request's head. Returns whether the request is recorded."""
        read_ns = time.perf_counter_ns()
        head, _, body = data.partition(b"\r\n\r\n")
        path = head.split(b" ", 2)[1].decode()
        truth = path.split("/")[1]
        if truth not in TRUTHS:
            self.send_log(path)
            return False
        self.done = done = Done(self.number, read_ns)
        asked = log.setdefault(path, [])
        self.programme = programmed(truth, len(asked))
        asked.append(done)
        self.missing = int(head.partition(b"Content-Length: ")[2] or 0) - len(body)
        return True

    def serve(self) -> None:
        answer, loop = self.programme, asyncio.get_running_loop()
        if answer.how == "queued":
            Server.free_at = max(loop.time(), Server.free_at) + QUEUE_S
            loop.call_at(Server.free_at, self.answer, "whole")
        elif answer.delay_s:
            loop.call_later(answer.delay_s, self.answer, answer.how)
        else:
            self.answer(answer.how)

    def send_log(self, path: str) -> None:
        """Send the log, or an empty object to a client that only checks whether the server is up."""
        content = {path: [asdict(done) for done in asked] for path, asked in log.items()} if path == "/log" else {}
        body = json.dumps(content).encode()
        self.transport.write(OK + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    def answer(self, how: str) -> None:
        if how.startswith("status"):
            self.write(f"HTTP/1.1 {how[7:]} So\r\nContent-Length: 2\r\n\r\nno".encode())
        else:
            HOW[how](self)
        self.done.written_ns = time.perf_counter_ns()

    def write(self, response: bytes) -> None:
        self.done.writing_ns = time.perf_counter_ns()
        self.transport.write(response)

    def connection_lost(self, error: Exception | None) -> None:
        if self.pouring:  # it ended when the client closed the connection
            self.done.written_ns = time.perf_counter_ns()

    def whole(self) -> None:
        self.write(WHOLE)

    def handed_out(self) -> None:
        self.write(OK + b"Content-Length: %d\r\n\r\n" % HANDED_OUT + bytes(HANDED_OUT))

    def closes(self) -> None:
        self.write(OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nok")
        self.transport.close()

    def stall(self) -> None:
        """Stop the whole loop: nothing is read and nothing is written."""
        time.sleep(STALL_S)
        self.whole()

    def reset(self) -> None:
        """Reset the connection in the middle of the body, after the first half has been read."""
        self.write(OK + b"Content-Length: 10\r\n\r\nhello")
        asyncio.get_running_loop().call_later(0.02, self.abort)

    def abort(self) -> None:
        """Send RST, by closing with a linger of zero."""
        if not self.transport.is_closing():
            found = self.transport.get_extra_info("socket")
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
            self.done.written_ns = time.perf_counter_ns()

    def short_body(self) -> None:
        self.write(OK + b"Content-Length: 10\r\n\r\nhello")
        self.transport.close()

    def more_than_it_said(self) -> None:
        self.write(WHOLE + b" and more")

    def drip(self) -> None:
        """Send a chunk now and then, and never the last one."""
        self.write(OK + CHUNKED)
        self.drop()

    def drop(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(b"1\r\nx\r\n")
            asyncio.get_running_loop().call_later(DRIP_S, self.drop)

    def endless(self) -> None:
        """Send as many chunks as the client reads, and never the last one."""
        self.pouring = True
        self.write(OK + CHUNKED)
        self.pour()

    def pour(self) -> None:
        while not self.paused and not self.transport.is_closing():
            self.transport.write(MEBIBYTE)

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        if self.pouring:
            asyncio.get_running_loop().call_soon(self.pour)


HOW: dict[str, Callable[[Server], None]] = {
    "whole": Server.whole,
    "handed out": Server.handed_out,
    "closes": Server.closes,
    "stall": Server.stall,
    "reset": Server.reset,
    "short body": Server.short_body,
    "more than it said": Server.more_than_it_said,
    "drip": Server.drip,
    "endless": Server.endless,
}


async def accept_late(listener: socket.socket) -> None:
    """Accept all waiting clients at fixed moments, and none in between."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(ACCEPT_EVERY_S - time.perf_counter() % ACCEPT_EVERY_S)
        while True:
            try:
                connection, _ = listener.accept()
            except BlockingIOError:
                break
            await loop.connect_accepted_socket(Server, connection)


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0, backlog=BACKLOG)
    late = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    late.setblocking(False)
    print(server.sockets[0].getsockname()[1], late.getsockname()[1], flush=True)
    await accept_late(late)


if __name__ == "__main__":
    # The first core, like a service of a run. The generator has the next one.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    # epoll counts whole milliseconds, which is too coarse for a truth. select does not.
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        runner.run(main())
