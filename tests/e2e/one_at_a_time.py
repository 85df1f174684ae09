"""A service whose capacity is known: `python one_at_a_time.py` prints its port.

It serves one request at a time, each in SERVICE_MS on its own clock, so it answers 1000 / SERVICE_MS a second at most,
and what comes meanwhile waits in a queue. When each request was read, and its answer written, is told at `/log`, on the
clock that every process of this machine shares: a service that stood still is its own witness.
"""

import asyncio
import json
import time

SERVICE_MS = 2.5


class Queue:
    """When the service is free again; a late timer of the loop delays an answer and none of those behind it."""

    def __init__(self) -> None:
        self.free_at = 0.0
        self.log: list[tuple[int, int]] = []

    async def serve(self) -> None:
        loop = asyncio.get_running_loop()
        self.free_at = max(loop.time(), self.free_at) + SERVICE_MS / 1000
        await asyncio.sleep(self.free_at - loop.time())


async def main() -> None:
    queue = Queue()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                read_ns = time.perf_counter_ns()
                slow, log = (path in head.partition(b"\r\n")[0] for path in (b"/slow", b"/log"))
                if slow:
                    await queue.serve()
                body = json.dumps(queue.log if log else "here").encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
                if slow:
                    queue.log.append((read_ns, time.perf_counter_ns()))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
