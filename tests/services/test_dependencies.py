"""Dependencies that die or hang, for real: every service answers 503 with the same bytes, and never hangs with them."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from waitbench.launch.local import LocalStack
from waitbench.service import Service, wait_until
from waitbench.variants import load_variants
from waitbench.workloads import WORKLOADS

pytestmark = pytest.mark.live

VARIANTS = list(load_variants())
GRACE_S = 0.5
PATIENCE_S = 15.0
"""The client's own time-out: an answer within it is no hang, however busy the machine is."""

PROBLEM = '{{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"{}"}}'
UPSTREAM_FAILED = PROBLEM.format("the remote API did not answer in time")
DATABASE_FAILED = PROBLEM.format("the database did not answer in time")

UPSTREAM, DATABASE = "/upstream?ms=5&calls=3", "/db?ms=5"
RIGHT = {
    UPSTREAM: WORKLOADS["upstream"].body({"ms": 5, "calls": 3}),
    DATABASE: WORKLOADS["db"].body({"ms": 5}),
    "/wait?ms=5": WORKLOADS["wait"].body({"ms": 5}),
    "/fast": WORKLOADS["fast"].body({}),
}


@contextmanager
def _own_stack() -> Iterator[LocalStack]:
    with LocalStack(environment={"WAITBENCH_DEPENDENCY_GRACE_S": str(GRACE_S)}) as stack:
        stack.start(VARIANTS)
        yield stack


@pytest.fixture(scope="module")
def hanging() -> Iterator[LocalStack]:
    """A stack whose dependencies are stopped and let go on again; each test leaves them running."""
    with _own_stack() as stack:
        yield stack


@pytest.fixture(scope="module")
def orphaned() -> Iterator[LocalStack]:
    """A stack whose dependencies are dead."""
    with _own_stack() as stack:
        assert _answers(stack, UPSTREAM) == _answers(stack, UPSTREAM, 200, RIGHT[UPSTREAM])
        for name in ("postgres", "upstream"):
            stack.processes[name].end()
        yield stack


@contextmanager
def _stopped(stack: LocalStack, name: str) -> Iterator[None]:
    """Stops a process and all that it started: PostgreSQL's backends each lead a group of their own."""
    root = psutil.Process(stack.processes[name].pid)
    family = [root, *root.children(recursive=True)]
    for process in family:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in family:
            process.send_signal(signal.SIGCONT)
