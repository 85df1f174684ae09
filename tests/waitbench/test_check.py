"""Checks and the harness's own requests, where the other side does not do as it should."""

import itertools
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from waitbench import check
from waitbench.check import differences, overlap
from waitbench.errors import WaitbenchError
from waitbench.launch.local import free_port
from waitbench.service import Service, wait_until
from waitbench.workloads import WORKLOADS


class Dying:
    """A service that takes some connections and then no more."""

    calls = itertools.count()

    def __init__(self, base_url: str = "", timeout_s: float = 1.0) -> None:
        self.base_url = base_url

    def __enter__(self) -> "Dying":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def get(self, path: str) -> None:
        if path == "/health" and next(self.calls) == 3:
            raise WaitbenchError("it gave no answer")

    def reset_usage(self) -> dict[str, Any]:
        return {}


@pytest.mark.timeout(60)
def test_one_caller_that_gets_no_answer_does_not_leave_the_others_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "Service", Dying)
    with pytest.raises(WaitbenchError, match="it gave no answer"):
        overlap(Dying(), WORKLOADS["wait"], 8)  # type: ignore[arg-type]


def test_a_budget_differs_by_what_is_other_what_is_missing_and_what_was_not_declared() -> None:
    declared, found = {"workers": 1, "db_pool": 50, "in_flight": 9}, {"workers": 2, "db_pool": 50, "backlog": 7}
    assert differences(declared, found) == [("workers", 1, 2), ("in_flight", 9, None), ("backlog", None, 7)]
    assert differences(declared, dict(declared)) == []


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
