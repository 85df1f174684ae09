"""Whole runs in a folder of their own, for tests of what `waitbench run` does and leaves behind."""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import processes
from waitbench.launch.client import wait_until
from waitbench.paths import ROOT
from waitbench.records.folder import RunFolder
from waitbench.records.live import Live
from waitbench.records.run import RunRecord
from waitbench.records.trial import TrialRecord

START_S = 60.0
END_S = 90.0
NOISE = {
    "contention", "database-limit", "drift", "generator-cpu", "generator-lag", "littles-law", "outlier", "stall",
    "stolen", "upstream-limit",
}  # fmt: skip
"""Reasons that a busy machine may cause. They show that the rules work, not that the run is wrong."""

FASTAPI, FLASK, DJANGO = "fastapi-asyncio", "flask-threads", "django-gevent"
NULL = "null"
"""For tests of the harness alone, because it starts quickly."""


def plan(
    *cells: str,
    variants: tuple[str, ...] = (FASTAPI,),
    warmup_s: float = 0.3,
    measure_s: float = 0.5,
    more: str = "",
) -> str:
    top = f'title = "A test"\nrepeats = 1\nspare = 0\nwarmup_s = {warmup_s}\nmeasure_s = {measure_s}\n'
    top += f"variants = {json.dumps(variants)}\n"
    return top + "".join(f"[[cells]]\n{cell}\n" for cell in cells) + more


WAIT = 'workload = "wait"\nparams = { ms = 20 }\nusers = [5]'
WAITS = 'workload = "wait"\nparams = { ms = 20 }\nusers = [2, 3, 4, 5, 6, 7]'
DB = 'workload = "db"\nparams = { ms = 10 }\nusers = [8]'
UPSTREAM = 'workload = "upstream"\nparams = { ms = 10, calls = 2 }\nusers = [4]'


@dataclass
class Ended:
    code: int
    out: str
    err: str
    folder: RunFolder | None

    def record(self) -> RunRecord:
        assert self.folder
        return self.folder.read_run()

    def trials(self) -> list[TrialRecord]:
        assert self.folder
        return self.folder.read_trials(self.record())

    def rows(self, name: str = "summary.csv") -> list[dict[str, str]]:
        assert self.folder
        with (self.folder.path / name).open(newline="") as file:
            return list(csv.DictReader(file))

    def page(self) -> str:
        assert self.folder
        return (self.folder.path / "report.html").read_text()


class Bench:
    """Runs in a folder of their own. All processes that they start have the folder's name in their environment."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.out = place / "results"
        self._environment = {**os.environ, "TMPDIR": str(place)}
        self._running: list[subprocess.Popen[str]] = []

    def command(self, *arguments: str, **options: Any) -> "subprocess.Popen[str]":
        """Start a command of waitbench. `options` are those of subprocess.Popen; `env` is added to the environment."""
        environment = {**self._environment, **options.pop("env", {})}
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        command = [sys.executable, "-m", "waitbench", *arguments]
        started: subprocess.Popen[str] = subprocess.Popen(command, cwd=ROOT, env=environment, text=True, **options)
        self._running.append(started)
        return started

    def start(self, text: str, *options: str, ui: int | None = None, **more: Any) -> "subprocess.Popen[str]":
        file = self.place / "tiny.toml"
        file.write_text(text)
        how = ["--ui-port", str(ui)] if ui else ["--no-ui"]
        return self.command("run", str(file), "--out", str(self.out), "--seed", "1", *how, *options, **more)

    def end(self, started: "subprocess.Popen[str]") -> Ended:
        out, err = started.communicate(timeout=END_S)
        assert "Traceback" not in err, err
        return Ended(started.returncode, out, err, self.folder())

    def run(self, text: str, *options: str) -> Ended:
        return self.end(self.start(text, *options))

    def folder(self) -> RunFolder | None:
        latest = self.out / "latest"
        return RunFolder(latest.resolve()) if latest.exists() else None

    def trial_files(self) -> list[Path]:
        return sorted(self.out.glob("latest/trials/*.json"))

    def wait_for(self, started: "subprocess.Popen[str]", condition: Callable[[], bool]) -> None:
        assert wait_until(lambda: condition() or started.poll() is not None, START_S)
        assert started.poll() is None, started.communicate()[1]

    def status(self) -> str:
        folder = self.folder()
        return folder.read_run().status if folder else ""

    def live(self) -> Live | None:
        folder = self.folder()
        return folder.read_live() if folder else None

    def measuring(self, after: int = 1) -> Callable[[], bool]:
        """A condition: a trial is being measured, and at least `after` others are finished."""
        return lambda: (live := self.live()) is not None and live.done >= after and live.phase == "measuring"

    def left_behind(self) -> list[str]:
        """Processes, and files outside the results, that are still there a moment after a run."""
        processes.none_mentioning(str(self.place))
        pids = processes.mentioning(str(self.place))
        commands = [Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ") for pid in pids]
        return commands + [path.name for path in self.place.iterdir() if path.name.startswith("waitbench-")]

    def clear(self) -> None:
        for started in self._running:
            started.kill()
            started.communicate()
        processes.end(processes.mentioning(str(self.place)))
        shutil.rmtree(self.place, ignore_errors=True)


@dataclass
class Played:
    bench: Bench
    ended: Ended
    workers: int


def played_both_ways(make_bench: Callable[[], Bench], text: str) -> list[Played]:
    """Run the same plan with one process and with two workers, at the same time."""

    def played(workers: int) -> Played:
        bench = make_bench()
        ended = bench.run(text, "--locust-workers", str(workers))
        assert ended.code in (0, 3), ended.err
        return Played(bench, ended, workers)

    with ThreadPoolExecutor(2) as both:
        return list(both.map(played, (0, 2)))


def answered(trial: TrialRecord) -> int:
    before, after = trial.usage.before, trial.usage.after
    assert before is not None
    assert after is not None
    return int(after.requests_answered - before.requests_answered)


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
