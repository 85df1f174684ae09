"""Callers that ask at once: connections made beforehand, so that what is seen is the calls alone."""

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
"""For each time that something is read or written."""
LIFE_S = 120.0
"""For all that is done with a connection."""


@contextmanager
def heard(service: Service, path: str) -> Iterator[None]:
    """Raises WaitbenchError, with what the other side did, when no answer comes."""
    try:
        yield
    except (OSError, HTTPException) as error:
        raise WaitbenchError(f"{service.base_url}{path} gave no answer: {error or type(error).__name__}") from None


class Connection(HTTPConnection):
    """Knows its socket to the end: a response that ends with the connection takes it over."""

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
    """They live for LIFE_S, whatever the other side does."""
    made = [Connection(urlsplit(service.base_url).netloc, timeout=timeout_s) for _ in range(count)]
    with ExitStack() as ending, Fuse(LIFE_S, lambda: [each.known for each in made]) as fuse:
        for connection in made:
            ending.callback(connection.close)
        try:
            yield made
        finally:
            if fuse.blown:  # to whoever was reading, it looked like an end
                raise WaitbenchError(f"{service.base_url} did not end its responses within {LIFE_S:g} s")


@contextmanager
def callers(service: Service, count: int) -> Iterator[list[Connection]]:
    """Connected, and heard once by the service."""
    with _connections(service, count, PATIENCE_S) as connections:
        with heard(service, "/health"):
            send(connections, "/health")
            receive(connections)
        yield connections


def send(connections: Sequence[HTTPConnection], path: str) -> None:
    for connection in connections:
        connection.request("GET", path)


def receive(connections: Sequence[HTTPConnection]) -> int:
    """Every answer, to its last byte; how many of them are good."""
    good = 0
    for connection in connections:
        response = connection.getresponse()
        whole(response)
        good += response.status == 200
    return good


def whole(response: HTTPResponse) -> bytes:
    """The body. Raises HTTPException where it is longer than any of the contract."""
    body = response.read(MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        raise HTTPException(f"more than {MOST_BYTES // 2**20} MiB came")
    return body


@dataclass(frozen=True)
class Crowd:
    """What came of so many calls at once."""

    good: int
    held: int
    """The most that the service had in hand at once, by its own count."""
    took_s: float
    """Until the last answer was there."""


def at_once(service: Service, path: str, calls: int) -> Crowd:
    """One thread sends them all and then reads the answers: the last one read ends the time, in whatever order they
    came."""
    with callers(service, calls) as connections, heard(service, path):
        service.reset_usage()
        began = time.perf_counter()
        send(connections, path)
        good = receive(connections)
        took_s = time.perf_counter() - began
    return Crowd(good, int(service.usage()["peak_in_flight"]), took_s)
