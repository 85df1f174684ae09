"""Whether the rules about other processes apply when they should, and only then.

    .venv/bin/python -m benchmarks.disturbances quiet [--runs 20] [--out DIR]   # about an hour
    .venv/bin/python -m benchmarks.disturbances disturbed [--times 10]          # about four minutes

`quiet` runs the quick plan again and again, and counts the runs in which one of RULES applies, as a note or as a reason
not to count, also to a trial that was measured again. It exits with 1 if that is more than one run of twenty. Nothing
else may run on the machine meanwhile. `--out` keeps the runs.
`disturbed` disturbs each trial of a run in one way, and counts the trials in which the expected rule applies.
It exits with 1 if that is not every trial.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.e2e.meddling import busy_loop, stopped
from waitbench.analysis.loading import load_comparison
from waitbench.paths import ROOT
from waitbench.records.folder import RunFolder
from waitbench.validity.contention import service_share
from waitbench.validity.rules import reasons

RULES = ("contention", "database-limit", "stall", "outlier")
ENDED = (0, 3)
"""Exit codes of a run that came to its end."""
FALSE_ALARMS = 0.05
"""The largest accepted share of quiet runs in which a rule applies."""
WINDOW_S = 3.0
PLAN = f"""title = "A disturbed run"
repeats = TIMES
spare = 0
warmup_s = 0.5
measure_s = {WINDOW_S}
variants = ["fastapi-asyncio"]
[[cells]]
"""
CPU = 'workload = "cpu"\nparams = { ksteps = 20 }\nusers = [10]\n'
WAIT = 'workload = "wait"\nparams = { ms = 20 }\nusers = [10]\n'
DB = 'workload = "db"\nparams = { ms = 20 }\nusers = [10]\n'


# Quiet runs.


def quiet(runs: int, out: Path | None) -> int:
    silent = 0
    with tempfile.TemporaryDirectory(prefix="quiet-") as removed:
        place = out or Path(removed)
        for seed in range(1, runs + 1):
            command = [sys.executable, "-m", "waitbench", "run", "quick", "--no-ui", "--seed", str(seed)]
            done = subprocess.run([*command, "--out", str(place)], cwd=ROOT, capture_output=True, text=True)
            if done.returncode not in ENDED:
                raise SystemExit(f"run {seed} ended with {done.returncode}:\n{done.stderr}")
            comparison = load_comparison(RunFolder(Path(done.stdout.strip())))
            again = comparison.replaced
            found = [(trial, cell.target) for cell in comparison.cells for trial in cell.trials]
            found += [(each.trial, each.target) for each in again]
            said = {(cell.variant, reason) for cell in comparison.cells for reason in cell.reasons}
            said |= {(each.target.name, reason) for each in again for reason in reasons(each.trial, each.target)}
            codes = Counter(reason.code for _, reason in said if reason.code in RULES)
            silent += not codes
            service = max(service_share(trial, target) or 0.0 for trial, target in found)
            generator = max(trial.generator.foreign_share or 0.0 for trial, _ in found)
            what = ", ".join(f"{count} x {code}" for code, count in codes.items()) or "no rule"
            print(f"{seed:>3}  {len(found)} trials: other processes took at most {service:.1%} of a core ", end="")
            print(f"(service), {generator:.1%} (generator); exit {done.returncode}; ", end="")
            print(f"{len(comparison.replaced_blocks)} blocks measured again; {what}", flush=True)
            for variant, reason in sorted(said, key=str):
                if reason.weight == "invalid" or reason.code in RULES:
                    print(f"     {variant}: {reason.code} ({reason.weight}): {reason.text}", flush=True)
    print(f"{silent} of {runs} runs without a reason of {', '.join(RULES)}")
    return 0 if runs - silent <= FALSE_ALARMS * runs else 1


# Disturbed runs.


@dataclass(frozen=True)
class Running:
    """A run that is going on."""

    process: "subprocess.Popen[str]"
    folder: RunFolder

    def service_cores(self) -> list[int]:
        [target] = self.folder.read_run().targets.values()
        cores: list[int] = target.info["cores"]
        return cores

    def started(self, word: str) -> psutil.Process:
        """The process of the run whose command line contains this word, and none of whose children's does."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in children if word in " ".join(child.cmdline())][-1]

    def database(self) -> list[psutil.Process]:
        [first] = [child for child in psutil.Process(self.process.pid).children() if child.name() == "postgres"]
        return [first, *first.children()]


@contextmanager
def loops(count: int, cores: set[int]) -> Iterator[None]:
    """Run `count` processes that are never idle, on these cores."""
    with ExitStack() as ending:
        for _ in range(count):
            ending.enter_context(busy_loop(*cores))
        yield


@contextmanager
def all_stopped(processes: list[psutil.Process]) -> Iterator[None]:
    with ExitStack() as ending:
        for process in processes:
            ending.enter_context(stopped(process))
        yield


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
    expected: str
    """The rule that has to apply."""


DISTURBANCES = (
    Disturbance(
        "two busy loops on the service's core",
        CPU,
        during(0.8 * WINDOW_S, lambda run: loops(2, set(run.service_cores()))),
        "contention",
    ),
    Disturbance(
        "four busy loops, not pinned",
        CPU,
        during(0.8 * WINDOW_S, lambda _: loops(4, os.sched_getaffinity(0))),
        "contention",
    ),
    Disturbance(
        "every process of PostgreSQL stopped for half of the window",
        DB,
        during(0.5 * WINDOW_S, lambda run: all_stopped(run.database())),
        "database-limit",
    ),
    Disturbance(
        "the service stopped for two thirds of the window",
        WAIT,
        during(0.67 * WINDOW_S, lambda run: stopped(run.started("fastapi_app"))),
        "stall",
    ),
)


def disturbed(times: int) -> int:
    missed = 0
    for each in DISTURBANCES:
        with tempfile.TemporaryDirectory(prefix="disturbed-") as place:
            folder = played(each, times, Path(place))
            run = folder.read_run()
            trials = folder.read_trials(run)
            said = [{r.code for r in reasons(trial, run.targets[trial.spec.variant])} for trial in trials]
        seen = sum(each.expected in codes for codes in said)
        missed += len(trials) - seen
        print(f"{seen} of {len(trials)}  {each.name}: {each.expected}", flush=True)
    return 1 if missed else 0


def played(each: Disturbance, times: int, place: Path) -> RunFolder:
    """A run in which each trial was disturbed while it was measured."""
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
    options.add_argument("--out", type=Path, help="where `quiet` keeps its runs; without it, it removes them")
    options.add_argument("--times", type=int, default=10)
    chosen = options.parse_args()
    return quiet(chosen.runs, chosen.out) if chosen.part == "quiet" else disturbed(chosen.times)


if __name__ == "__main__":
    sys.exit(main())
