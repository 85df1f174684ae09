"""Whether the rules about other processes speak when they should, and are silent when they should be.

    .venv/bin/python -m benchmarks.disturbances quiet [--runs 20]        # about an hour
    .venv/bin/python -m benchmarks.disturbances disturbed [--times 10]   # about eight minutes

`quiet` plays the quick plan again and again and counts in how many runs one of RULES speaks, as a note or as a reason
not to count; it exits with 1 if that is more than one run of twenty. Nothing else may run on the machine meanwhile.
`disturbed` does one thing to each trial of a run, and counts the trials in which one of the rules named for it speaks;
it exits with 1 if that is not all of them.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import psutil

from waitbench.paths import ROOT
from waitbench.results import RunFolder, TrialRecord
from waitbench.validity import outliers, reasons
from waitbench.validity.contention import service_share

RULES = ("contention", "database-limit", "stall", "outlier")
ENDED = (0, 3)
"""Exit codes of a run that came to its end."""
FALSE_ALARMS = 0.05
"""Of quiet runs, at most."""
WINDOW_S = 3.0
PLAN = f"""title = "A disturbed run"
repeats = TIMES
warmup_s = 0.5
measure_s = {WINDOW_S}
variants = ["fastapi-asyncio"]
[[cells]]
"""
CPU = 'workload = "cpu"\nparams = { ksteps = 20 }\nusers = [10]\n'
WAIT = 'workload = "wait"\nparams = { ms = 20 }\nusers = [10]\n'
DB = 'workload = "db"\nparams = { ms = 20 }\nusers = [10]\n'


def spoken(folder: RunFolder) -> list[tuple[TrialRecord, set[str]]]:
    """Each trial with the codes of RULES that speak of it."""
    run = folder.read_run()
    trials = folder.read_trials(run)
    found = {trial.spec.file: {r.code for r in reasons(trial, run.targets[trial.spec.variant])} for trial in trials}

    def cell(trial: TrialRecord) -> tuple[str, str]:
        return trial.spec.variant, trial.spec.description

    for _, repeats in groupby(sorted(trials, key=cell), cell):
        same = list(repeats)
        for reason in outliers(same):
            worst = next(trial for trial in same if f"repeat {trial.spec.repeat} " in reason.text)
            found[worst.spec.file].add(reason.code)
    return [(trial, found[trial.spec.file] & set(RULES)) for trial in trials]


# Quiet runs.


def quiet(runs: int) -> int:
    alarms = 0
    totals: Counter[str] = Counter()
    trials = 0
    with tempfile.TemporaryDirectory(prefix="quiet-") as place:
        for seed in range(1, runs + 1):
            command = [sys.executable, "-m", "waitbench", "run", "quick", "--no-ui", "--seed", str(seed)]
            done = subprocess.run([*command, "--out", place], cwd=ROOT, capture_output=True, text=True)
            if done.returncode not in ENDED:
                raise SystemExit(f"run {seed} ended with {done.returncode}:\n{done.stderr}")
            folder = RunFolder(Path(done.stdout.strip()))
            found, targets = spoken(folder), folder.read_run().targets
            codes = Counter(code for _, said in found for code in said)
            alarms += bool(codes)
            totals += codes
            trials += len(found)
            service = max(service_share(trial, targets[trial.spec.variant]) or 0.0 for trial, _ in found)
            generator = max(trial.generator.foreign_share or 0.0 for trial, _ in found)
            told = ", ".join(f"{count} x {code}" for code, count in codes.items()) or "silent"
            print(f"{seed:>3}  of a core to others, at most: service's {service:.1%}, ", end="")
            print(f"generator's {generator:.1%}; exit {done.returncode}; {told}", flush=True)
    print(
        f"{runs - alarms} of {runs} runs without any of {', '.join(RULES)}; {trials} trials, {dict(totals) or 'none'}"
    )
    return 0 if alarms <= FALSE_ALARMS * runs else 1


# Disturbed runs.


@dataclass(frozen=True)
class Running:
    """A run that goes on."""

    process: "subprocess.Popen[str]"
    folder: RunFolder

    def service_cores(self) -> list[int]:
        [target] = self.folder.read_run().targets.values()
        cores: list[int] = target.info["cores"]
        return cores

    def started(self, word: str) -> psutil.Process:
        """The one of the run's processes with this word in its command line and no child that has it too."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in children if word in " ".join(child.cmdline())][-1]

    def database(self) -> list[psutil.Process]:
        [first] = [child for child in psutil.Process(self.process.pid).children() if child.name() == "postgres"]
        return [first, *first.children()]


@contextmanager
def loops(count: int, cores: set[int]) -> Iterator[None]:
    """So many processes that never rest, on these cores."""
    with ExitStack() as ending:
        for _ in range(count):
            loop = ending.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            ending.callback(loop.kill)
            os.sched_setaffinity(loop.pid, cores)
        yield


@contextmanager
def stopped(processes: list[psutil.Process]) -> Iterator[None]:
    try:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGSTOP)
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)


def during(seconds: float, context: Callable[[Running], AbstractContextManager[None]]) -> Callable[[Running], None]:
    def act(run: Running) -> None:
        with context(run):
            time.sleep(seconds)

    return act


@dataclass(frozen=True)
class Disturbance:
    name: str
    cell: str
    act: Callable[[Running], None]
    expected: set[str]
    """One of these has to speak."""


DISTURBANCES = (
    Disturbance(
        "two busy loops on the service's core",
        CPU,
        during(0.8 * WINDOW_S, lambda run: loops(2, set(run.service_cores()))),
        {"contention"},
    ),
    Disturbance(
        "four busy loops, not pinned",
        CPU,
        during(0.8 * WINDOW_S, lambda _: loops(4, os.sched_getaffinity(0))),
        {"contention"},
    ),
    Disturbance(
        "every process of PostgreSQL stopped for half of the window",
        DB,
        during(0.5 * WINDOW_S, lambda run: stopped(run.database())),
        {"database-limit"},
    ),
    Disturbance(
        "the service stopped for two thirds of the window",
        WAIT,
        during(0.67 * WINDOW_S, lambda run: stopped([run.started("fastapi_app")])),
        {"stall"},
    ),
)


def disturbed(times: int) -> int:
    missed = 0
    for each in DISTURBANCES:
        with tempfile.TemporaryDirectory(prefix="disturbed-") as place:
            found = spoken(played(each, times, Path(place)))
        seen = sum(bool(said & each.expected) for _, said in found)
        missed += len(found) - seen
        others = Counter(code for _, said in found for code in said - each.expected)
        also = f"; also {dict(others)}" if others else ""
        print(f"{seen} of {len(found)}  {each.name}: {', '.join(sorted(each.expected))}{also}", flush=True)
    return 1 if missed else 0


def played(each: Disturbance, times: int, place: Path) -> RunFolder:
    """The run of which each trial was disturbed while it was measured."""
    (place / "plan.toml").write_text(PLAN.replace("TIMES", str(times)) + each.cell)
    command = [sys.executable, "-m", "waitbench", "run", str(place / "plan.toml"), "--no-ui", "--seed", "1"]
    with subprocess.Popen(
        [*command, "--out", str(place / "results")], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        done = 0
        while process.poll() is None and done < times:
            latest = place / "results" / "latest"
            live = RunFolder(latest).read_live() if latest.exists() else None
            if live and live.phase == "measuring" and live.done == done:
                done += 1
                each.act(Running(process, RunFolder(latest.resolve())))
            time.sleep(0.02)
        out, err = process.communicate()
    if process.returncode not in ENDED or done < times:
        raise SystemExit(f"{each.name}: ended with {process.returncode} after {done} trials:\n{err}")
    return RunFolder(Path(out.strip()))


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("part", choices=["quiet", "disturbed"])
    options.add_argument("--runs", type=int, default=20)
    options.add_argument("--times", type=int, default=10)
    chosen = options.parse_args()
    return quiet(chosen.runs) if chosen.part == "quiet" else disturbed(chosen.times)


if __name__ == "__main__":
    sys.exit(main())
