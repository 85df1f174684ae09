"""Sends concurrent calls. The connections are opened first, so only the calls are measured."""

import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import urlsplit

from waitbench.errors import WaitbenchError
from waitbench.launch.client import MOST_BYTES, Service
from waitbench.launch.time_limit import Fuse

PATIENCE_S = 30.0
"""The time limit for each read or write on a connection."""
LIFE_S = 120.0
"""The time limit for everything that is done with one connection."""


@contextmanager
def heard(service: Service, path: str) -> Iterator[None]:
    """Raise WaitbenchError with the reason when the block gets no complete response."""
    try:
        yield
    except (OSError, HTTPException) as error:
        why = error or type(error).__name__
        raise WaitbenchError(f"{service.base_url}{path} gave no complete response: {why}") from None


class Connection(HTTPConnection):
    """Keeps its socket in `known`: a response that ends with the connection takes over `sock`."""

    known: socket.socket | None = None

    def connect(self) -> None:
        super().connect()
        self.known = self.sock


@contextmanager
def caller(service: Service, timeout_s: float = PATIENCE_S) -> Iterator[Connection]:
    with _connections(service, 1, timeout_s) as (connection,):
        yield connection


@contextmanager
def _connections(service: Service, count: int, timeout_s: float) -> Iterator[list[Connection]]:
    """Make `count` connections that are shut down after LIFE_S, whatever the other side does."""
    made = [Connection(urlsplit(service.base_url).netloc, timeout=timeout_s) for _ in range(count)]
    with ExitStack() as ending, Fuse(LIFE_S, lambda: [each.known for each in made]) as fuse:
        for connection in made:
            ending.callback(connection.close)
        try:
            yield made
        finally:
            if fuse.blown:  # the reader saw this only as the end of a response
                raise WaitbenchError(f"{service.base_url} did not end its responses within {LIFE_S:g} s")


@contextmanager
def callers(service: Service, count: int) -> Iterator[list[Connection]]:
    """Open `count` connections, on each of which the service has responded once."""
    with _connections(service, count, PATIENCE_S) as connections:
        with heard(service, "/health"):
            send(connections, "/health")
            receive(connections)
        yield connections


def send(connections: Sequence[HTTPConnection], path: str) -> None:
    for connection in connections:
        connection.request("GET", path)


def receive(connections: Sequence[HTTPConnection]) -> int:
    """Read every response to its last byte. Returns how many have status 200."""
    good = 0
    for connection in connections:
        response = connection.getresponse()
        whole(response)
        good += response.status == 200
    return good


def whole(response: HTTPResponse) -> bytes:
    """Return the body. Raises HTTPException if it is longer than any body of the contract."""
    body = response.read(MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        raise HTTPException(f"the body has more than {MOST_BYTES // 2**20} MiB")
    return body


@dataclass(frozen=True)
class Crowd:
    """The result of some concurrent calls."""

    good: int
    """How many responses have status 200."""
    held: int
    """The highest number of requests in flight, by the service's own count."""
    took_s: float
    """The time from the first send to the last byte of the last response."""


def at_once(service: Service, path: str, calls: int) -> Crowd:
    """Send `calls` concurrent calls and wait for all responses.

    One thread sends them all and then reads the responses. The last one read ends the time, whatever their order.
    """
    with callers(service, calls) as connections, heard(service, path):
        service.reset_usage()
        began = time.perf_counter()
        send(connections, path)
        good = receive(connections)
        took_s = time.perf_counter() - began
    return Crowd(good, int(service.usage()["peak_in_flight"]), took_s)
