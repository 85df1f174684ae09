"""Servers whose every answer is programmed: `python programmed.py` prints two ports and answers by number.

The n-th request to a path gets the n-th answer of the truth that its first part names. What was really done is kept,
on the clock that every process of this machine shares, and told at `/log`: a late server is its own witness.

The second port accepts only every ACCEPT_EVERY_S. Until then a client waits in the backlog, and knows nothing of it.
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
"""How long each takes where one is served at a time."""
HANDED_OUT = 16_384
"""Bytes, which the kernel holds for whoever reads them slowly."""


@dataclass(frozen=True)
class Answer:
    delay_s: float
    how: str = "whole"


def heavy_tail(count: int, least_s: float, alpha: float) -> tuple[Answer, ...]:
    """Pareto's quantiles, at the middle of each of `count` equal parts."""
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
    """Every stretch as long as the truth holds all of it, in an order of its own, so any window has the right mix."""
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
    """Just before it wrote: no client can have read it earlier."""
    written_ns: int = 0
    """Just after."""


OK, CHUNKED = b"HTTP/1.1 200 OK\r\n", b"Transfer-Encoding: chunked\r\n\r\n"
WHOLE = OK + b"Content-Length: 2\r\n\r\nok"
MEBIBYTE = b"100000\r\n" + b"x" * 2**20 + b"\r\n"

log: dict[str, list[Done]] = {}


class Server(asyncio.Protocol):
    connections = 0
    free_at = 0.0
    """Of one who is served at a time."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.paused = False
        self.pouring = False
        self.missing = 0
        """Bytes of a request's body that have not come."""
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
        """Whether it is a request of which account is kept: from when its head is read."""
        read_ns = time.perf_counter_ns()
        head, _, body = data.partition(b"\r\n\r\n")
        path = head.split(b" ", 2)[1].decode()
        truth = path.split("/")[1]
        if truth not in TRUTHS:
            self.tell(path)
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

    def tell(self, path: str) -> None:
        """The log; or anything, to one who only asks whether somebody is there."""
        told = {path: [asdict(done) for done in asked] for path, asked in log.items()} if path == "/log" else {}
        body = json.dumps(told).encode()
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
        if self.pouring:  # it ended when the client had enough
            self.done.written_ns = time.perf_counter_ns()

    def whole(self) -> None:
        self.write(WHOLE)

    def handed_out(self) -> None:
        self.write(OK + b"Content-Length: %d\r\n\r\n" % HANDED_OUT + bytes(HANDED_OUT))

    def closes(self) -> None:
        self.write(OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nok")
        self.transport.close()

    def stall(self) -> None:
        """The whole loop stands still: nothing is read and nothing is written."""
        time.sleep(STALL_S)
        self.whole()

    def reset(self) -> None:
        """In the middle of the body, once the first half has been read."""
        self.write(OK + b"Content-Length: 10\r\n\r\nhello")
        asyncio.get_running_loop().call_later(0.02, self.abort)

    def abort(self) -> None:
        """Closing with a linger of nothing sends RST."""
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
        """A chunk now and then, and never the last."""
        self.write(OK + CHUNKED)
        self.drop()

    def drop(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(b"1\r\nx\r\n")
            asyncio.get_running_loop().call_later(DRIP_S, self.drop)

    def endless(self) -> None:
        """As many chunks as the client takes, and never the last."""
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
    """At each moment of a grid, all who are waiting; nobody in between."""
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
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])  # as a service of a run; the generator has the next
    # epoll counts in whole milliseconds, too coarse for a truth; select doesn't.
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        runner.run(main())
