"""A whole run of `waitbench run` against the programmed server, and its files."""

import csv
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TypeVar

import httpx2

from tests.known_answers import programmed
from tests.known_answers.account import Account, accounts
from tests.known_answers.programmed import Done
from tests.known_answers.waiting import Waiting
from tests.serving import serving
from waitbench.paths import ROOT
from waitbench.records.folder import RunFolder
from waitbench.records.trial import TrialRecord

END_S = 120.0
ATTEMPTS = 2

T = TypeVar("T")
Log = dict[str, list[Done]]
Key = tuple[str, str]
"""A truth, and the load model that is used with it."""
Paths = Mapping[str, str]
"""The workload for each load model."""


@dataclass(frozen=True)
class Cell:
    """One truth under one load, as measured and as reported."""

    accounts: list[Account]
    asked: int
    """All requests, by the server's count."""
    summary: dict[str, str]
    rows: list[dict[str, str]]
    """Rows of trials.csv, one for each account."""

    @property
    def quiet(self) -> bool:
        """Whether the machine was quiet, or there is no latency that could be wrong."""
        return all(account.quiet or account.trial.latency is None for account in self.accounts)


def _idle(_: Path) -> None:
    pass


def carry_out(
    plan: str,
    chosen: Iterable[str],
    read: Callable[[RunFolder, Log, Waiting], T],
    meanwhile: Callable[[Path], None] = _idle,
) -> T:
    """Run a plan, in which PORT and LATE_PORT are replaced by the server's, and return what `read` makes of the run.

    `meanwhile` is called during the run, with its folder.
    """
    place = Path(tempfile.mkdtemp(prefix="wbknown-"))
    place.chmod(0o755)  # PostgreSQL's user needs access
    try:
        with serving(programmed) as server:
            port, late_port = server.numbers()
            file = place / "known.toml"
            file.write_text(plan.replace("LATE_PORT", str(late_port)).replace("PORT", str(port)))
            variants = [word for name in chosen for word in ("--variant", name)]
            command = [sys.executable, "-m", "waitbench", "run", str(file), "--no-ui", "--seed", "1", *variants]
            with (
                subprocess.Popen(
                    [*command, "--out", str(place / "results")],
                    cwd=ROOT,
                    env={**os.environ, "TMPDIR": str(place)},  # a run holds a lock there, against all others
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                ) as run,
                Waiting(place) as waiting,
            ):
                try:
                    meanwhile(place)
                    out, err = run.communicate(timeout=END_S)
                finally:
                    run.kill()
            assert run.returncode in (0, 3), err
            server_log = httpx2.get(f"http://127.0.0.1:{port}/log", trust_env=False).json()
        return read(
            RunFolder(Path(out.strip())),
            {path: [Done(**done) for done in asked] for path, asked in server_log.items()},
            waiting,
        )
    finally:
        shutil.rmtree(place, ignore_errors=True)


def play(plan: str, truths: Mapping[str, Paths], meanwhile: Callable[[Path], None] = _idle) -> dict[Key, Cell]:
    """Run the cells of `plan` against each truth."""
    served = "".join(_external(name, paths) for name, paths in truths.items())
    return carry_out(plan + served, truths, _cells, meanwhile)


def play_in_quiet(plan: str, truths: Mapping[str, Paths]) -> dict[Key, Cell]:
    """Run the cells, and again if the machine was too busy for most of them.

    The generator's own lag decides this, and not the measurements. If the machine was busy again, the tests allow as
    much lateness as was recorded.
    """
    cells = play(plan, truths)
    for _ in range(ATTEMPTS - 1):
        disturbed = {name for (name, _), cell in cells.items() if not cell.quiet}
        if len(disturbed) > len(truths) / 2:
            cells |= play(plan, {name: paths for name, paths in truths.items() if name in disturbed})
    return cells


def _external(name: str, paths: Paths) -> str:
    served = ", ".join(f'{workload} = "/{name}/{model}"' for model, workload in paths.items())
    url = f"http://127.0.0.1:{'LATE_PORT' if name == 'late-to-accept' else 'PORT'}"
    return f'[[external]]\nname = "{name}"\nbase_url = "{url}"\npaths = {{ {served} }}\n'


def _cells(folder: RunFolder, log: Log, waiting: Waiting) -> dict[Key, Cell]:
    def key(trial: TrialRecord) -> Key:
        return trial.spec.variant, trial.spec.load_model

    trials = sorted(folder.read_trials(folder.read_run()), key=lambda trial: (key(trial), trial.spec.block))
    cells = {}
    for name, each in groupby(trials, key):
        group = list(each)
        [summary] = _rows(folder.path / "summary.csv", name)
        rows = _rows(folder.path / "trials.csv", name)
        cells[name] = Cell(accounts(group, log, waiting), len(log[group[0].spec.path]), summary, rows)
    return cells


def _rows(file: Path, key: Key) -> list[dict[str, str]]:
    with file.open(newline="") as lines:
        return [row for row in csv.DictReader(lines) if (row["variant"], row["load_model"]) == key]


def codes(row: Mapping[str, str]) -> Iterable[str]:
    """Return the codes of the reasons in a row of the report."""
    return [reason.partition(":")[0] for reason in row["reasons"].split("; ") if reason]
