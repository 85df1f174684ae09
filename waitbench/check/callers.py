"""Callers that ask at once: connections made beforehand, so that what is seen is the calls alone."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from waitbench.errors import WaitbenchError
from waitbench.service import Service

PATIENCE_S = 30.0


@contextmanager
def heard(service: Service, path: str) -> Iterator[None]:
    """Raises WaitbenchError, with what the other side did, when no answer comes."""
    try:
        yield
    except (OSError, HTTPException) as error:
        raise WaitbenchError(f"{service.base_url}{path} gave no answer: {error or type(error).__name__}") from None


@contextmanager
def caller(service: Service, timeout_s: float = PATIENCE_S) -> Iterator[HTTPConnection]:
    connection = HTTPConnection(urlsplit(service.base_url).netloc, timeout=timeout_s)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def callers(service: Service, count: int) -> Iterator[list[HTTPConnection]]:
    """Connected, and heard once by the service."""
    with ExitStack() as ending:
        connections = [ending.enter_context(caller(service)) for _ in range(count)]
        with heard(service, "/health"):
            send(connections, "/health")
            receive(connections)
        yield connections


def send(connections: list[HTTPConnection], path: str) -> None:
    for connection in connections:
        connection.request("GET", path)


def receive(connections: list[HTTPConnection]) -> int:
    """Every answer, to its last byte; how many of them are good."""
    good = 0
    for connection in connections:
        response = connection.getresponse()
        response.read()
        good += response.status == 200
    return good


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
