"""The generator's own HTTP client, against a server that sends all kinds of responses and failures."""

import socket
import time
from collections.abc import Iterator

import gevent
import gevent.socket
import pytest

from loadtests import request
from loadtests.caller import Caller, RequestFailed
from loadtests.request import origin
from tests.loadtests import answering
from tests.serving import listening
from waitbench.launch.local import free_port

TIMEOUT_S, SOON_S = 10.0, 0.5
"""Timeouts for responses that come, and for those that never do."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with listening(answering) as url:
        yield url


@pytest.fixture
def connection(server: str) -> Iterator[Caller]:
    made = Caller(server, TIMEOUT_S)
    yield made
    made.close()


def get(connection: Caller, path: str) -> tuple[int, bytes]:
    return connection.exchange(path)


def failure(connection: Caller, path: str) -> str:
    never = path.startswith(("/silent", "/drips"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "_timeout_s", SOON_S if never else TIMEOUT_S)
        with pytest.raises(RequestFailed) as caught:
            get(connection, path)
    assert str(caught.value) == caught.value.kind
    return caught.value.kind


def number(connection: Caller) -> int:
    """Return the number of the server's connection with this client, in order of arrival."""
    return int(get(connection, "/connections")[1])


@pytest.mark.parametrize(
    ("path", "response"),
    [
        ("/plain", (200, b"hello")),
        ("/empty", (200, b"")),
        ("/teapot", (418, b"short")),
        ("/in-pieces", (200, b"helloworld")),
        ("/chunked", (200, b"hello world")),
        ("/large", (200, b"x" * 1_000_000)),
        ("/then-closes", (200, b"bye")),
        ("/old", (200, b"old")),
        ("/until-closed", (200, b"to the end")),
        ("/until-closed-in-pieces", (200, b"to the end")),
        ("/go-on-first", (200, b"hello")),
    ],
)
def test_a_whole_response_is_read_in_any_pieces(connection: Caller, path: str, response: tuple[int, bytes]) -> None:
    assert get(connection, path) == response
    assert get(connection, "/plain") == (200, b"hello")


def test_a_request_names_its_host_and_accepts_any_media_type(server: str, connection: Caller) -> None:
    host = server.removeprefix("http://")
    seen = get(connection, "/seen?ms=5")[1].decode()
    assert seen.splitlines() == ["GET /seen?ms=5 HTTP/1.1", f"Host: {host}", "Accept: */*"]


def test_a_post_declares_that_it_has_no_body(connection: Caller) -> None:
    seen = connection.exchange("/seen", "POST")[1].decode()
    assert seen.startswith("POST /seen HTTP/1.1\r\n")
    assert "Content-Length: 0" in seen


def test_an_ipv6_address_is_in_brackets() -> None:
    assert b"\r\nHost: [::1]:9000\r\n" in origin("http://[::1]:9000").head("/")


def test_requests_share_one_connection(connection: Caller) -> None:
    first = number(connection)
    for path in ("/plain", "/chunked", "/in-pieces", "/teapot", "/empty"):
        get(connection, path)
        assert number(connection) == first


@pytest.mark.parametrize("path", ["/then-closes", "/old"])
def test_after_a_response_that_ends_the_connection_the_next_request_has_a_new_one(
    connection: Caller, path: str
) -> None:
    first = number(connection)
    get(connection, path)
    assert number(connection) == first + 1


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/closes-at-once", "reset"),
        ("/resets-at-once", "reset"),
        ("/resets-in-the-body", "reset"),
        ("/headers-only", "reset"),
        ("/short", "short body"),
        ("/short-chunk", "short body"),
        ("/no-http", "malformed response"),
        ("/bad-length", "malformed response"),
        ("/bad-chunk", "malformed response"),
        ("/more-than-said", "malformed response"),
        ("/other-protocol", "malformed response"),
        ("/silent", "timeout"),
        ("/silent-in-the-body", "timeout"),
    ],
)
def test_a_failure_has_its_error_class_and_the_next_request_has_a_new_connection(
    connection: Caller, path: str, kind: str
) -> None:
    first = number(connection)
    assert failure(connection, path) == kind
    assert get(connection, "/plain") == (200, b"hello")
    assert number(connection) == first + 1


def test_the_rest_of_a_late_response_is_never_read_as_the_next_one(connection: Caller) -> None:
    assert failure(connection, "/silent-in-the-body") == "timeout"
    assert [get(connection, path)[1] for path in ("/teapot", "/plain")] == [b"short", b"hello"]


@pytest.mark.fault(
    "hangs",
    "a service sends its response a byte at a time to the generator",
    "the request times out as a whole",
)
def test_a_timeout_is_for_the_whole_response_however_often_a_piece_comes(connection: Caller) -> None:
    began = time.monotonic()
    assert failure(connection, "/drips") == "timeout"
    assert time.monotonic() - began >= SOON_S


def test_a_connection_closed_between_two_requests_is_no_error(connection: Caller) -> None:
    first = number(connection)
    assert get(connection, "/closes-unsaid") == (200, b"bye")
    with gevent.Timeout(TIMEOUT_S):  # until the server has closed it
        while connection._connection._socket is not None:
            gevent.sleep(0.01)
    assert number(connection) == first + 1


def test_every_connection_made_is_timed(connection: Caller) -> None:
    for path in ("/plain", "/then-closes", "/plain"):
        get(connection, path)
    assert len(connection.connects_ns) == 2
    assert all(0 < took < TIMEOUT_S * 1e9 for took in connection.connects_ns)


def test_without_a_listener_every_request_is_refused() -> None:
    connection = Caller(f"http://127.0.0.1:{free_port()}", TIMEOUT_S)
    assert [failure(connection, "/plain") for _ in range(3)] == ["refused"] * 3


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_name_with_two_addresses_leads_to_the_one_with_a_listener(
    family: socket.AddressFamily, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
    with socket.create_server((own[family], 0), family=family) as listener:
        port = listener.getsockname()[1]
        both = [(each, socket.SOCK_STREAM, 6, "", (address, port)) for each, address in own.items()]
        for found in (both, both[::-1]):
            monkeypatch.setattr(gevent.socket, "getaddrinfo", lambda *_, found=found, **__: found)
            assert origin(f"http://two-faced:{port}").address == (own[family], port)


def test_a_name_without_an_address_is_an_error_before_anything_is_sent() -> None:
    with pytest.raises(OSError, match=r"not known|resolution|address|Unknown"):
        origin("http://no-such-host.invalid:80")


@pytest.mark.parametrize("path", ["/large", "/chunked"])
def test_a_body_over_the_limit_is_not_kept(server: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request, "BODY_LIMIT", 10)
    connection = Caller(server, TIMEOUT_S)
    assert failure(connection, path) == "body too long"
    assert get(connection, "/plain") == (200, b"hello")
    connection.close()


def test_a_body_of_exactly_the_limit_is_kept(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request, "BODY_LIMIT", 10)
    connection = Caller(server, TIMEOUT_S)
    assert get(connection, "/in-pieces") == (200, b"helloworld")
    connection.close()


def test_closing_twice_is_no_error(connection: Caller) -> None:
    get(connection, "/plain")
    connection.close()
    connection.close()
    assert get(connection, "/plain") == (200, b"hello")
