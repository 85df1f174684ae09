"""Real dependencies that die or hang: every service responds 503 with the same bytes, and never hangs."""

import functools
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import psutil
import pytest

from tests.conftest import EVERY_WAY, installed
from waitbench.catalog.variants import load_variants
from waitbench.catalog.workloads import WORKLOADS
from waitbench.launch.client import Service, wait_until
from waitbench.launch.local import LocalStack

pytestmark = pytest.mark.live

LISTED = load_variants()
VARIANTS = EVERY_WAY
GRACE_S = 0.5
PATIENCE_S = 15.0
"""The client's own timeout: a response within it is no hang, however busy the machine is."""
RECOVERY_S = 60.0
CROWD = 60
"""Concurrent requests: more than the database pool holds."""

PROBLEM = '{{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"{}"}}'
UPSTREAM_FAILED = PROBLEM.format("the remote API did not respond in time")
DATABASE_FAILED = PROBLEM.format("the database did not respond in time")

UPSTREAM, DATABASE = "/upstream?ms=5&calls=3", "/db?ms=5"
RIGHT = {
    UPSTREAM: WORKLOADS["upstream"].body({"ms": 5, "calls": 3}),
    DATABASE: WORKLOADS["db"].body({"ms": 5}),
    "/wait?ms=5": WORKLOADS["wait"].body({"ms": 5}),
    "/fast": WORKLOADS["fast"].body({}),
}


STACK_ENVIRONMENT = {"WAITBENCH_DEPENDENCY_GRACE_S": str(GRACE_S)}

Response = tuple[int, str, str]
FAILED: dict[str, Response] = {
    UPSTREAM: (503, "application/problem+json", UPSTREAM_FAILED),
    DATABASE: (503, "application/problem+json", DATABASE_FAILED),
}


@pytest.fixture(scope="module")
def hanging() -> Iterator[LocalStack]:
    """A stack whose dependencies are suspended and resumed. Each test leaves them running."""
    with LocalStack(environment=STACK_ENVIRONMENT) as stack:
        stack.start(installed(VARIANTS))
        _warm(stack)
        yield stack


@dataclass
class Orphaned:
    """A stack whose services have worked, and whose dependencies have since died."""

    stack: LocalStack
    again: dict[str, Callable[[], "subprocess.Popen[bytes]"]]
    """For each path, the function that starts its dependency again."""


@pytest.fixture(scope="module")
def orphaned(hanging: LocalStack) -> Orphaned:
    """The same stack after its dependencies have died, for tests after those of `hanging`."""
    names = {DATABASE: "postgres", UPSTREAM: "upstream"}
    return Orphaned(hanging, {path: _restart(hanging, name) for path, name in names.items()})


def _warm(stack: LocalStack) -> None:
    """Wait until every service has given every correct response.

    On a busy machine, a pool takes longer to open than the grace of its first request.
    """
    for name in installed(VARIANTS):
        for path in RIGHT:
            assert wait_until(functools.partial(_is_right, stack, name, path), RECOVERY_S), (name, path)


def _is_right(stack: LocalStack, variant: str, path: str) -> bool:
    return _ask(stack, variant, path) == _right(path)


def _ask(stack: LocalStack, variant: str, path: str) -> Response:
    with Service(stack.base_urls[variant], timeout_s=PATIENCE_S) as service:
        response = service.get(path)
        return response.status_code, response.headers["content-type"], response.text


def _right(path: str) -> Response:
    return 200, "application/json", RIGHT[path]


def _ask_concurrently(stack: LocalStack, variant: str, path: str, times: int) -> list[Response]:
    with ThreadPoolExecutor(times) as callers:
        return list(callers.map(lambda _: _ask(stack, variant, path), range(times)))


@contextmanager
def _stopped(stack: LocalStack, name: str) -> Iterator[None]:
    """Suspend a process and then its descendants: each backend of PostgreSQL leads its own process group."""
    root = psutil.Process(stack.processes[name].pid)
    root.suspend()
    family = [root, *root.children(recursive=True)]
    try:
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        yield
    finally:
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.resume()


def _kill(stack: LocalStack, name: str) -> None:
    root = psutil.Process(stack.processes[name].pid)
    family = [root, *root.children(recursive=True)]
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(family, timeout=PATIENCE_S)


def _connected(stack: LocalStack, count: int) -> bool:
    """Return whether PostgreSQL holds `count` connections. Each is a process whose command line shows it."""
    backends = psutil.Process(stack.processes["postgres"].pid).children()
    return sum("waitbench_reader waitbench" in " ".join(backend.cmdline()) for backend in backends) == count


def test_a_pool_opens_once_at_the_first_queries() -> None:
    always = [name for name in VARIANTS if not LISTED[name].profile]
    with LocalStack() as own:
        own.start(always)
        assert _connected(own, 0)
        for services, name in enumerate(always, 1):
            assert set(_ask_concurrently(own, name, DATABASE, CROWD)) == {_right(DATABASE)}
            opened = services * LISTED[name].budget["db_pool"]
            assert wait_until(functools.partial(_connected, own, opened), PATIENCE_S)


class TestFailing:
    """Dependencies hang first, and then die. All tests use one stack, since starting another takes ten seconds."""

    @pytest.mark.parametrize("variant", VARIANTS)
    @pytest.mark.parametrize(
        ("dependency", "path"),
        [
            pytest.param(
                "upstream",
                UPSTREAM,
                marks=pytest.mark.fault(
                    "hangs",
                    "the remote API hangs, with 60 requests for it",
                    "each gets 503 within its grace; other requests are served meanwhile",
                ),
            ),
            pytest.param(
                "postgres",
                DATABASE,
                marks=pytest.mark.fault(
                    "hangs",
                    "PostgreSQL hangs, with 60 requests for it",
                    "each gets 503 within its grace; other requests are served meanwhile",
                ),
            ),
        ],
    )
    def test_a_dependency_that_hangs_leads_to_503_and_other_requests_are_served(
        self, hanging: LocalStack, variant: str, dependency: str, path: str
    ) -> None:
        with _stopped(hanging, dependency), ThreadPoolExecutor(CROWD) as callers:
            began = time.monotonic()
            crowd = [callers.submit(_ask, hanging, variant, path) for _ in range(CROWD)]
            for other in RIGHT.keys() - {path}:
                # The dependency is suspended until the end of the block, so a correct response came during the hang.
                assert wait_until(functools.partial(_is_right, hanging, variant, other), PATIENCE_S), other
            assert {done.result() for done in crowd} == {FAILED[path]}
            assert time.monotonic() - began >= GRACE_S  # it waited for the dependency
        assert wait_until(functools.partial(_is_right, hanging, variant, path), RECOVERY_S)

    @pytest.mark.parametrize("variant", VARIANTS)
    @pytest.mark.parametrize(
        "path",
        [
            pytest.param(
                UPSTREAM,
                marks=pytest.mark.fault(
                    "input", "the remote API is down", "every service responds 503 with the same bytes"
                ),
            ),
            pytest.param(
                DATABASE,
                marks=pytest.mark.fault(
                    "input", "PostgreSQL is down", "every service responds 503 with the same bytes"
                ),
            ),
        ],
    )
    def test_a_dead_dependency_leads_to_503(self, orphaned: Orphaned, variant: str, path: str) -> None:
        assert _ask(orphaned.stack, variant, path) == FAILED[path]

    @pytest.mark.fault(
        "input",
        "a dependency is down, and 60 requests at once exhaust the pool of 50 connections",
        "all of them get 503",
    )
    @pytest.mark.parametrize("variant", VARIANTS)
    @pytest.mark.parametrize("path", FAILED)
    def test_many_concurrent_requests_for_a_dead_dependency_all_get_503(
        self, orphaned: Orphaned, variant: str, path: str
    ) -> None:
        assert set(_ask_concurrently(orphaned.stack, variant, path, CROWD)) == {FAILED[path]}

    @pytest.mark.parametrize("variant", VARIANTS)
    def test_requests_without_a_dependency_are_served_when_all_are_dead(self, orphaned: Orphaned, variant: str) -> None:
        for path in ("/wait?ms=5", "/fast"):
            assert _ask(orphaned.stack, variant, path) == _right(path)

    @pytest.mark.fault(
        "data", "a dependency that is down would fill the logs of services with tracebacks", "there is none"
    )
    @pytest.mark.parametrize("variant", VARIANTS)
    def test_a_failed_dependency_leaves_no_traceback_in_the_log(self, orphaned: Orphaned, variant: str) -> None:
        assert _ask(orphaned.stack, variant, UPSTREAM) == FAILED[UPSTREAM]
        assert "Traceback" not in orphaned.stack.processes[variant].log.read_text()

    @pytest.mark.fault("input", "a parameter is bad while the dependency is down", "400, without asking the dependency")
    @pytest.mark.parametrize("variant", VARIANTS)
    @pytest.mark.parametrize("path", FAILED)
    def test_bad_input_is_refused_before_a_dependency_is_asked(
        self, orphaned: Orphaned, variant: str, path: str
    ) -> None:
        status, _, _ = _ask(orphaned.stack, variant, path.replace("ms=5", "ms=x"))
        assert status == 400

    @pytest.mark.fault(
        "processes", "PostgreSQL and the remote API die, and are started again", "every service recovers by itself"
    )
    def test_services_recover_when_their_dependencies_do(self, orphaned: Orphaned) -> None:
        with ExitStack() as ending:
            for path, start in orphaned.again.items():
                assert {_ask(orphaned.stack, name, path) for name in installed(VARIANTS)} == {FAILED[path]}
                child = start()
                ending.callback(child.wait)
                # On SIGTERM both wait for their clients, and on SIGKILL PostgreSQL leaves processes behind.
                ending.callback(child.send_signal, signal.SIGQUIT if path == DATABASE else signal.SIGKILL)
            for path in FAILED:
                assert wait_until(functools.partial(_all_right, orphaned.stack, path), RECOVERY_S)


class _Garbling(BaseHTTPRequestHandler):
    """A remote API that responds to each call in time, with a body that cannot be read."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = {"?ms=0": b"<html>", "?ms=1": b"", "?ms=2": b"\xff\xfe\xff"}[self.path[5:10]]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def garbled() -> Iterator[LocalStack]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Garbling) as remote:
        Thread(target=remote.serve_forever).start()
        url = f"http://127.0.0.1:{remote.server_port}"
        with LocalStack(environment={**STACK_ENVIRONMENT, "WAITBENCH_UPSTREAM_URL": url}) as stack:
            stack.start(installed(VARIANTS), workloads={"fast"})  # the remote API is the one above
            yield stack
        remote.shutdown()


class TestGarbling:
    @pytest.mark.fault(
        "input",
        "the remote API responds with malformed JSON, nothing, or bytes that are not text",
        "503 with the same bytes, and no traceback in the log",
    )
    @pytest.mark.parametrize("variant", VARIANTS)
    def test_a_remote_response_that_is_not_json_leads_to_503_and_no_traceback(
        self, garbled: LocalStack, variant: str
    ) -> None:
        for kind in range(3):
            for calls in ("", "&calls=3", "&calls=3&serial=1"):
                assert _ask(garbled, variant, f"/upstream?ms={kind}{calls}") == FAILED[UPSTREAM]
        assert "Traceback" not in garbled.processes[variant].log.read_text()


def _all_right(stack: LocalStack, path: str) -> bool:
    return {_ask(stack, name, path) for name in installed(VARIANTS)} == {_right(path)}


def _restart(stack: LocalStack, name: str) -> Callable[[], subprocess.Popen[bytes]]:
    """Kill a dependency. Returns a function that starts it again as before."""
    process = psutil.Process(stack.processes[name].pid)
    with process.oneshot():
        command, folder, user, variables = process.cmdline(), process.cwd(), process.uids().real, process.environ()
    if name == "postgres":
        folder = os.path.dirname(folder)  # it has changed into its data folder
    _kill(stack, name)

    def start() -> subprocess.Popen[bytes]:
        other = user if user != os.geteuid() else None
        groups: list[str | int] | None = None if other is None else []
        silent = subprocess.DEVNULL
        return subprocess.Popen(
            command, cwd=folder, env=variables, stdout=silent, stderr=silent, user=other, extra_groups=groups
        )

    return start
