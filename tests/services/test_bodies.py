"""Uploads and downloads at any pace of the client: the bytes are correct, and take no memory."""

import asyncio
import hashlib
import json
import os
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import EVERY_APP, installed
from waitbench.catalog.variants import load_variants
from waitbench.launch.client import Service, wait_until
from waitbench.launch.local import LocalStack
from waitbench.paths import ROOT
from waitbench.paths import VARIANTS as VARIANTS_FILE

pytestmark = pytest.mark.live

VARIANTS = [name for name in EVERY_APP if load_variants()[name].serves("upload")]
variants = pytest.mark.parametrize("variant", VARIANTS)
CROWDED = ("flask-threads", "django-gevent", "fastapi-asyncio", "django-asyncio", "go", "node")
"""Each of these reads bodies in its own way, by its server or its framework. For the others, a few examples and the
slow clients of `check` are enough."""
EXAMPLES = {name: 12 if name in CROWDED else 3 for name in VARIANTS}

KIB, MIB = 1024, 1024 * 1024
LONGEST = 64 * MIB
PATIENCE_S = 30.0
CROWD, EACH = 50, 16 * MIB
"""The number of slow clients, and the bytes that each sends or reads: more than the kernel holds per connection."""
BOUND = 64 * MIB
"""How much memory the crowd may add to a service: a twelfth of the bytes that it sends or reads."""
SPOOLED = {"django-asyncio": CROWD * 5 * MIB // 2}
"""Extra memory for services that collect bodies before they write them to a file: up to 2.5 MB in Django on ASGI."""
LEAST_S = 1.5
"""How long each client takes at least: about 10 MiB/s, which a service can usually keep up with."""


def pattern(size: int) -> bytes:
    """Return `size` bytes of the pattern: byte i is i mod 251."""
    return (bytes(range(251)) * (size // 251 + 1))[:size]


Pause = tuple[int, float]
"""A number of bytes, then a pause in seconds."""


def paces() -> st.SearchStrategy[list[Pause]]:
    """Generate the pace of a client, which it repeats until all is done. Many pauses would make tests take hours."""
    steps = st.tuples(st.integers(1, 200 * KIB), st.sampled_from([0.0, 0.0, 0.0, 0.001, 0.01]))
    return st.lists(steps, min_size=1, max_size=8).filter(lambda pace: sum(size for size, _ in pace) > 20 * KIB)


SIZES = st.sampled_from([0, 1, 2, 250, 251, 252, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1]) | st.integers(0, 400 * KIB)


def steps(pace: Sequence[Pause], whole: int) -> Iterator[tuple[int, int]]:
    """Yield where each piece of a whole begins and ends, with sleeps between them."""
    done = number = 0
    while done < whole:
        size, pause_s = pace[number % len(pace)]
        yield done, min(done + size, whole)
        time.sleep(pause_s)
        done, number = done + size, number + 1


def connect(base_url: str) -> socket.socket:
    address = urlsplit(base_url)
    return socket.create_connection((address.hostname or "", address.port or 0), timeout=PATIENCE_S)


def head(method: str, path: str, *headers: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "host: x", *headers, "", ""]).encode()


def read_response(
    client: socket.socket, pace: Sequence[Pause] = ((64 * KIB, 0.0),)
) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of a response, whose body is read at the given pace."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = client.recv(4096)
        assert piece, f"the connection ended after {received!r}"
        received += piece
    head_bytes, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head_bytes.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    pieces = [body]
    for begin, end in steps(pace, int(headers["content-length"]) - len(body)):
        left = end - begin
        while left:
            pieces.append(client.recv(left))
            assert pieces[-1], "the connection ended in the middle of the body"
            left -= len(pieces[-1])
    return int(first.split()[1]), headers, b"".join(pieces)


def uploaded(body: bytes) -> bytes:
    """Return the correct response to an upload."""
    return b'{"workload":"upload","bytes":%d,"sha256":"%s"}' % (len(body), hashlib.sha256(body).hexdigest().encode())


@variants
def test_a_body_is_received_at_any_pace(stack: LocalStack, variant: str) -> None:
    url = stack.base_urls[variant]

    @settings(max_examples=EXAMPLES[variant], deadline=None, database=None)
    @given(
        body=SIZES.flatmap(lambda size: st.just(pattern(size)) | st.randoms().map(lambda r: r.randbytes(size))),
        pace=paces(),
        begins=st.sampled_from([0.0, 0.01]),
    )
    def is_received(body: bytes, pace: list[Pause], begins: float) -> None:
        with connect(url) as client:
            for _ in range(2):  # the connection can be used again
                client.sendall(head("POST", "/upload?kib=x&ms", f"Content-Length: {len(body)}"))
                time.sleep(begins)
                for begin, end in steps(pace, len(body)):
                    client.sendall(body[begin:end])
                status, headers, found = read_response(client)
                assert (status, headers["content-type"], found) == (200, "application/json", uploaded(body))

    is_received()


@variants
def test_the_pattern_is_sent_at_any_pace_of_the_reader(stack: LocalStack, variant: str) -> None:
    url = stack.base_urls[variant]

    @settings(max_examples=EXAMPLES[variant], deadline=None, database=None)
    @given(kib=st.sampled_from([0, 1, 63, 64, 65]) | st.integers(0, 400), pace=paces())
    def comes(kib: int, pace: list[Pause]) -> None:
        with connect(url) as client:
            for _ in range(2):
                client.sendall(head("GET", f"/download?kib={kib}"))
                status, headers, found = read_response(client, pace)
                assert (status, headers["content-type"]) == (200, "application/octet-stream")
                assert found == pattern(kib * KIB)

    comes()


@variants
def test_the_longest_upload_and_the_longest_download_are_whole(stack: LocalStack, variant: str) -> None:
    whole = pattern(LONGEST)
    with connect(stack.base_urls[variant]) as client:
        client.sendall(head("POST", "/upload", f"Content-Length: {LONGEST}"))
        client.sendall(whole)
        assert read_response(client)[2] == uploaded(whole)
        client.sendall(head("GET", f"/download?kib={LONGEST // KIB}"))
        assert read_response(client)[2] == whole


@variants
@pytest.mark.parametrize(
    ("header", "status", "detail"),
    [
        pytest.param(
            f"Content-Length: {LONGEST + 1}",
            413,
            f"an upload may have at most {LONGEST} bytes",
            marks=pytest.mark.fault(
                "input", "an upload says that it has more than 64 MiB", "413, and nothing of it is read"
            ),
        ),
        ("Content-Length: 99999999999", 413, f"an upload may have at most {LONGEST} bytes"),
        pytest.param(
            "Transfer-Encoding: chunked",
            411,
            "an upload needs a Content-Length",
            marks=pytest.mark.fault("input", "an upload does not say its length", "411, and nothing of it is read"),
        ),
        ("X-Nothing: x", 411, "an upload needs a Content-Length"),
    ],
)
def test_an_upload_that_is_too_long_or_has_no_length_is_refused_unread(
    stack: LocalStack, variant: str, header: str, status: int, detail: str
) -> None:
    with connect(stack.base_urls[variant]) as client:
        client.sendall(head("POST", "/upload", header))  # without any of the body
        found, headers, body = read_response(client)
    title = {411: "Length Required", 413: "Content Too Large"}[status]
    right = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    assert (found, headers["content-type"], json.loads(body)) == (status, "application/problem+json", right)


def _leave(client: socket.socket) -> None:
    client.close()


def _reset(client: socket.socket) -> None:
    """Close and discard unsent data, so that the other side gets a reset."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@pytest.mark.fault(
    "input",
    "a client goes away, or resets its connection, in the middle of a body",
    "the next request is served, and nothing is left in flight",
)
@variants
@pytest.mark.parametrize("leave", [_leave, _reset])
@pytest.mark.parametrize(
    "request_",
    [head("POST", "/upload", f"Content-Length: {MIB}") + bytes(100 * KIB), head("GET", "/download?kib=65536")],
    ids=["upload", "download"],
)
def test_a_client_that_leaves_half_way_does_no_damage(
    stack: LocalStack, variant: str, request_: bytes, leave: Callable[[socket.socket], None]
) -> None:
    with Service(stack.base_urls[variant]) as service:
        # A service may count a response only after its caller has it. This includes that of the previous test.
        assert wait_until(lambda: service.usage()["in_flight"] == 0, PATIENCE_S)
        before = service.usage()
        for _ in range(5):
            client = connect(service.base_url)
            client.sendall(request_)
            assert wait_until(lambda: service.usage()["in_flight"] == 1, PATIENCE_S)
            leave(client)
            assert wait_until(lambda: service.usage()["in_flight"] == 0, PATIENCE_S)
        after = service.usage()
        assert after["requests_answered"] - before["requests_answered"] == 5
        assert service.get("/download?kib=1").content == pattern(KIB)
    assert "Traceback" not in stack.processes[variant].log.read_text()


class Crowd:
    """Clients that all do the same at the same time.

    Each sends a request, waits until the service holds the requests of all, and continues at a pace that takes
    `least_s`. The bytes that they get are checked, and not kept.
    """

    piece = 251 * KIB
    """A multiple of the pattern's period, so that all pieces are the same."""

    def __init__(self, service: Service, size: int, least_s: float) -> None:
        self._service = service
        self._address = urlsplit(service.base_url)
        self._size, self._least_s = size, least_s
        self._held = asyncio.Event()
        self._content = pattern(self.piece)
        self._right = uploaded(pattern(EACH))

    def play(self, one: Callable[["Crowd"], Coroutine[Any, Any, None]]) -> None:
        async def together() -> None:
            await asyncio.gather(self._see(), *(one(self) for _ in range(self._size)))

        asyncio.run(together())

    async def _see(self) -> None:
        """Let all continue when the service holds all of them, or after PATIENCE_S. The test then checks the number."""
        await asyncio.to_thread(wait_until, lambda: self._service.usage()["in_flight"] == self._size, PATIENCE_S)
        self._held.set()

    async def send(self) -> None:
        reader, writer = await self._ask(head("POST", "/upload", f"Content-Length: {EACH}"))
        async for size in self._pieces():
            writer.write(self._content[:size])
            await writer.drain()
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(len(self._right)) == self._right
        writer.close()

    async def read(self) -> None:
        reader, writer = await self._ask(head("GET", f"/download?kib={EACH // KIB}"))
        await reader.readuntil(b"\r\n\r\n")
        async for size in self._pieces():
            assert await reader.readexactly(size) == self._content[:size]
        writer.close()

    async def _ask(self, request: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(self._address.hostname, self._address.port)
        writer.write(request)
        return reader, writer

    async def _pieces(self) -> AsyncIterator[int]:
        """Yield the length of each piece when it is due."""
        await self._held.wait()
        began, done = time.monotonic(), 0
        while done < EACH:
            size = min(self.piece, EACH - done)
            yield size
            done += size
            await asyncio.sleep(began + self._least_s * done / EACH - time.monotonic())


def grown(service: Service, crowd: Crowd, one: Callable[[Crowd], Coroutine[Any, Any, None]]) -> tuple[int, int]:
    """Return how much more memory the service took at its peak, and how many requests it had in flight."""
    before = service.reset_usage()
    crowd.play(one)
    after = service.usage()
    return after["peak_rss_bytes"] - before["rss_bytes"], after["peak_in_flight"]


@pytest.fixture(scope="module")
def fresh() -> Iterator[LocalStack]:
    """Services that have done nothing yet, so they have no memory of earlier work to use again."""
    with LocalStack() as own:
        own.start(installed(CROWDED), workloads={"upload", "download"})
        yield own


@pytest.mark.slow  # only this has fifty slow clients; `check` has twenty, with the same bound
class TestCrowd:
    @pytest.mark.parametrize("variant", CROWDED)
    @pytest.mark.parametrize("one", [Crowd.read, Crowd.send])
    def test_a_crowd_of_slow_clients_takes_hardly_any_memory(
        self, fresh: LocalStack, variant: str, one: Callable[[Crowd], Coroutine[Any, Any, None]]
    ) -> None:
        with Service(fresh.base_urls[variant]) as service:
            more, peak = grown(service, Crowd(service, CROWD, LEAST_S), one)
        assert peak == CROWD
        assert more <= BOUND + SPOOLED.get(variant, 0)

    def test_a_service_that_holds_whole_bodies_takes_more_memory_than_the_bound(self, tmp_path: Path) -> None:
        file = tmp_path / "variants.toml"
        right, wrong = "fastapi_app.async_app:application", "tests.wrong.buffered_upload:application"
        file.write_text(VARIANTS_FILE.read_text().replace(right, wrong))
        with LocalStack(variants_file=file, environment={"PYTHONPATH": str(ROOT)}) as own:
            own.start(["fastapi-asyncio"], workloads={"upload"})
            with Service(own.base_urls["fastapi-asyncio"]) as service:
                more, _ = grown(service, Crowd(service, 8, 0.5), Crowd.send)
        assert more > BOUND


def test_django_writes_a_body_that_it_collects_to_the_scratch_folder(stack: LocalStack) -> None:
    url = stack.base_urls["django-asyncio"]
    files = Path(f"/proc/{stack.processes['django-asyncio'].pid}/fd")

    def spooled() -> bool:
        return any(os.readlink(file).startswith(f"{stack.scratch}/") for file in files.iterdir() if file.is_symlink())

    with connect(url) as client:
        client.sendall(head("POST", "/upload", f"Content-Length: {8 * MIB}"))
        client.sendall(bytes(4 * MIB))
        assert wait_until(spooled, PATIENCE_S)
        client.sendall(bytes(4 * MIB))
        assert read_response(client)[2] == uploaded(bytes(8 * MIB))
    assert wait_until(lambda: list(stack.scratch.iterdir()) == [], PATIENCE_S)
