"""Processes of a local stack that are stopped for good while it starts: it gives up, says so, and cleans up."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import processes
from tests.launch.test_local import left_in, temporary
from waitbench.errors import WaitbenchError
from waitbench.launch import local, postgres
from waitbench.launch.local import LocalStack
from waitbench.launch.process import bounded

__all__ = ["temporary"]  # a fixture

pytestmark = pytest.mark.live


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


@contextmanager
def stopping(folder: Path, matches: Callable[[str], bool]) -> Iterator[list[int]]:
    """Stop every process with that folder in its environment whose command line matches, as soon as it is there."""
    over, stopped = threading.Event(), list[int]()

    def look() -> None:
        while not over.wait(0.005):
            for pid in processes.mentioning(str(folder)):
                if pid not in stopped and matches(command_line(pid)):
                    os.kill(pid, signal.SIGSTOP)
                    stopped.append(pid)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield stopped
    finally:
        over.set()
        watcher.join()


@pytest.mark.fault(
    "hangs",
    "a service is stopped for good (SIGSTOP) while it starts",
    "the start is given up after 30 s, and the message names the service; nothing is left behind",
)
@pytest.mark.slow  # only this shows a real service that never becomes ready
def test_a_service_that_is_stopped_while_it_starts_is_named(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "READY_S", 2.0)
    with (
        stopping(temporary, lambda line: "null" in line and "--port" in line) as stopped,
        pytest.raises(WaitbenchError, match=r"null did not respond to /health within 2 s"),
        LocalStack() as stack,
    ):
        stack.start(["null"])
    assert stopped
    assert processes.none_mentioning(str(temporary))
    assert left_in(temporary) == []


@pytest.mark.fault(
    "hangs",
    "PostgreSQL is stopped for good (SIGSTOP) while it starts",
    "the start is given up after 30 s, and the message names PostgreSQL; nothing is left behind",
)
@pytest.mark.slow  # only this shows a real PostgreSQL that never becomes ready
def test_a_database_that_is_stopped_while_it_starts_is_named(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "READY_S", 2.0)
    monkeypatch.setattr(postgres, "COMMAND_S", 20.0)
    with (
        stopping(temporary, lambda line: "bin/postgres -D data -h" in line) as stopped,
        pytest.raises(WaitbenchError, match=r"PostgreSQL"),
        LocalStack() as stack,
    ):
        stack.start(["flask-threads"], workloads={"db"})
    assert stopped
    assert processes.none_mentioning(str(temporary))
    assert left_in(temporary) == []


@pytest.mark.parametrize("program", ["initdb", "createdb"])
@pytest.mark.fault(
    "hangs",
    "a command of PostgreSQL (`initdb`, `createdb`) is stopped for good (SIGSTOP)",
    "it is ended after 60 s with all that it started, and named; nothing is left behind",
)
@pytest.mark.slow  # only this shows that each command of PostgreSQL has a time limit
def test_a_command_of_the_database_that_is_stopped_is_named(
    temporary: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setattr(postgres, "COMMAND_S", 4.0)
    with (
        stopping(temporary, lambda line: f"bin/{program} " in line) as stopped,
        pytest.raises(WaitbenchError, match=rf"PostgreSQL \({program}\) did not end within 4 s and was killed"),
        LocalStack() as stack,
    ):
        stack.start(["flask-threads"], workloads={"db"})
    assert stopped
    assert processes.none_mentioning(str(temporary))
    assert left_in(temporary) == []


@pytest.mark.fault(
    "hangs",
    "a command that the harness runs starts another and neither ends",
    "both are ended when the time limit is over",
)
def test_a_command_that_takes_too_long_is_ended_with_what_it_started(tmp_path: Path) -> None:
    script = f"sleep 4711.5 & echo $! >{tmp_path}/pid; wait"
    with pytest.raises(WaitbenchError, match=r"sh did not end within 0.5 s and was killed"):
        bounded(["sh", "-c", script], 0.5)
    assert processes.gone(int((tmp_path / "pid").read_text()))


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(WaitbenchError, match=r"no-such-program can't be run: No such file.*Install it"):
        bounded(["no-such-program"], 5.0)
