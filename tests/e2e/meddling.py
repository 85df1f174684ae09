"""Runs that are disturbed while they measure, and what the rules report about it afterwards."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.e2e.bench import Bench
from waitbench.records.folder import RunFolder
from waitbench.records.trial import TrialRecord
from waitbench.validity.reason import Reason
from waitbench.validity.rules import reasons


@dataclass
class Judged:
    """A finished run. Its trials are found by contender and description."""

    folder: RunFolder

    def trial(self, what: str) -> TrialRecord:
        """The one trial whose `contender, description` begins with `what`."""
        trials = self.folder.read_trials(self.folder.read_run())
        [found] = [t for t in trials if f"{t.spec.variant}, {t.spec.description}".startswith(what)]
        return found

    def found(self, what: str) -> dict[str, Reason]:
        return {reason.code: reason for reason in self.reasons_of(self.trial(what))}

    def reasons_of(self, trial: TrialRecord) -> list[Reason]:
        return reasons(trial, self.folder.read_run().targets[trial.spec.variant])

    def invalidated_by(self, what: str, code: str) -> str:
        """The text of an expected reason. Checks that it makes the trial invalid, and that the report has it."""
        found = self.found(what)
        assert code in found, (what, sorted(found))
        assert found[code].weight == "invalid"
        assert found[code].text in self.rows()
        return found[code].text

    def rows(self) -> str:
        return (self.folder.path / "trials.csv").read_text()


class Meddler:
    """Disturbs a run: calls each of `acts` once, while a certain trial is measured.

    The key of an act is the beginning of that trial's `contender, description`.
    """

    def __init__(self, bench: Bench, started: "subprocess.Popen[str]", acts: dict[str, Callable[[], None]]) -> None:
        self._bench, self._started, self._acts = bench, started, dict(acts)

    def meddle(self) -> None:
        """Watch the run until every act has been called, or until the run has ended."""
        while self._acts and self._started.poll() is None:
            if (live := self._bench.live()) and live.phase == "measuring":
                due = next((what for what in self._acts if live.trial.startswith(what)), None)
                if due:
                    self._acts.pop(due)()
            time.sleep(0.02)
        assert not self._acts, f"never measured: {sorted(self._acts)}"

    def judged(self, *codes: int) -> Judged:
        """Disturb the run until it ends, with invalid trials or one of these exit codes, and return it."""
        self.meddle()
        ended = self._bench.end(self._started)
        assert ended.code in (codes or (3,)), ended.err
        assert ended.folder
        return Judged(ended.folder)

    def process(self, word: str) -> psutil.Process:
        """The process of the run whose command line contains this word, and none of whose children's does."""
        found = [p for p in psutil.Process(self._started.pid).children(recursive=True) if word in " ".join(p.cmdline())]
        assert found, word
        return found[-1]


def favour(*pids: int) -> None:
    """Give processes a higher priority than others have, if that is allowed.

    With "autogroup" (sched(7)) Linux weighs whole sessions, and without it processes.
    """
    for pid in pids:
        with suppress(OSError, psutil.Error):
            psutil.Process(pid).nice(-20)
            Path(f"/proc/{pid}/autogroup").write_text("-20")


@contextmanager
def stopped(process: psutil.Process) -> Iterator[None]:
    """Stop a process for a while. A machine that is too busy has a similar effect, but a smaller one."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


@contextmanager
def busy_loop(*cores: int) -> Iterator[psutil.Process]:
    """A process that is never idle, on these cores.

    It has a session of its own, as a program in another terminal has: with "autogroup" (sched(7)) it would otherwise
    share its CPU time with every other test that runs.
    """
    with subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True) as process:
        try:
            os.sched_setaffinity(process.pid, cores)
            yield psutil.Process(process.pid)
        finally:
            process.kill()
