"""A service of the reader's own that does wrong in ways of its choosing: `python crooked.py` prints its port.

Every answer is whole HTTP/1.1; what is wrong is when it comes, or what it says. `?ms=` is the wait asked for.
"""

import asyncio
import itertools
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

FAILS_EVERY = 50
SLOWER_EVERY_S = 0.5
CRUMBS = 3000
STARVED, STARVED_S = 5, 15.0
"""Which request waits for so long."""


def answer(status: str, body: bytes = b"ok") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(body), body)


OK = answer("200 OK")
FAILED = answer("500 Internal Server Error")
IN_CRUMBS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * CRUMBS + b"0\r\n\r\n"


class Wrongs:
    """What each path does: how long from now the answer comes, and what it is."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._count, self._others = itertools.count(1), itertools.count(1)
        self._first_s: float | None = None
        self._free_s = 0.0

    def fails(self, wait_s: float) -> tuple[float, bytes]:
        """Now and then."""
        return wait_s, OK if next(self._count) % FAILS_EVERY else FAILED

    def slows(self, wait_s: float) -> tuple[float, bytes]:
        """The wait grows by itself for as long as there are requests."""
        self._first_s = self._first_s or self._clock()
        return wait_s * (1 + (self._clock() - self._first_s) / SLOWER_EVERY_S), OK

    def queues(self, wait_s: float) -> tuple[float, bytes]:
        """One after the other, whoever asks."""
        self._free_s = max(self._free_s, self._clock()) + wait_s
        return self._free_s - self._clock(), OK

    def starves(self, wait_s: float) -> tuple[float, bytes]:
        """One who asked at the beginning, and nobody else."""
        return STARVED_S if next(self._others) == STARVED else wait_s, OK

    def crumbles(self, wait_s: float) -> tuple[float, bytes]:
        """At once, in pieces that cost the client far more than the server."""
        return wait_s, IN_CRUMBS


class Server(asyncio.Protocol):
    wrongs: Wrongs

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        asked = urlsplit(data.split()[1].decode())
        wait_s = int(parse_qs(asked.query).get("ms", ["0"])[0]) / 1000
        wrong = getattr(self.wrongs, asked.path.strip("/"), lambda wait_s: (wait_s, OK))
        after_s, said = wrong(wait_s)
        if after_s > 0:
            asyncio.get_running_loop().call_later(after_s, self.transport.write, said)
        else:
            self.transport.write(said)


async def main() -> None:
    loop = asyncio.get_running_loop()
    Server.wrongs = Wrongs(loop.time)
    server = await loop.create_server(Server, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
