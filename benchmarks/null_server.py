"""A server that does nothing as fast as Python can: what is left to measure is the client.

`python null_server.py PORT`: `/wait` answers after 100 ms, every other path at once.
"""

import asyncio
import sys
from typing import Any

import uvloop

AT_ONCE = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 19\r\n\r\n{"workload":"fast"}'
WAITED = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 28\r\n\r\n{"workload":"wait","ms":100}'
WAIT_S = 0.1


class NullServer(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"GET /wait"):
            asyncio.get_running_loop().call_later(WAIT_S, self.after_wait)
        else:
            self.transport.write(AT_ONCE)

    def after_wait(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(WAITED)


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(NullServer, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
