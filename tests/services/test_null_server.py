"""The null server's HTTP: bytes given to a connection in pieces, and its responses, without a socket."""

import asyncio
import dataclasses
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from null_app.server import Connection, NullServer
from work import counters, responses
from work.settings import settings
from workloads import fast, wait

from waitbench.launch.client import Service
from waitbench.launch.local import LocalStack
from waitbench.paths import VARIANTS

FAST = b"GET /fast HTTP/1.1\r\nhost: x\r\n\r\n"
NOPE = b"GET /nope HTTP/1.1\r\nhost: x\r\n\r\n"
LAST = b"GET /fast HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
COUNTS = ("requests_started", "requests_answered", "in_flight", "peak_in_flight")


def waiting(ms: int) -> bytes:
    return b"GET /wait?ms=%d HTTP/1.1\r\nhost: x\r\n\r\n" % ms


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of counts for this test."""
    monkeypatch.setattr(counters, "settings", dataclasses.replace(settings, state_dir=str(tmp_path)))
    monkeypatch.setattr(counters, "_own", None)
    counters.worker_pids()


class Wire:
    """A transport that keeps all written bytes."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = False
        self.reading = True

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.written += data

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def replies(self) -> list[tuple[int, bytes, bool]]:
        """Return the status, the body, and whether the connection stays open, for each complete response."""
        found, rest = [], self.written
        while rest:
            head, _, rest = rest.partition(b"\r\n\r\n")
            first, *lines = head.decode().split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines)
            length = int(headers["content-length"])
            found.append((int(first.split()[1]), rest[:length], headers["connection"] == "keep-alive"))
            rest = rest[length:]
        return found


def played(play: Callable[[Connection, Wire], None], *, until: int = 0, keep_alive_s: float = 60.0) -> Wire:
    """Run `play` on a connection. Returns its wire after `until` responses, or when the connection has ended."""

    async def conversation() -> Wire:
        wire = Wire()
        connection = Connection(NullServer(keep_alive_s), asyncio.get_running_loop())
        connection.connection_made(wire)
        play(connection, wire)
        while len(wire.replies()) < until and not wire.closed:
            await asyncio.sleep(0.001)
        connection.connection_lost(None)
        return wire

    return asyncio.run(conversation())


def sent(*pieces: bytes, until: int = 0) -> Wire:
    def play(connection: Connection, _: Wire) -> None:
        for piece in pieces:
            connection.data_received(piece)

    return played(play, until=until)


def counted() -> tuple[int, ...]:
    usage = counters.usage()
    return tuple(usage[name] for name in COUNTS)


def test_a_request_gets_its_response_and_is_counted_and_the_connection_stays() -> None:
    wire = sent(FAST)
    assert wire.replies() == [(200, fast.BODY, True)]
    assert not wire.closed
    assert counted() == (1, 1, 0, 1)


def test_requests_of_the_harness_are_not_counted() -> None:
    for path in (b"/health", b"/heal%74h?x=1", b"/usage"):
        assert sent(b"GET %s HTTP/1.1\r\nhost: x\r\n\r\n" % path).replies()[0][0] == 200
    assert sent(b"DELETE /health HTTP/1.1\r\nhost: x\r\n\r\n").replies()[0][0] == 405
    assert counted() == (0, 0, 0, 0)


def test_pipelined_requests_get_their_responses_in_order() -> None:
    wire = sent(waiting(20) + FAST + NOPE + waiting(5) + FAST, until=5)
    bodies = [wait.body(20), fast.BODY, responses.NOT_FOUND, wait.body(5), fast.BODY]
    assert [(status, body) for status, body, _ in wire.replies()] == list(
        zip([200, 200, 404, 200, 200], bodies, strict=True)
    )
    assert counted() == (5, 5, 0, 1)  # one connection has one request in flight


def test_nothing_is_read_while_requests_wait_for_the_one_before() -> None:
    seen = []

    def play(connection: Connection, wire: Wire) -> None:
        for piece in (waiting(20), FAST):
            connection.data_received(piece)
            seen.append(wire.reading)

    assert played(play, until=2).reading
    assert seen == [True, False]


def test_nothing_is_read_from_a_client_that_does_not_read() -> None:
    seen = []

    def play(connection: Connection, wire: Wire) -> None:
        for step in (connection.pause_writing, connection.resume_writing):
            step()
            seen.append(wire.reading)

    played(play)
    assert seen == [False, True]


@given(data=st.data())
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, database=None)
def test_a_request_may_come_in_any_pieces(data: st.DataObject) -> None:
    whole = FAST + waiting(0) + b"POST /fast HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc" + NOPE + LAST
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=12)))
    pieces = [whole[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    wire = sent(*pieces)
    assert [status for status, _, _ in wire.replies()] == [200, 200, 405, 404, 200]
    assert wire.written == sent(whole).written


@pytest.mark.parametrize(
    ("request_", "stays"),
    [
        (LAST, False),
        (b"GET /fast HTTP/1.0\r\n\r\n", False),
        (b"GET /fast HTTP/1.0\r\nconnection: keep-alive\r\n\r\n", True),
        (b"GET /wait?ms=1 HTTP/1.1\r\nhost: x\r\nConnection: Close\r\n\r\n", False),
        (b"GET /nope HTTP/1.0\r\n\r\n", False),
    ],
)
def test_a_connection_stays_if_the_client_wants_it_to(request_: bytes, stays: bool) -> None:
    wire = sent(request_, until=1)
    assert [reply[2] for reply in wire.replies()] == [stays]
    assert wire.closed is not stays


def test_requests_after_connection_close_get_no_response() -> None:
    assert sent(LAST + FAST).replies() == [(200, fast.BODY, False)]
    assert sent(LAST, FAST).replies() == [(200, fast.BODY, False)]


@pytest.mark.fault("input", "the null service gets bytes that are no HTTP request", "400, and the connection is closed")
@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x16\x03\x01\x02\x00\x01",
        b"hello\r\n\r\n",
        b"GET /fast HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET /fast HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_bytes_that_are_no_request_are_refused_and_the_connection_is_closed(nonsense: bytes) -> None:
    wire = sent(nonsense)
    [(status, body, stays)] = wire.replies()
    assert (status, stays, wire.closed) == (400, False, True)
    assert b'"status":400' in body
    assert counted() == (0, 0, 0, 0)


def test_nonsense_waits_its_turn_after_the_requests_before_it() -> None:
    wire = sent(waiting(10) + FAST + b"nonsense\r\n\r\n", FAST, until=3)
    assert [status for status, _, _ in wire.replies()] == [200, 200, 400]
    assert wire.closed


@pytest.mark.parametrize("offer", [b"websocket", b"h2c"])
def test_an_offer_to_upgrade_is_ignored(offer: bytes) -> None:
    request = b"GET /fast HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: %s\r\n\r\n" % offer
    assert sent(request + request + NOPE).replies() == [
        (200, fast.BODY, True), (200, fast.BODY, True), (404, responses.NOT_FOUND, True),
    ]  # fmt: skip


def test_a_refusal_of_head_has_a_content_length_and_no_body() -> None:
    wire = sent(b"HEAD /fast HTTP/1.1\r\nhost: x\r\n\r\n")
    assert wire.written.endswith(b"\r\n\r\n")
    assert b"content-length: %d\r\n" % len(responses.METHOD_NOT_ALLOWED) in wire.written


def test_the_waiting_request_of_a_client_that_leaves_is_ended() -> None:
    wire = sent(waiting(30_000))
    assert wire.written == b""
    assert counted() == (1, 1, 0, 1)


def test_a_wait_is_never_cut_short() -> None:
    for ms in (1, 2, 3, 7, 20):
        began = time.monotonic()
        sent(waiting(ms), until=1)
        assert time.monotonic() - began >= ms / 1000


@pytest.fixture(scope="module")
def brief(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """A live null service that keeps an idle connection for one second."""
    file = tmp_path_factory.mktemp("null") / "variants.toml"
    head, _, null = VARIANTS.read_text().partition("[variants.null]")
    file.write_text(f"{head}[variants.null]{null.replace('keep_alive_s = 75', 'keep_alive_s = 1')}")
    with LocalStack(variants_file=file) as stack:
        stack.start(["null"])
        assert set(stack.processes) == {"null"}
        with Service(stack.base_urls["null"]) as service:
            assert service.info()["budget"] == {"workers": 1, "backlog": 2048, "keep_alive_s": 1}
        yield "127.0.0.1", int(stack.base_urls["null"].rpartition(":")[2])


@pytest.mark.live
@pytest.mark.parametrize("before", [b"", FAST, waiting(1500), b"GET /fa"], ids=["nothing", "fast", "wait", "half"])
def test_a_connection_is_closed_a_second_after_its_last_response(brief: tuple[str, int], before: bytes) -> None:
    began = time.monotonic()
    with socket.create_connection(brief, timeout=30) as client:
        client.sendall(before)
        if before.endswith(b"\r\n\r\n"):
            assert client.recv(65_536).startswith(b"HTTP/1.1 200")
        assert client.recv(65_536) == b""
    least_s = 2.5 if before.startswith(b"GET /wait") else 1.0
    assert time.monotonic() - began >= least_s - 0.01  # the loop's clock counts milliseconds
