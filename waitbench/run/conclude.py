"""Concludes a run, complete or not: closes its record, prints its results, writes its report."""

import os
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from waitbench.analysis.comparison import Comparison
from waitbench.analysis.loading import read_comparison
from waitbench.errors import Unwritable
from waitbench.launch.interrupts import deferred
from waitbench.records.fields import Status
from waitbench.records.folder import RunFolder, now
from waitbench.report.words.summary import answers
from waitbench.report.write import save_report
from waitbench.run.lines import tell


@dataclass(frozen=True)
class Outcome:
    folder: RunFolder
    all_valid: bool


def conclude(console: Console, folder: RunFolder, status: Status, message: str = "") -> Outcome:
    """Report what was measured. A signal waits until that is done.

    A file that can't be written is reported last. It raises Unwritable if the run is otherwise complete.
    """
    with deferred():
        folder.drop_live()
        changed = {"status": status, "message": message, "ended_at": now()}
        record = folder.read_run().model_copy(update=changed)
        comparison = read_comparison(folder, record)
        tell_answers(console, comparison)
        errors = []
        try:
            folder.write_run(record)
        except Unwritable as error:
            errors.append(error)
        try:
            save_report(folder, comparison)
        except Unwritable as error:
            errors.append(error)
        if (folder.path / "report.html").exists():
            tell_report(console, folder)
        if errors and status != "complete":
            tell(console, f"waitbench: {errors[-1]}", soft_wrap=True)
        elif errors:
            raise errors[-1]
    return Outcome(folder, comparison.all_valid)


def tell_answers(console: Console, comparison: Comparison) -> None:
    for line in answers(comparison):
        tell(console, line)
    for each in comparison.damaged:
        tell(console, each.why)


def tell_report(console: Console, folder: RunFolder) -> None:
    # Inside a container, this shows the name that the folder has outside.
    shown = Path(os.environ.get("WAITBENCH_RESULTS_OUTSIDE", folder.path.parent)) / folder.path.name
    tell(console, f"report: {shown / 'report.html'}", soft_wrap=True)
