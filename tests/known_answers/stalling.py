"""A server whose truth is known: it answers after BASE_S, but for one stall in which it does nothing at all.

Prints its port; the stall begins STALL_AFTER_S after the first request, and then its two edges are printed, on the
clock that every process of this machine shares.
"""

import asyncio
import time

BASE_S, STALL_AFTER_S, STALL_S = 0.01, 3.0, 2.0
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server(asyncio.Protocol):
    stalled = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        if not Server.stalled:
            Server.stalled = True
            loop.call_later(STALL_AFTER_S, stall)
        loop.call_later(BASE_S, self.transport.write, ANSWER)


def stall() -> None:
    """The whole loop stands still: nothing is read and nothing is written."""
    begin = time.perf_counter_ns()
    time.sleep(STALL_S)
    print(begin, time.perf_counter_ns(), flush=True)


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
