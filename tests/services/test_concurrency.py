"""How many requests each service holds at once, by its own count: counted, never timed."""

import asyncio
import time
from urllib.parse import urlsplit

import pytest

from tests.conftest import EVERY_APP
from waitbench.catalog.variants import load_variants
from waitbench.catalog.workloads import WORKLOADS
from waitbench.launch.client import Service, wait_until
from waitbench.launch.local import LocalStack

pytestmark = pytest.mark.live

USERS = 200
WAIT_MS = 1000
"""Long enough to begin 200 requests, even on a slow machine."""
LEAST_S, LONGEST_S = 1.0, 30.0
TRIES = 5


class Users:
    """A closed loop: each user sends its next request when the last one has its response.

    It uses bare sockets, because the test shares the services' cores, and a client library would take their CPU time.
    """

    def __init__(self, base_url: str, path: str) -> None:
        self._address = urlsplit(base_url)
        self._request = f"GET {path} HTTP/1.1\r\nhost: {self._address.netloc}\r\n\r\n".encode()
        self.completed = 0
        self.wrong: list[bytes] = []

    def drive(self, users: int, right: bytes, enough: asyncio.Event) -> "asyncio.Future[list[None]]":
        return asyncio.gather(*(self._one(right, enough) for _ in range(users)))

    async def _one(self, right: bytes, enough: asyncio.Event) -> None:
        reader, writer = await asyncio.open_connection(self._address.hostname, self._address.port)
        while not enough.is_set():
            writer.write(self._request)
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(len(right))
            self.completed += 1
            if not head.startswith(b"HTTP/1.1 200 ") or body != right:
                self.wrong.append(head + body)
                break
        writer.close()
        await writer.wait_closed()


async def _until(peak: int, service: Service, users: Users, right: bytes) -> None:
    """Load the service for at least a second, until it has counted `peak` concurrent requests or time is up."""
    enough = asyncio.Event()
    load = users.drive(USERS, right, enough)
    began = time.monotonic()
    while time.monotonic() - began < LONGEST_S:
        await asyncio.sleep(0.2)
        usage = await asyncio.to_thread(service.usage)
        if time.monotonic() - began >= LEAST_S and usage["peak_in_flight"] >= peak:
            break
    enough.set()
    await load


def test_200_waiting_users_are_in_flight_and_every_request_is_counted(service: Service) -> None:
    workload, params = WORKLOADS["wait"], {"ms": WAIT_MS}
    users = Users(service.base_url, workload.path(params))
    before = service.reset_usage()
    asyncio.run(_until(USERS, service, users, workload.body(params).encode()))
    assert users.wrong == []
    assert wait_until(lambda: service.usage()["in_flight"] == 0, LONGEST_S)
    after = service.usage()
    assert after["peak_in_flight"] == USERS
    assert after["requests_started"] == after["requests_answered"]
    assert after["requests_answered"] - before["requests_answered"] == users.completed >= USERS


CALLERS = [name for name in EVERY_APP if load_variants()[name].serves("upstream")]


@pytest.mark.parametrize("variant", CALLERS, indirect=True)
def test_the_calls_of_one_request_are_concurrent(stack: LocalStack, service: Service) -> None:
    calls, peaks = 20, []
    with Service(stack.upstream_url) as remote:
        for _ in range(TRIES):  # on a busy machine some calls may end before others begin
            remote.reset_usage()
            service.get(WORKLOADS["upstream"].path({"ms": 400, "calls": calls}))
            peaks.append(remote.usage()["peak_in_flight"])
            if peaks[-1] == calls:
                break
    assert max(peaks) == calls
