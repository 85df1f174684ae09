"""Callers that ask at once: connections made beforehand, so that what is seen is the calls alone."""

import select
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


def answered_meanwhile(other: HTTPConnection, busy: list[HTTPConnection]) -> int:
    """How often the service says that it is well before the last of the others' answers begins to come. One that stands
    still for each call can say so between two of them, and no more often than there are calls."""
    sockets = [connection.sock for connection in busy]
    answered = 0
    while True:
        send([other], "/health")
        receive([other])
        if len(select.select(sockets, (), (), 0)[0]) == len(sockets):
            return answered
        answered += 1


@dataclass(frozen=True)
class Crowd:
    """What came of so many calls at once."""

    good: int
    held: int
    """The most that the service had in hand at once, by its own count."""
    took_s: float
    """Until the last answer was there."""
    meanwhile: int = 0
    """How many other questions were answered before that, where any were asked."""


def at_once(service: Service, path: str, calls: int, ask_meanwhile: bool = False) -> Crowd:
    """One thread sends them all and then reads the answers: the last one read ends the time, in whatever order they
    came."""
    with callers(service, calls + 1) as (other, *connections), heard(service, path):
        service.reset_usage()
        began = time.perf_counter()
        send(connections, path)
        meanwhile = answered_meanwhile(other, connections) if ask_meanwhile else 0
        good = receive(connections)
        took_s = time.perf_counter() - began
    return Crowd(good, int(service.usage()["peak_in_flight"]), took_s, meanwhile)
