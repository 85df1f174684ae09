"""An external service whose paths misbehave in different ways: `python crooked.py` prints its port.

Every response is complete HTTP/1.1, but comes at the wrong time or with the wrong content.
`?ms=` is the requested wait.
"""

import asyncio
import itertools
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

FAILS_EVERY = 20
SLOWER_EVERY_S = 0.5
CRUMBS = 3000
STARVED, STARVED_S = 5, 15.0
"""The number of the request that has to wait so long, and how long."""


def response(status: str, body: bytes = b"ok") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(body), body)


OK = response("200 OK")
FAILED = response("500 Internal Server Error")
IN_CRUMBS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * CRUMBS + b"0\r\n\r\n"


class Misbehaviour:
    """One method for each path. It returns after how many seconds to send the response, and the response."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._count, self._others = itertools.count(1), itertools.count(1)
        self._first_s: float | None = None
        self._free_s = 0.0

    def fails(self, wait_s: float) -> tuple[float, bytes]:
        """Fail every FAILS_EVERY-th request."""
        return wait_s, OK if next(self._count) % FAILS_EVERY else FAILED

    def slows(self, wait_s: float) -> tuple[float, bytes]:
        """Let the wait grow for as long as there are requests."""
        self._first_s = self._first_s or self._clock()
        return wait_s * (1 + (self._clock() - self._first_s) / SLOWER_EVERY_S), OK

    def queues(self, wait_s: float) -> tuple[float, bytes]:
        """Serve one request after the other."""
        self._free_s = max(self._free_s, self._clock()) + wait_s
        return self._free_s - self._clock(), OK

    def starves(self, wait_s: float) -> tuple[float, bytes]:
        """Let one of the first requests wait for STARVED_S, and no other."""
        return STARVED_S if next(self._others) == STARVED else wait_s, OK

    def crumbles(self, wait_s: float) -> tuple[float, bytes]:
        """Send the response at once, in pieces that cost the client far more than the server."""
        return wait_s, IN_CRUMBS


class Server(asyncio.Protocol):
    misbehaviour: Misbehaviour

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        url = urlsplit(data.split()[1].decode())
        wait_s = int(parse_qs(url.query).get("ms", ["0"])[0]) / 1000
        method = getattr(self.misbehaviour, url.path.strip("/"), lambda wait_s: (wait_s, OK))
        after_s, sent = method(wait_s)
        if after_s > 0:
            asyncio.get_running_loop().call_later(after_s, self.transport.write, sent)
        else:
            self.transport.write(sent)


async def main() -> None:
    loop = asyncio.get_running_loop()
    Server.misbehaviour = Misbehaviour(loop.time)
    server = await loop.create_server(Server, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
