"""Checks and the harness's own requests, where the other side does not do as it should."""

import itertools
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from waitbench.catalog.variants import budget_differences
from waitbench.catalog.workloads import WORKLOADS
from waitbench.check.concurrent_calls import at_once
from waitbench.check.contract import SAMPLES, bad_queries
from waitbench.check.overlap_waits import gathered
from waitbench.errors import WaitbenchError
from waitbench.launch.client import Service, wait_until
from waitbench.launch.local import free_port


@contextmanager
def server(handler: type[BaseHTTPRequestHandler]) -> Iterator[Service]:
    """A service made of one handler, a thread for each connection."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as listener, ExitStack() as ending:
        thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
        thread.start()
        ending.callback(thread.join)
        ending.callback(listener.shutdown)
        yield ending.enter_context(Service(f"http://127.0.0.1:{listener.server_port}"))


class Sparing(BaseHTTPRequestHandler):
    """Answers twice of three times, and closes the connection unanswered the third time; has three in hand."""

    protocol_version = "HTTP/1.1"
    asked = itertools.count(1)

    def do_GET(self) -> None:
        if self.path.startswith("/wait") and next(self.asked) % 3 == 0:
            self.close_connection = True
            return
        self._answer(b'{"peak_in_flight":3}')

    def do_POST(self) -> None:
        self.do_GET()

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Refusing(Sparing):
    """Has no time for every third."""

    def do_GET(self) -> None:
        if self.path.startswith("/wait") and next(self.asked) % 3 == 0:
            self.send_error(503)
            return
        self._answer(b'{"peak_in_flight":3}')


@pytest.mark.timeout(60)
def test_one_caller_that_gets_no_answer_does_not_leave_the_others_waiting() -> None:
    with server(Sparing) as service, pytest.raises(WaitbenchError, match=r"/wait\?ms=1 gave no answer"):
        at_once(service, "/wait?ms=1", 6)


def test_calls_at_once_are_good_where_they_are_answered_with_200() -> None:
    with server(Refusing) as service:
        crowd = at_once(service, "/wait?ms=1", 6)
    assert (crowd.good, crowd.held) == (4, 3)


class Unable(Sparing):
    """Refuses what takes more than one remote call, at once."""

    def do_GET(self) -> None:
        if self.path.endswith("&calls=3"):
            self.send_error(503)
            return
        self._answer(b'{"peak_in_flight":1}')


def test_gathered_calls_that_are_refused_at_once_are_not_taken_for_quick() -> None:
    with server(Unable) as service:
        found = gathered(service, WORKLOADS["upstream"])
    assert (found.good, found.says) == (False, "a request with 3 calls was not answered with 200")


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
def test_a_bad_query_has_one_thing_wrong(name: str, right: list[str]) -> None:
    sample = {**SAMPLES[name], "inline": 0} if name == "cpu" else SAMPLES[name]
    assert list(bad_queries(WORKLOADS[name], sample)) == right


def test_no_query_is_asked_for_what_the_client_alone_knows() -> None:
    for workload in WORKLOADS.values():
        for query in bad_queries(workload, SAMPLES[workload.name]):
            assert "kib_per_s" not in query


def test_every_workload_has_a_sample_within_its_bounds() -> None:
    assert list(SAMPLES) == list(WORKLOADS)
    for name, sample in SAMPLES.items():
        parameters = WORKLOADS[name].parameters
        assert all(parameters[key].low <= value <= parameters[key].high for key, value in sample.items())
        assert all(key in sample for key, parameter in parameters.items() if parameter.default is None)


def test_a_budget_differs_by_what_is_other_what_is_missing_and_what_was_not_declared() -> None:
    declared, found = {"workers": 1, "db_pool": 50, "in_flight": 9}, {"workers": 2, "db_pool": 50, "backlog": 7}
    assert budget_differences(declared, found) == [("workers", 1, 2), ("in_flight", 9, None), ("backlog", None, 7)]
    assert budget_differences(declared, dict(declared)) == []


@pytest.fixture
def other_program() -> Iterator[str]:
    """Something that speaks HTTP and is no service of ours."""
    body = b"<html>hello</html>"
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(5)


def test_another_program_at_the_address_of_a_service_is_told_as_such(other_program: str) -> None:
    with (
        Service(other_program) as service,
        pytest.raises(WaitbenchError, match=r"/info answered no JSON: '<html>.*else"),
    ):
        service.info()


def test_a_service_that_is_not_there_is_told_by_its_address() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with Service(url) as service:
        assert not service.ready()
        with pytest.raises(WaitbenchError, match=f"{url}/info gave no answer: .*refused"):
            service.info()


def test_waiting_ends_when_the_condition_holds_and_when_time_is_up() -> None:
    calls = itertools.count()
    assert wait_until(lambda: next(calls) == 3, 30, 0.001)
    assert next(calls) == 4
    assert not wait_until(lambda: False, 0.01, 0.001)
