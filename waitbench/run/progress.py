"""Shows the progress of a run: a live line in a terminal, and one line for each finished trial."""

import time
from types import TracebackType

from rich.console import Console
from rich.markup import escape as markup
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn

from waitbench.records.folder import RunFolder
from waitbench.records.live import Live
from waitbench.records.text import for_terminal
from waitbench.records.trial import TrialRecord
from waitbench.run.lines import tell

STALE_S = 10.0


class RunProgress:
    """A context that shows progress on `console`, which is stderr: stdout is only for the run's folder."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._total = 0
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def __enter__(self) -> "RunProgress":
        if self._console.is_terminal:
            columns = (SpinnerColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._task = self._bar.add_task("starting Locust", total=None)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def planned(self, total: int) -> None:
        """Set the number of planned trials. It grows in searches, with more repeats, and if blocks are replaced."""
        self._total = total
        if self._bar:
            self._bar.update(self._task, total=total)

    def show(self, live: Live) -> None:
        """Show the current trial: its name, throughput, latency and remaining time."""
        if self._bar and live.trial:
            self._bar.update(self._task, completed=live.done, description=_line(live))

    def finished(self, trial: TrialRecord, number: int) -> None:
        """Print a permanent line for a finished trial, which a log keeps too."""
        spec = trial.spec
        errors = f", {trial.measured.failed} errors" if trial.measured.failed else ""
        what = f"{spec.variant:<16} {spec.asked_words}{' again' if spec.replaces else ''}"
        rate = trial.measured.good / trial.window_s
        figures = f" {what:<42} {spec.point.load_words:>14} {rate:>9,.1f}/s{errors}"
        tell(self._console, (f"{number:>3}/{self._total}", "dim"), figures)


def watch_trials(progress: RunProgress, folder: RunFolder, shown: int) -> int:
    """Show what is new in a run's folder after the first `shown` trials. Returns how many are shown now."""
    planned = folder.planned()
    progress.planned(len(planned))
    while shown < len(planned) and folder.has_trial(planned[shown]):
        progress.finished(folder.read_trial(planned[shown]), shown + 1)
        shown += 1
    if live := folder.read_live():
        progress.show(live)
    return shown


def _line(live: Live) -> str:
    stale = " [red](Locust is silent)[/]" if time.time() - live.at > STALE_S else ""
    p99 = f"p99 {live.p99_ms:,.0f} ms" if live.p99_ms is not None else "p99 –"
    errors = f" [red]{live.errors} errors[/]" if live.errors else ""
    left = f"{int(live.left_s) // 60}:{int(live.left_s) % 60:02d} left"
    trial, phase = (markup(for_terminal(text)) for text in (live.trial, live.phase))
    return f"{trial} [dim]{phase}[/] {live.rate:,.0f}/s {p99}{errors} [cyan]{left}[/]{stale}"
