"""A service whose capacity is known: `python one_at_a_time.py` prints its port.

It serves one request at a time, each in SERVICE_MS on its own clock. So it completes at most 1000 / SERVICE_MS requests
a second, and further requests wait in a queue. `/log` returns when each request was read and when its response was
written, on the clock that all processes of this machine share. So the log also shows when the service itself stalled.
"""

import asyncio
import json
import time

SERVICE_MS = 2.5


class Queue:
    """Knows when the service is free again. A late timer of the loop delays one response, but none behind it."""

    def __init__(self) -> None:
        self.free_at = 0.0
        self.log: list[tuple[int, int]] = []

    async def serve(self) -> None:
        loop = asyncio.get_running_loop()
        self.free_at = max(loop.time(), self.free_at) + SERVICE_MS / 1000
        await asyncio.sleep(self.free_at - loop.time())


async def main() -> None:
    queue = Queue()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
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

    server = await asyncio.start_server(handle, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
