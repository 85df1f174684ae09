"""A server whose truth is known: it responds after BASE_S, except for one stall in which it does nothing.

Prints its port; the stall begins STALL_AFTER_S after the first request. `/log` shows when each request was read, and
the times just before and just after its response was written, on the clock that every process shares.
"""

import asyncio
import json
import time

BASE_S, STALL_AFTER_S, STALL_S = 0.01, 3.0, 2.0
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


log: list[tuple[int, int, int]] = []


class Server(asyncio.Protocol):
    stalled = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        if b"/log" in data.partition(b"\r\n")[0]:
            content = json.dumps(sorted(log)).encode()
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(content), content))
            return
        if not Server.stalled:
            Server.stalled = True
            loop.call_later(
                STALL_AFTER_S, time.sleep, STALL_S
            )  # the whole loop: nothing is read and nothing is written
        loop.call_later(BASE_S, self.respond, time.perf_counter_ns())

    def respond(self, read_ns: int) -> None:
        writing_ns = time.perf_counter_ns()
        self.transport.write(RESPONSE)
        log.append((read_ns, writing_ns, time.perf_counter_ns()))


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
