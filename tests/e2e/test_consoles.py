"""Runs whose console cannot be written to, or whose user interrupts them."""

import os
import pty
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.bench import END_S, FLASK, NULL, START_S, WAIT, WAITS, Bench, plan
from waitbench.launch.client import wait_until
from waitbench.paths import ROOT

pytestmark = pytest.mark.live

TINY = plan(WAIT, variants=(NULL,))


def by_shell(bench: Bench, text: str, redirection: str) -> "subprocess.CompletedProcess[str]":
    """A run whose output the shell redirects. The shell writes the run's exit code to the file `code`."""
    file = bench.place / "tiny.toml"
    file.write_text(text)
    run = f"'{sys.executable}' -m waitbench run '{file}' --out '{bench.out}' --seed 1 --no-ui"
    script = f"{{ ( {run}; echo $? >'{bench.place}/code' ) {redirection}; }}"
    return subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(bench.place)},
        capture_output=True,
        text=True,
        timeout=END_S,
    )


def ended_well(bench: Bench) -> None:
    folder = bench.folder()
    assert folder
    assert folder.read_run().status == "complete"
    assert (folder.path / "report.html").stat().st_size > 1000
    assert int((bench.place / "code").read_text()) in (0, 3)
    assert bench.left_behind() == []


@pytest.mark.parametrize(
    "redirection",
    [
        pytest.param("2>/dev/full", marks=pytest.mark.fault(
            "data", "stderr is a file on a full disk", "the run goes on, with its report and its exit code")),
        # only these show it for the other streams and for a pipe; each takes a whole run
        pytest.param(">/dev/full", marks=[pytest.mark.slow, pytest.mark.fault(
            "data", "stdout is a file on a full disk", "the run goes on, with its report and its exit code")]),
        pytest.param("2>&1 | head -1", marks=[pytest.mark.slow, pytest.mark.fault(
            "data", "output goes to a reader that leaves after one line (`2>&1 | head -1`)",
            "the run goes on, with its report and its exit code")]),
        pytest.param(">&- 2>&- <&-", marks=[pytest.mark.slow, pytest.mark.fault(
            "data", "stdin, stdout and stderr are closed", "the run goes on, with its report and its exit code")]),
    ],
)  # fmt: skip
def test_a_console_that_cannot_be_written_to_changes_nothing(bench: Bench, redirection: str) -> None:
    shown = by_shell(bench, TINY, redirection)
    assert "Traceback" not in shown.stdout + shown.stderr
    ended_well(bench)


@pytest.mark.fault(
    "hangs", "stderr goes to a pipe that nobody reads, and it is full", "output is dropped after 5 s; the run goes on"
)
@pytest.mark.slow  # only this shows that a full pipe does not stop a whole run
def test_a_pipe_that_nobody_reads_does_not_stop_a_run(bench: Bench) -> None:
    reading, writing = os.pipe()
    try:
        os.set_blocking(writing, False)
        with suppress(BlockingIOError):
            while True:
                os.write(writing, bytes(4096))
        os.set_blocking(writing, True)
        file = bench.place / "tiny.toml"
        file.write_text(TINY)
        started = bench.command("run", str(file), "--out", str(bench.out), "--seed", "1", "--no-ui", stderr=writing)
        out, _ = started.communicate(timeout=END_S)
    finally:
        os.close(reading)
        os.close(writing)
    assert started.returncode in (0, 3)
    assert Path(out.strip()).is_dir()
    assert bench.left_behind() == []


@pytest.mark.fault(
    "data",
    "the terminal is closed in the middle of a run",
    "what was measured is kept and reported; nothing is left behind",
)
def test_a_closed_terminal_ends_a_run_with_a_report(bench: Bench) -> None:
    file = bench.place / "tiny.toml"
    file.write_text(plan(WAITS, variants=(NULL,)))
    command = [sys.executable, "-m", "waitbench", "run", str(file), "--out", str(bench.out), "--seed", "1", "--no-ui"]
    pid, terminal = pty.fork()
    if not pid:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the caller of the tests may ignore it
        os.environ["TMPDIR"] = str(bench.place)
        os.chdir(ROOT)
        os.execv(sys.executable, command)
    os.set_blocking(terminal, False)

    def measuring() -> bool:
        with suppress(BlockingIOError):
            os.read(terminal, 65536)
        return bench.measuring()()

    assert wait_until(measuring, START_S)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130
    folder = bench.folder()
    assert folder
    assert folder.read_run().status == "interrupted"
    assert "of 6 trials are here" in (folder.path / "report.html").read_text()
    assert bench.left_behind() == []


SHIM = """import os, signal, sys
os.kill(os.getpid(), signal.{number})
sys.path.remove(os.path.dirname(__file__))
del sys.modules["click"]
import click
"""


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.fault(
    "data", "Ctrl-C, SIGTERM or SIGHUP within the first moments, while modules are imported", "one line, exit code 130"
)
def test_a_signal_while_modules_are_imported_gives_one_line_and_no_traceback(tmp_path: Path, number: str) -> None:
    """A module named `click` sends the signal, so it comes while `click` is imported."""
    (tmp_path / "click.py").write_text(SHIM.format(number=number))
    done = subprocess.run(
        [sys.executable, "-m", "waitbench", "list", "plans"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=default_signals,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "waitbench: interrupted\n")


def default_signals() -> None:
    """Restore the default actions. The caller of the tests may ignore SIGHUP, as nohup does."""
    for each in (signal.SIGHUP, signal.SIGINT):
        signal.signal(each, signal.SIG_DFL)


@pytest.mark.parametrize(
    # only the others show that signals of a service manager and of a terminal act like Ctrl-C
    "number",
    [signal.SIGINT, *(pytest.param(each, marks=pytest.mark.slow) for each in (signal.SIGTERM, signal.SIGHUP))],
)
@pytest.mark.fault(
    "data",
    "Ctrl-C, SIGTERM or SIGHUP, twice, while the report is written",
    "the report is finished first, and its path is printed; exit code 130",
)
def test_a_signal_while_the_report_is_written_waits_for_it(bench: Bench, number: signal.Signals) -> None:
    started = bench.start(TINY, preexec_fn=default_signals)
    # live.json is removed when the generator has run all trials and the report begins.
    bench.wait_for(started, lambda: bool(bench.trial_files()) and not (bench.out / "latest" / "live.json").exists())
    started.send_signal(number)
    started.send_signal(number)
    ended = bench.end(started)
    assert ended.code == 130
    assert ended.record().status == "complete"
    assert "report: " in ended.err
    assert (bench.out / "latest" / "report.html").stat().st_size > 1000
    assert bench.left_behind() == []


@pytest.mark.fault(
    "processes",
    "Ctrl-C, twice, while a run cleans up after itself",
    "no process and no temporary folder is left behind",
)
@pytest.mark.slow  # only this shows it for a whole run; test_process.py shows it for one child
def test_a_signal_while_a_run_cleans_up_leaves_nothing(bench: Bench) -> None:
    started = bench.start(plan(WAIT, variants=(FLASK,)))
    assert started.stderr is not None
    while not started.stderr.readline().startswith("report: "):
        assert started.poll() is None
    started.send_signal(signal.SIGINT)
    started.send_signal(signal.SIGINT)
    assert bench.end(started).code == 130
    assert bench.left_behind() == []


@pytest.mark.fault("data", "the terminal is closed on a run under `nohup`", "the run goes on to its end")
@pytest.mark.slow  # only this shows that a run still ignores SIGHUP if its caller did
def test_a_run_under_nohup_goes_on_when_the_terminal_closes(bench: Bench) -> None:
    started = bench.start(TINY, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    bench.wait_for(started, bench.measuring(after=0))
    started.send_signal(signal.SIGHUP)
    assert bench.end(started).code in (0, 3)
    assert bench.status() == "complete"


@pytest.mark.parametrize(
    ("redirection", "code", "says"),
    [("> /dev/full", 1, "waitbench: stdout can't be written to: No space left on device."), ("| head -1", 0, "")],
)
@pytest.mark.fault(
    "data",
    "a list goes to a file on a full disk, or to a reader that leaves (`waitbench list plans >/dev/full`)",
    "exit code 1 and one message; a reader that leaves is no error",
)
def test_an_incomplete_list_is_an_error_unless_its_reader_left(redirection: str, code: int, says: str) -> None:
    script = f"set -o pipefail; '{sys.executable}' -m waitbench list plans {redirection}"
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.count("\n")) == (code, bool(says))
    assert done.stderr.startswith(says)
