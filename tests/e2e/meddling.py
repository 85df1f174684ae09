"""Runs to which something is done while they measure, and what their rules say of it afterwards."""

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
    """A run that is over, by what its trials were of."""

    folder: RunFolder

    def trial(self, what: str) -> TrialRecord:
        """`what`: the beginning of `contender, description`."""
        trials = self.folder.read_trials(self.folder.read_run())
        [found] = [t for t in trials if f"{t.spec.variant}, {t.spec.description}".startswith(what)]
        return found

    def found(self, what: str) -> dict[str, Reason]:
        return {reason.code: reason for reason in self.reasons_of(self.trial(what))}

    def reasons_of(self, trial: TrialRecord) -> list[Reason]:
        return reasons(trial, self.folder.read_run().targets[trial.spec.variant])

    def spoilt_by(self, what: str, code: str) -> str:
        """The text of the reason that was to be there, which a reader of the report meets too."""
        found = self.found(what)
        assert code in found, (what, sorted(found))
        assert found[code].weight == "invalid"
        assert found[code].text in self.rows()
        return found[code].text

    def rows(self) -> str:
        return (self.folder.path / "trials.csv").read_text()


class Meddler:
    """Does one thing to a run while a trial of it is measured: `acts` by the beginning of `contender, description`."""

    def __init__(self, bench: Bench, started: "subprocess.Popen[str]", acts: dict[str, Callable[[], None]]) -> None:
        self._bench, self._started, self._acts = bench, started, dict(acts)

    def meddle(self) -> None:
        """Until nothing is left to do."""
        while self._acts and self._started.poll() is None:
            if (live := self._bench.live()) and live.phase == "measuring":
                due = next((what for what in self._acts if live.trial.startswith(what)), None)
                if due:
                    self._acts.pop(due)()
            time.sleep(0.02)
        assert not self._acts, f"never came: {sorted(self._acts)}"

    def process(self, word: str) -> psutil.Process:
        """The one of the run's processes whose command line has this word in it and no child that has it too."""
        found = [p for p in psutil.Process(self._started.pid).children(recursive=True) if word in " ".join(p.cmdline())]
        assert found, word
        return found[-1]


def favour(*pids: int) -> None:
    """Before other processes, where that is allowed: Linux weighs whole sessions (sched(7), "autogroup") where it
    does that, and else processes."""
    for pid in pids:
        with suppress(OSError, psutil.Error):
            psutil.Process(pid).nice(-20)
            Path(f"/proc/{pid}/autogroup").write_text("-20")


@contextmanager
def stopped(process: psutil.Process) -> Iterator[None]:
    """As a machine that is too busy does to it, and worse."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


@contextmanager
def busy_loop(*cores: int) -> Iterator[psutil.Process]:
    """A process that never rests, on these cores."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        try:
            os.sched_setaffinity(process.pid, cores)
            yield psutil.Process(process.pid)
        finally:
            process.kill()
