"""Tests that child processes do not outlive the harness."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import processes
from waitbench.launch.client import wait_until
from waitbench.launch.process import Process
from waitbench.paths import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

SLEEP = "import time; time.sleep(60)"


class Started:
    """Starts processes and ends all of them, even if the test fails."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._all: list[Process] = []

    def __call__(self, script: str, **options: object) -> Process:
        log = self._folder / f"{len(self._all)}.log"
        process = Process("a child", [sys.executable, "-c", script], log, **options)  # type: ignore[arg-type]
        self._all.append(process)
        return process

    def end(self) -> None:
        for process in self._all:
            process.end(grace_s=0)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    started = Started(tmp_path)
    yield started
    started.end()


def printed(process: Process, text: str) -> bool:
    return wait_until(lambda: text in process.log.read_text(), 20)


def test_a_child_runs_until_it_is_ended(started: Started) -> None:
    child = started(SLEEP)
    assert child.exit_code() is None
    child.end()
    assert child.exit_code() == -signal.SIGTERM
    assert not processes.alive(child.pid)


def test_ending_twice_is_no_error(started: Started) -> None:
    child = started("pass")
    child.end()
    child.end()


def test_a_child_stays_on_its_core(started: Started) -> None:
    core = min(os.sched_getaffinity(0))
    child = started("import os; print('cores', sorted(os.sched_getaffinity(0)), flush=True)", cpus=[core])
    assert printed(child, f"cores [{core}]")


def test_a_child_gets_its_environment_and_folder(started: Started, tmp_path: Path) -> None:
    script = "import os; print(os.environ['WB_WORD'], os.getcwd(), flush=True)"
    child = started(script, environment={"WB_WORD": "heard"}, cwd=tmp_path)
    assert printed(child, f"heard {tmp_path.resolve()}")


def test_ctrl_c_in_the_terminal_does_not_reach_a_child(started: Started) -> None:
    child = started(SLEEP)
    assert os.getpgid(child.pid) == child.pid != os.getpgrp()


def test_the_end_of_the_output_of_a_child_is_kept_for_its_error(started: Started) -> None:
    child = started("import sys\nfor n in range(100): print('line', n, flush=True)\nsys.exit('no database here')")
    assert wait_until(lambda: child.exit_code() is not None, 20)
    message = str(child.died())
    assert message.startswith("a child ended with exit code 1; the end of its output:\n")
    assert message.endswith("  | no database here")
    assert "  | line 99\n" in message
    assert "  | line 50\n" not in message


def test_a_child_without_output_is_reported_as_such(started: Started) -> None:
    child = started("pass")
    assert wait_until(lambda: child.exit_code() is not None, 20)
    assert "(it printed nothing)" in str(child.died())


def test_a_signal_that_ended_a_child_is_named(started: Started) -> None:
    child = started(SLEEP)
    os.kill(child.pid, signal.SIGKILL)
    assert wait_until(lambda: child.exit_code() is not None, 20)
    assert "a child ended with signal SIGKILL" in str(child.died())


DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"


@pytest.mark.fault(
    "hangs",
    "a child process ignores SIGTERM",
    "it is killed after its grace period",
)
def test_a_child_that_ignores_its_signal_is_killed(started: Started) -> None:
    child = started(DEAF)
    assert printed(child, "deaf")
    child.end(grace_s=0.1)
    assert child.exit_code() == -signal.SIGKILL


@pytest.mark.fault(
    "processes",
    "a child process leaves a process of its own that ignores SIGTERM",
    "it is ended with the child's group",
)
def test_processes_that_a_child_started_end_with_it(started: Started) -> None:
    script = f"""import subprocess, sys, time
grandchild = subprocess.Popen([sys.executable, "-c", {DEAF!r}])
print("grandchild", grandchild.pid, "", flush=True)
time.sleep(60)"""
    child = started(script)
    assert printed(child, "deaf")
    grandchild = int(child.log.read_text().split("grandchild ")[1].split()[0])
    assert processes.alive(grandchild)
    child.end()
    assert processes.gone(grandchild)


HARNESS = """
import sys, time
from pathlib import Path
from waitbench.launch.process import Process
child = Process("a child", [sys.executable, "-c", "import time; time.sleep(60)"], Path(sys.argv[1]))
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.fault(
    "processes",
    "the harness is killed, or ended by SIGTERM, with a child running",
    "the kernel ends the child",
)
def test_a_child_ends_with_its_harness_however_the_harness_ends(number: signal.Signals, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HARNESS, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as harness:
        assert harness.stdout is not None
        child = int(harness.stdout.readline())
        assert processes.alive(child)
        harness.send_signal(number)
    assert processes.gone(child)


STUBBORN = """import signal, time
signal.signal(signal.SIGTERM, lambda *_: print('asked', flush=True))
print('there', flush=True)
while True:
    time.sleep(60)"""

ENDING = f"""
import os, sys, tempfile
from pathlib import Path
from waitbench.launch import interrupts
from waitbench.errors import Interrupted
from waitbench.launch.process import Process
interrupts.leave_at_once()
interrupts.raise_interrupted()
child = Process("a child", [sys.executable, "-c", {STUBBORN!r}], Path(sys.argv[1]))
while "there" not in Path(sys.argv[1]).read_text():
    pass
print(child.pid, flush=True)
try:
    child.end(grace_s=2.0)
    print("not interrupted", flush=True)
except Interrupted:
    print(child.exit_code(), flush=True)
sys.stdin.read()
"""


@pytest.mark.fault(
    "processes",
    "Ctrl-C, then SIGTERM, while the harness waits for a child that ignores its own SIGTERM",
    "the child is killed first; then the harness is interrupted",
)
def test_a_signal_waits_until_a_child_has_ended(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ENDING, str(tmp_path / "log")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as harness:
        assert harness.stdout is not None
        child = int(harness.stdout.readline())
        assert wait_until(lambda: "asked" in (tmp_path / "log").read_text(), 20)
        harness.send_signal(signal.SIGINT)
        harness.send_signal(signal.SIGTERM)
        assert harness.stdout.readline() == f"{-signal.SIGKILL}\n"
        assert not processes.alive(child)
        harness.communicate("")


DROPPING = """
import signal, sys, time
from contextlib import nullcontext
from waitbench.errors import Interrupted
from waitbench.launch import interrupts
class Ending:
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)
        print("destructor ended", flush=True)
def drop(unraisable):
    dropped.append(unraisable.exc_type.__name__)
    hook(unraisable)
interrupts.leave_at_once()
interrupts.raise_interrupted()
dropped, hook, sys.unraisablehook = [], sys.unraisablehook, drop
try:
    with BLOCK:
        ending = Ending()
        del ending
        time.sleep(AFTER)
        print("block ended", flush=True)
    time.sleep(20)
except Interrupted as error:
    print("dropped:", *dropped, flush=True)
    print("raised:", type(error).__name__, *error.args, flush=True)
"""


@pytest.mark.parametrize(
    ("block", "printed"),
    [
        ("nullcontext()", ["dropped: Interrupted", "raised: Interrupted SIGTERM"]),
        (
            "interrupts.deferred()",
            ["destructor ended", "block ended", "dropped:", "raised: Interrupted SIGTERM"],
        ),
    ],
)
@pytest.mark.fault(
    "processes",
    "Ctrl-C where Python drops exceptions: in a destructor or a callback of a fork",
    "the harness is interrupted a moment later",
)
def test_a_signal_counts_where_python_drops_exceptions(block: str, printed: list[str]) -> None:
    code = DROPPING.replace("BLOCK", block).replace("AFTER", "20" if block == "nullcontext()" else "0.1")
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert ended.stdout.splitlines() == printed
    assert ended.stderr == ""
