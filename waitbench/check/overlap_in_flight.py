"""Checks slow clients and a slow disk.

The service has as many of them in flight as its budget has room for, and never holds a whole body in memory.
"""

import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse

from waitbench.catalog.proofs import OverlappingClients, OverlappingFiles
from waitbench.catalog.variants import Budget, together
from waitbench.catalog.workload import Workload
from waitbench.check.concurrent_calls import PATIENCE_S, at_once, caller, whole
from waitbench.errors import WaitbenchError
from waitbench.launch.client import Service, wait_until
from waitbench.records.payload import pattern
from waitbench.records.run import Proof
from waitbench.records.spec import Exchange

CALLS = 20
HOLD_S = 3.0
"""How long the slow clients wait until the service has all of them in flight."""
MEMORY_SHARE = 0.3
"""The memory that the service may take, as a share of all bodies together: for pieces of them, and for new threads. For
20 bodies of 16 MiB that is 96 MiB. Django keeps 2.5 MiB of each body in memory, which is 50 MiB."""
DISK_SHARE = 0.5
"""The share of the calls that write to a disk that have to be in flight together. The time of a disk can't be set, so
the first call may end before the last one arrives. If one call blocks the service, 1 is in flight."""
TRIES = 3
PIECE = 64 * 1024
RECEIVE_BUFFER = 256 * 1024


@dataclass(frozen=True)
class Holding:
    """The result of some concurrent slow clients."""

    good: int
    held: int
    grown_bytes: int
    """How much the peak of the service's memory grew."""


class _Gate:
    """Slow clients wait here in the middle of their request until all have come so far, or until HOLD_S is over."""

    def __init__(self) -> None:
        self.arrived = 0
        self.open = threading.Event()
        self._counting = threading.Lock()

    def wait(self) -> None:
        with self._counting:
            self.arrived += 1
        self.open.wait(PATIENCE_S)


Client = Callable[[_Gate], bool]
"""A call of one slow client. Returns whether it got the correct response."""


@dataclass(frozen=True)
class Clients:
    """How many concurrent slow clients there are, and how many KiB each sends or reads."""

    count: int
    kib: int
    seen: bool
    """Whether the budget has room for one more request, so the service can be asked for its usage meanwhile."""

    @property
    def memory_most(self) -> int:
        return int(MEMORY_SHARE * self.count * self.kib * 1024)


def clients(declared: OverlappingClients, budget: Budget) -> Clients:
    count = together(budget, CALLS)
    kib = declared.kib if count == CALLS else declared.kib_of_few
    return Clients(count, kib, together(budget, count + 1) > count)


def clients_overlap(
    service: Service, workload: Workload, declared: OverlappingClients, budget: Budget
) -> tuple[Proof, str]:
    """Check that all clients are in flight together. Also returns what is wrong with the memory they took, or ""."""
    slow = clients(declared, budget)
    good, held, grown_bytes = 0, 0, 0
    for _ in range(TRIES):
        seen = _hold(service, slow, _client(service, workload, slow.kib))
        good, held, grown_bytes = max(good, seen.good), max(held, seen.held), max(grown_bytes, seen.grown_bytes)
        if good == held == slow.count:
            break
    says = "" if held >= slow.count else f"the service had only {held} of {slow.count} slow clients in flight"
    if good < slow.count and not says:
        says = f"only {good} of {slow.count} concurrent slow clients got the correct response"
    proof = Proof(good=not says, calls=slow.count, held=held, rounds=1.0, says=says)
    return proof, _whole_bodies(slow, grown_bytes)


def _client(service: Service, workload: Workload, kib: int) -> Client:
    asked = workload.exchange({"kib": kib})
    if asked.sends:
        return partial(_send_slowly, service, asked, body=memoryview(pattern(asked.sends)))
    return partial(_read_slowly, service, asked)


def _whole_bodies(slow: Clients, grown_bytes: int) -> str:
    if grown_bytes <= slow.memory_most:
        return ""
    bodies = f"{slow.count} bodies of {slow.kib // 1024} MiB"
    return f"the service took {grown_bytes / 2**20:.0f} MiB more for {bodies}: it holds whole bodies"


def files_overlap(service: Service, workload: Workload, declared: OverlappingFiles, budget: Budget) -> Proof:
    """Check that calls that write to a disk are in flight together, as many as the budget has room for."""
    most = together(budget, CALLS)
    good, held = 0, 0
    for _ in range(TRIES):
        crowd = at_once(service, workload.path(declared.params), CALLS)
        good, held = max(good, crowd.good), max(held, crowd.held)
        if good == CALLS and held >= DISK_SHARE * most:
            break
    says = "" if held >= DISK_SHARE * most else f"the service had only {held} of {CALLS} concurrent calls in flight"
    if held > most:
        says = f"the service had {held} of {CALLS} concurrent calls in flight, but its budget allows {most}"
    if good < CALLS and not says:
        says = f"only {good} of {CALLS} concurrent calls got status 200"
    return Proof(good=not says, calls=CALLS, held=held, rounds=1.0, says=says)


def _hold(service: Service, slow: Clients, client: Client) -> Holding:
    before = service.reset_usage()
    gate, held = _Gate(), 0
    with ThreadPoolExecutor(slow.count) as threads, Service(service.base_url, timeout_s=HOLD_S) as observer:
        going = [threads.submit(_right, client, gate) for _ in range(slow.count)]
        try:
            with suppress(WaitbenchError):  # it may not respond while a client is slow: then none is in flight
                wait_until(lambda: _all_in_flight(observer if slow.seen else None, gate, slow.count), HOLD_S)
                held = int(observer.usage()["peak_in_flight"]) if slow.seen else gate.arrived
        finally:
            gate.open.set()
        good = sum(each.result() for each in going)
    after = service.usage()
    # A service that is full can't be asked before its clients are gone. Then each client reached the gate half served,
    # and the service's count confirms that they were there together.
    held = held if slow.seen else min(held, int(after["peak_in_flight"]))
    return Holding(good, held, int(after["peak_rss_bytes"] - before["peak_rss_bytes"]))


def _right(client: Client, gate: _Gate) -> bool:
    """Run a client. One that is refused or dropped got no correct response."""
    try:
        return client(gate)
    except (OSError, HTTPException):
        return False


def _all_in_flight(service: Service | None, gate: _Gate, count: int) -> bool:
    return gate.arrived == count and (service is None or service.usage()["in_flight"] >= count)


def _send_slowly(service: Service, asked: Exchange, gate: _Gate, body: memoryview) -> bool:
    """Send half of the body, and the rest when the gate is open. Returns whether the response is correct."""
    half = len(body) // 2
    with caller(service) as connection:
        connection.putrequest(asked.method, asked.path)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders()
        connection.send(body[:half])
        gate.wait()
        connection.send(body[half:])
        response = connection.getresponse()
        return response.status == 200 and whole(response) == (asked.body or "").encode()


def _read_slowly(service: Service, asked: Exchange, gate: _Gate) -> bool:
    """Read the first bytes, and the rest when the gate is open. Returns whether all of them are correct."""
    with caller(service) as connection:
        connection.sock = connection.known = _small_socket(connection)
        connection.request(asked.method, asked.path)
        response = connection.getresponse()
        begun = response.read(PIECE)
        gate.wait()
        return (
            response.status == 200 and begun == pattern(PIECE) and _rest_is_right(response, PIECE, asked.receives or 0)
        )


def _rest_is_right(response: HTTPResponse, offset: int, end: int) -> bool:
    while offset <= end and (piece := response.read(PIECE)):
        if piece != pattern(len(piece), offset):
            return False
        offset += len(piece)
    return offset == end


def _small_socket(connection: HTTPConnection) -> socket.socket:
    """Connect a socket with a small receive buffer, whose size has to be set before it connects."""
    family, kind, protocol, _, address = socket.getaddrinfo(connection.host, connection.port, 0, socket.SOCK_STREAM)[0]
    small = socket.socket(family, kind, protocol)
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    small.settimeout(PATIENCE_S)
    small.connect(address)
    return small
