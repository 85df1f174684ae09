"""Bodies that the generator's client sends and reads, at a pace of its own or as fast as possible."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from weakref import WeakSet

import gevent
import pytest
from gevent.event import Event

from loadtests import throttle
from loadtests.caller import Caller
from loadtests.connection import INTACT, TIMEOUT, Connection
from loadtests.request import Request, origin
from tests.loadtests import answering, bodies
from tests.serving import listening
from waitbench.records.spec import Exchange

TIMEOUT_S = 5.0
KIB = 1024


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with listening(bodies) as url:
        yield url


@pytest.fixture(scope="module")
def scripted() -> Iterator[str]:
    with listening(answering) as url:
        yield url


_throttles: "WeakSet[throttle.Throttle]" = WeakSet()


@pytest.fixture(autouse=True)
def _noted_throttles(monkeypatch: pytest.MonkeyPatch) -> None:
    real = throttle.Throttle.__init__

    def noted(self: throttle.Throttle, *given: Any, **named: Any) -> None:
        real(self, *given, **named)
        _throttles.add(self)

    monkeypatch.setattr(throttle.Throttle, "__init__", noted)


def running_timers() -> int:
    """Return how many throttles still have a running timer."""
    return sum(each._timer._timer is not None for each in _throttles)


class Noting(Connection):
    """Notes when it read how many bytes of the last response's body."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.took: list[tuple[int, int]] = []

    def on_body(self, piece: bytes) -> None:
        super().on_body(piece)
        self.took.append((time.perf_counter_ns(), self._received))


class Client:
    """One connection that sends the same request again and again."""

    def __init__(self, server: str, **exchange: Any) -> None:
        to = origin(server)
        self._ended = Event()
        request = Request.of(to, Exchange(body=None, **exchange))
        self.connection = Noting(to, request, lambda _: self._ended.set())

    def ask(self, timeout_s: float = TIMEOUT_S) -> Noting:
        self.start()
        self.wait(timeout_s)
        return self.connection

    def start(self) -> None:
        self._ended.clear()
        self.connection.took = []
        self.connection.ask()

    def wait(self, timeout_s: float = TIMEOUT_S) -> None:
        if not self._ended.wait(timeout_s):
            self.connection.fail(TIMEOUT)


def sending(server: str, count: int, path: str = "/take", bytes_per_s: int = 0) -> Client:
    return Client(server, method="POST", path=path, sends=count, bytes_per_s=bytes_per_s)


def reading(server: str, count: int, bytes_per_s: int = 0, right: int | None = None) -> Client:
    return Client(server, path=f"/give/{count}", receives=count if right is None else right, bytes_per_s=bytes_per_s)


def account(server: str) -> list[tuple[int, int]]:
    """Return when which bytes of the last body went, as the server recorded it."""
    caller = Caller(server, TIMEOUT_S)
    gone_at = json.loads(caller.exchange("/account")[1])
    caller.close()
    return [(at_ns, gone) for at_ns, gone in gone_at]


def bytes_gone(server: str) -> list[int]:
    return [gone for _, gone in account(server)]


def wait_until(condition: Callable[[], bool]) -> bool:
    """Wait for a condition, and let the client's event loop run."""
    until = time.monotonic() + TIMEOUT_S
    while not (found := condition()) and time.monotonic() < until:
        gevent.sleep(0.02)
    return found


def within_pace(gone: list[tuple[int, int]], since_ns: int, bytes_per_s: int) -> bool:
    """Return whether there were never more bytes than the pace allows."""
    return all(count <= bytes_per_s * (at_ns - since_ns) / 1e9 for at_ns, count in gone)


def sha256(count: int) -> bytes:
    return hashlib.sha256(bytes(n % 251 for n in range(count))).hexdigest().encode()


class TestSending:
    @pytest.mark.parametrize("count", [1, 250, 251, 252, 65_536, 3_000_000])
    def test_a_body_arrives_whole_and_the_connection_is_kept(self, server: str, count: int) -> None:
        client = sending(server, count)
        for _ in range(3):
            response = client.ask()
            assert (response.failure, response.status, response.body) == (None, 200, sha256(count))
        assert len(response.connects_ns) == 1

    def test_an_empty_body_has_a_content_length_of_zero(self, server: str) -> None:
        request = Request.of(origin(server), Exchange(method="POST", path="/take", body=None))
        assert bytes(request.whole).endswith(b"Content-Length: 0\r\n\r\n")
        assert sending(server, 0, bytes_per_s=KIB).ask().body == sha256(0)

    def test_a_response_to_an_empty_body_is_read_without_a_pace(self, server: str) -> None:
        """The pace is the sender's. There is nothing to send, and reading has no pace."""
        client = sending(server, 0, bytes_per_s=1)
        assert not client.connection.request.reads_slowly
        assert client.ask().body == sha256(0)

    def test_at_a_pace_the_server_never_gets_more_bytes_than_allowed_and_gets_all_in_the_end(self, server: str) -> None:
        client = sending(server, 16 * KIB, bytes_per_s=40 * KIB)
        for _ in range(2):  # on one connection, each with the pace from its own beginning
            response = client.ask()
            assert (response.failure, response.body) == (None, sha256(16 * KIB))
            came = account(server)
            assert within_pace(came, response.sent_ns, 40 * KIB)
            assert came[-1][1] == 16 * KIB
            assert len(came) > 2
        assert len(response.connects_ns) == 1

    def test_the_head_is_sent_at_once_and_not_at_the_pace_of_the_body(self, server: str) -> None:
        client = sending(server, 100, path="/take/0", bytes_per_s=1)
        client.start()
        assert wait_until(lambda: bytes_gone(server) == [0])
        gevent.sleep(0.2)
        assert bytes_gone(server) == [0]
        client.connection.fail(TIMEOUT)

    def test_a_timeout_ends_sending_in_the_middle(self, server: str) -> None:
        client = sending(server, 64 * KIB, bytes_per_s=16 * KIB)
        client.start()
        assert wait_until(lambda: 0 < bytes_gone(server)[-1] < 64 * KIB)
        client.connection.fail(TIMEOUT)
        ended_s = (time.perf_counter_ns() - client.connection.sent_ns) / 1e9
        assert client.connection.failure == TIMEOUT
        assert running_timers() == 0
        gevent.sleep(0.1)
        came = bytes_gone(server)
        assert 0 < came[-1] <= 16 * KIB * ended_s
        gevent.sleep(0.2)
        assert bytes_gone(server) == came

    @pytest.mark.parametrize("bytes_per_s", [0, 512 * KIB])
    def test_a_service_that_stops_reading_leads_to_a_timeout(self, server: str, bytes_per_s: int) -> None:
        client = sending(server, 16 * KIB * KIB, path="/take/1000", bytes_per_s=bytes_per_s)
        assert client.ask(timeout_s=0.3).failure == TIMEOUT
        assert running_timers() == 0

    @pytest.mark.parametrize("bytes_per_s", [0, 64 * KIB])
    def test_a_reset_in_the_middle_is_reported_and_the_next_request_has_a_new_connection(
        self, server: str, bytes_per_s: int
    ) -> None:
        client = sending(server, 4000 * KIB, path="/take/8000/reset", bytes_per_s=bytes_per_s)
        assert [client.ask().failure for _ in range(2)] == ["reset"] * 2
        assert len(client.connection.connects_ns) == 2
        assert running_timers() == 0


class TestAResponseBeforeAllIsSent:
    """A service may refuse a body after its head, and close the connection without reading the rest."""

    @pytest.mark.parametrize("path", ["/too-large", "/too-large-and-closes", "/too-large-and-resets"])
    @pytest.mark.parametrize("bytes_per_s", [0, 64 * KIB])
    def test_it_is_read_and_the_next_request_has_a_new_connection(
        self, scripted: str, path: str, bytes_per_s: int
    ) -> None:
        client = sending(scripted, 8000 * KIB, path=path, bytes_per_s=bytes_per_s)
        for _ in range(5):
            response = client.ask()
            assert (response.failure, response.status, response.body) == (None, 413, b"less")
            assert response._unsent > 0 or path != "/too-large", "the response came after the whole request"
            assert running_timers() == 0
        assert len(response.connects_ns) == 5


class TestReading:
    @pytest.mark.parametrize("count", [0, 1, 251, 70_000, 3_000_000])
    def test_bytes_of_the_pattern_are_intact_and_not_kept(self, server: str, count: int) -> None:
        client = reading(server, count)
        for _ in range(3):
            response = client.ask()
            assert (response.failure, response.status, response.body) == (None, 200, INTACT)
        assert len(response.connects_ns) == 1

    @pytest.mark.parametrize("right", [69_999, 70_001])
    def test_fewer_or_more_bytes_are_not_intact(self, server: str, right: int) -> None:
        response = reading(server, 70_000, right=right).ask()
        assert (response.failure, response.body) == (None, b"")

    @pytest.mark.parametrize("count", [0, 1000])
    def test_after_a_wrong_response_a_correct_one_is_accepted(self, server: str, scripted: str, count: int) -> None:
        client = Client(scripted, path="/plain", receives=count)
        assert client.ask().body == b""
        client.connection._to = origin(server)
        client.connection.close()
        client.connection.change(reading(server, count).connection.request)
        assert client.ask().body == INTACT

    def test_at_a_pace_the_reader_never_takes_more_bytes_than_allowed_and_takes_all_in_the_end(
        self, server: str
    ) -> None:
        client = reading(server, 16 * KIB, bytes_per_s=40 * KIB)
        for _ in range(2):
            response = client.ask()
            assert (response.failure, response.body) == (None, INTACT)
            assert within_pace(response.took, response.sent_ns, 40 * KIB)
            assert response.took[-1][1] == 16 * KIB
            assert len(response.took) > 2
        assert len(response.connects_ns) == 1

    def test_a_slow_reader_stops_the_service_when_the_kernels_buffers_are_full(self, server: str) -> None:
        response = reading(server, 2048 * KIB, bytes_per_s=4096 * KIB).ask()
        assert response.body == INTACT
        ahead = [
            gone - max((count for when_ns, count in response.took if when_ns <= at_ns), default=0)
            for at_ns, gone in account(server)
        ]
        assert max(ahead) < 512 * KIB

    def test_a_timeout_ends_reading_in_the_middle(self, server: str) -> None:
        client = reading(server, 64 * KIB, bytes_per_s=16 * KIB)
        client.start()
        assert wait_until(lambda: client.connection.took != [])
        client.connection.fail(TIMEOUT)
        took = list(client.connection.took)
        assert client.connection.failure == TIMEOUT
        assert 0 < took[-1][1] < 64 * KIB
        gevent.sleep(0.2)
        assert client.connection.took == took
        assert running_timers() == 0

    @pytest.mark.parametrize(
        ("path", "kind"),
        [
            ("/resets-in-the-pattern", "reset"),
            ("/closes-in-the-pattern", "short body"),
            ("/no-http", "malformed response"),
        ],
    )
    @pytest.mark.parametrize("bytes_per_s", [0, 64 * KIB])
    def test_a_failure_in_the_middle_has_its_error_class_at_any_pace(
        self, scripted: str, path: str, kind: str, bytes_per_s: int
    ) -> None:
        client = Client(scripted, path=path, receives=20_000, bytes_per_s=bytes_per_s)
        assert [client.ask().failure for _ in range(2)] == [kind] * 2
        assert len(client.connection.connects_ns) == 2
        assert running_timers() == 0

    def test_chunks_are_read_at_a_pace(self, scripted: str) -> None:
        response = Client(scripted, path="/pattern-in-chunks", receives=10_000, bytes_per_s=64 * KIB).ask()
        assert (response.failure, response.body) == (None, INTACT)
        assert within_pace(response.took, response.sent_ns, 64 * KIB)


class TestReadingAnUnknownLength:
    """Responses of an external service, whose length is not known beforehand."""

    @pytest.fixture
    def waits(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
        """How many bytes had gone and how many were left, at each wait for a piece."""
        found: list[tuple[int, int]] = []
        real = throttle.Throttle.wait

        def noted(self: throttle.Throttle, gone: int, left: int) -> None:
            found.append((gone, left))
            real(self, gone, left)

        monkeypatch.setattr(throttle.Throttle, "wait", noted)
        return found

    def test_no_reader_waits_for_more_than_is_left(self, server: str, waits: list[tuple[int, int]]) -> None:
        count, client = 10_000, Client(server, path="/give/10000", bytes_per_s=24 * KIB)
        for _ in range(2):
            waits.clear()
            response = client.ask()
            assert (response.failure, len(response.body)) == (None, count)
            assert within_pace(response.took, response.sent_ns, 24 * KIB)
            head, *rest = waits  # the length is not known before the head
            assert head[0] == 0
            assert rest == [(gone, count - gone) for gone, _ in rest]
            assert len(rest) > 1

    def test_without_a_length_one_piece_is_read_at_a_time(self, scripted: str) -> None:
        response = Client(scripted, path="/pattern-in-chunks", bytes_per_s=64 * KIB).ask()
        assert (response.failure, len(response.body)) == (None, 10_000)
        assert within_pace(response.took, response.sent_ns, 64 * KIB)


class TestManySlowClients:
    """Each client costs as many callbacks as it has pieces, however busy the machine is."""

    CLIENTS, COUNT, PACE = 200, 8 * KIB, 16 * KIB
    PIECES = COUNT / (PACE * throttle.PIECE_S)

    @pytest.fixture
    def calls(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
        found: dict[str, int] = {}
        for owner, name in ((throttle.Throttle, "_due"), (Connection, "_readable"), (Connection, "_send_on")):
            self._count(monkeypatch, owner, name, found)
        return found

    @staticmethod
    def _count(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, found: dict[str, int]) -> None:
        real = getattr(owner, name)
        found[name] = 0

        def counted(self: Any) -> None:
            found[name] += 1
            real(self)

        monkeypatch.setattr(owner, name, counted)

    def play(self, clients: list[Client]) -> None:
        for client in clients:
            client.start()
        for client in clients:
            client.wait()
            assert (client.connection.failure, client.connection.status) == (None, 200)
        for client in clients:
            client.connection.close()

    def test_a_sender_wakes_once_for_each_piece(self, server: str, calls: dict[str, int]) -> None:
        self.play([sending(server, self.COUNT, bytes_per_s=self.PACE) for _ in range(self.CLIENTS)])
        each = {name: count / self.CLIENTS for name, count in calls.items()}
        assert each["_due"] <= self.PIECES + 1
        assert each["_send_on"] <= self.PIECES + 2
        assert each["_readable"] <= 2

    def test_a_reader_wakes_once_for_each_piece_and_reads_twice(self, server: str, calls: dict[str, int]) -> None:
        self.play([reading(server, self.COUNT, bytes_per_s=self.PACE) for _ in range(self.CLIENTS)])
        each = {name: count / self.CLIENTS for name, count in calls.items()}
        assert each["_due"] <= self.PIECES + 2
        assert each["_readable"] <= 2 * (self.PIECES + 2)

    def test_a_reader_of_too_long_a_response_sleeps_between_pieces(self, server: str, calls: dict[str, int]) -> None:
        client = reading(server, self.COUNT, bytes_per_s=self.PACE, right=100)
        assert client.ask().body == b""
        assert calls["_due"] <= self.PIECES + 4
