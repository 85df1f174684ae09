"""Tests checks and the harness's own requests against servers that misbehave."""

import itertools
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from waitbench.catalog.proofs import OverlappingWaits, OverlappingWork
from waitbench.catalog.variants import budget_differences
from waitbench.catalog.workloads import WORKLOADS, params_fault
from waitbench.check.concurrent_calls import at_once
from waitbench.check.contract import bad_queries
from waitbench.check.overlap_waits import CALLS, calls_inside_overlap, waits_overlap
from waitbench.check.overlap_work import CALLS as CPU_CALLS
from waitbench.check.overlap_work import work_overlaps
from waitbench.errors import WaitbenchError
from waitbench.launch.client import Service, wait_until
from waitbench.launch.local import free_port


class Listener(ThreadingHTTPServer):
    request_queue_size = 100
    """With the default of 5, some of twenty connections would be retried after a second."""


@contextmanager
def server(handler: type[BaseHTTPRequestHandler]) -> Iterator[Service]:
    """Start a service with one handler and a thread for each connection."""
    with Listener(("127.0.0.1", 0), handler) as listener, ExitStack() as ending:
        thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
        thread.start()
        ending.callback(thread.join)
        ending.callback(listener.shutdown)
        yield ending.enter_context(Service(f"http://127.0.0.1:{listener.server_port}"))


class Sparing(BaseHTTPRequestHandler):
    """Responds to two of three requests, and closes the connection for the third. It reports three in flight."""

    protocol_version = "HTTP/1.1"
    asked = itertools.count(1)

    def do_GET(self) -> None:
        if self.path.startswith("/wait") and next(self.asked) % 3 == 0:
            self.close_connection = True
            return
        self._respond(b'{"peak_in_flight":3}')

    def do_POST(self) -> None:
        self.do_GET()

    def _respond(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Refusing(Sparing):
    """Responds with status 503 to every third request."""

    def do_GET(self) -> None:
        if self.path.startswith("/wait") and next(self.asked) % 3 == 0:
            self.send_error(503)
            return
        self._respond(b'{"peak_in_flight":3}')


@pytest.mark.timeout(60)
def test_a_call_without_a_response_does_not_keep_the_others_waiting() -> None:
    with server(Sparing) as service, pytest.raises(WaitbenchError, match=r"/wait\?ms=1 gave no complete response"):
        at_once(service, "/wait?ms=1", 6)


def test_concurrent_calls_are_good_if_they_get_status_200() -> None:
    with server(Refusing) as service:
        crowd = at_once(service, "/wait?ms=1", 6)
    assert (crowd.good, crowd.held) == (4, 3)


class Slow(Sparing):
    """Waits as asked, and adds what a busy machine would add to each call, however long the call waits."""

    ADDED_S = 0.2
    places = threading.Semaphore(CALLS)

    def do_GET(self) -> None:
        if self.path.startswith("/wait"):
            with self.places:
                time.sleep(int(self.path.partition("=")[2]) / 1000)
            time.sleep(self.ADDED_S)
        self._respond(b'{"peak_in_flight":%d}' % CALLS)


class Narrow(Slow):
    """Lets seven calls wait at a time, so twenty take three rounds."""

    ADDED_S = 0.0
    places = threading.Semaphore(7)


@pytest.mark.parametrize(("handler", "good"), [(Slow, True), (Narrow, False)])
def test_a_busy_machine_is_not_mistaken_for_calls_that_take_turns(
    handler: type[BaseHTTPRequestHandler], good: bool
) -> None:
    with server(handler) as service:
        proof = waits_overlap(
            service, WORKLOADS["wait"], OverlappingWaits(), {"ms": 100}, {"workers": 1, "in_flight": 1000}
        )
    assert (proof.good, proof.held) == (good, CALLS)
    assert (proof.rounds < 2.5) == good
    assert bool(re.fullmatch(r"20 concurrent calls took as long as [3-9]\.\d calls one after .*", proof.says)) != good


CPU_WORK = OverlappingWork({"ksteps": 4000}, holds_gil=True)


class Working(Sparing):
    """Reports CPU time as if each call worked for a second, except that some concurrent calls report only `share`."""

    disable_nagle_algorithm = True
    share, quick = 1.0, 0
    """How many crowds report less."""
    lock, cpu_s, calls, crowds = threading.Lock(), 0.0, 0, 0

    def do_GET(self) -> None:
        if self.path.startswith("/cpu?ksteps=4000"):
            with self.lock:
                type(self).calls += 1
            time.sleep(0.3)
        if self.path == "/info":
            self._respond(b'{"gil":true}')
        elif self.path == "/usage":
            self._report()
        else:
            self._respond(b"{}")

    def do_POST(self) -> None:
        type(self).calls = 0
        self._report()

    def _report(self) -> None:
        """Count what the calls since the last reset took."""
        crowd = self.calls == CPU_CALLS
        type(self).crowds += crowd
        share = self.share if crowd and self.crowds <= self.quick else 1.0
        type(self).cpu_s += self.calls * share
        figures = {"cpu_s": self.cpu_s, "monotonic_s": self.cpu_s, "peak_in_flight": self.calls}
        self._respond(json.dumps(figures).encode())


@pytest.mark.parametrize(
    ("share", "quick", "good", "crowds"),
    [
        pytest.param(0.78, 5, True, 6, id="a processor that changes its speed"),
        pytest.param(0.78, 99, False, 10, id="calls that always take less"),
        pytest.param(0.3, 99, False, 3, id="calls that hardly work"),
    ],
)
def test_a_processor_that_changes_its_speed_is_not_mistaken_for_calls_without_work(
    share: float, quick: int, good: bool, crowds: int
) -> None:
    class Handler(Working):
        pass

    Handler.share, Handler.quick = share, quick
    with server(Handler) as service:
        proof = work_overlaps(service, WORKLOADS["cpu"], CPU_WORK, {"workers": 1, "in_flight": 1000})
    assert (proof.good, Handler.crowds) == (good, crowds), proof.says
    assert proof.says == ("" if good else f"4 concurrent calls took only {share * 4:.1f} times the CPU time of one")


class Unable(Sparing):
    """Refuses requests with three remote calls, immediately."""

    def do_GET(self) -> None:
        if self.path.endswith("&calls=3"):
            self.send_error(503)
            return
        self._respond(b'{"peak_in_flight":1}')


def test_remote_calls_that_are_refused_immediately_do_not_count_as_quick() -> None:
    with server(Unable) as service:
        found = calls_inside_overlap(service, WORKLOADS["upstream"], {"ms": 200, "calls": 3})
    assert (found.good, found.says) == (False, "a request with 3 remote calls did not get status 200")


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("fast", []),
        (
            "cpu",
            [
                *(
                    f"inline=0&ksteps={bad}"
                    for bad in (
                        *("", "-1", "1.5", "abc", "+20", "%2B20", "%2020", "%D9%A2%D9%A0", "0_20", "0", "10001"),
                        "20&ksteps=20",
                    )
                ),
                "inline=0",
                *(
                    f"ksteps=20&inline={bad}"
                    for bad in ("", "-1", "1.5", "abc", "+0", "%2B0", "%200", "%D9%A0", "0_0", "2", "0&inline=0")
                ),
            ],
        ),
        ("upload", []),
    ],
)
def test_a_bad_query_has_one_mistake(name: str, right: list[str]) -> None:
    workload = WORKLOADS[name]
    sample = {**workload.sample, "inline": 0} if name == "cpu" else workload.sample
    assert list(bad_queries(workload, sample)) == right


def test_no_query_has_a_parameter_that_only_the_client_uses() -> None:
    for workload in WORKLOADS.values():
        for query in bad_queries(workload, workload.sample):
            assert "kib_per_s" not in query


def test_every_workload_has_a_sample_within_its_bounds() -> None:
    assert {params_fault(name, workload.sample) for name, workload in WORKLOADS.items()} == {""}


def test_a_budget_differs_by_changed_missing_and_undeclared_values() -> None:
    declared, found = {"workers": 1, "db_pool": 50, "in_flight": 9}, {"workers": 2, "db_pool": 50, "backlog": 7}
    assert budget_differences(declared, found) == [("workers", 1, 2), ("in_flight", 9, None), ("backlog", None, 7)]
    assert budget_differences(declared, dict(declared)) == []


@pytest.fixture
def other_program() -> Iterator[str]:
    """The address of a program that speaks HTTP but is not a service."""
    body = b"<html>hello</html>"
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def respond() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

        thread = threading.Thread(target=respond, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(5)


def test_another_program_at_the_address_of_a_service_is_reported_as_such(other_program: str) -> None:
    with (
        Service(other_program) as service,
        pytest.raises(WaitbenchError, match=r"/info returned no JSON: '<html>.*else"),
    ):
        service.info()


def test_a_missing_service_is_reported_with_its_address() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with Service(url) as service:
        assert not service.ready()
        with pytest.raises(WaitbenchError, match=f"{url}/info gave no complete response: .*refused"):
            service.info()


def test_waiting_ends_when_the_condition_holds_and_when_time_is_up() -> None:
    calls = itertools.count()
    assert wait_until(lambda: next(calls) == 3, 30, 0.001)
    assert next(calls) == 4
    assert not wait_until(lambda: False, 0.01, 0.001)
