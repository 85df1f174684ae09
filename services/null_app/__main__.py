"""`python -m null_app` runs the service's only process, until a signal ends it."""

import argparse
import asyncio
import signal

import uvloop
from work import servers

from null_app.server import NullServer


async def serve(options: argparse.Namespace) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    servers.null_server = server = NullServer(options.keep_alive)
    await server.listen(options.host, options.port, options.backlog)
    await ended.wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="null_app", description="a service that responds at once")
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--backlog", type=int, required=True)
    parser.add_argument("--keep-alive", type=int, required=True, metavar="S")
    uvloop.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
