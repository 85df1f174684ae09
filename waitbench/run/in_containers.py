"""A run in containers, watched from outside."""

import time
from pathlib import Path

from rich.console import Console

from waitbench.analysis.loading import load_comparison
from waitbench.errors import INVALID, Interrupted, WaitbenchError
from waitbench.launch.compose import Containers, require_engine, settings
from waitbench.launch.leftovers import sweep
from waitbench.records.folder import RunFolder
from waitbench.run.conclude import Outcome, tell_answers, tell_report
from waitbench.run.environment import git_commit
from waitbench.run.execute import require_ui_port
from waitbench.run.locks import announced, sole_writer
from waitbench.run.order import Order
from waitbench.run.progress import RunProgress, watch_trials
from waitbench.run.silence import Silence

WATCH_S = 0.5
SILENT_S = 300.0
"""The run inside has bounds of its own, which are shorter. This one is for a container that was stopped."""


def run_in_containers(order: Order, plan: Path, options: list[str], console: Console) -> Outcome:
    """Have Compose carry the plan out; `plan` is its file, and the run inside gets `options` as they are."""
    require_engine()
    sweep(console)
    with announced(order.work):
        with sole_writer(order.out):  # only looked at: the run inside takes hold of the folder itself
            require_ui_port(order.ui_port)
        folder = RunFolder(order.out / order.name)
        with Containers(console, _settings(order, plan, options)) as containers:
            containers.start()
            try:
                code = _follow(containers, folder, console)
            except Interrupted:
                containers.stop_load()
                raise
            if code not in (0, INVALID):
                raise WaitbenchError(f"the run in containers ended with {code}; it said:\n{containers.last_words()}")
    comparison = load_comparison(folder)
    tell_answers(console, comparison)
    tell_report(console, folder)
    return Outcome(folder, comparison.all_valid)


def _settings(order: Order, plan: Path, options: list[str]) -> dict[str, str]:
    profiles = {order.variants[name].profile for name in order.plan.variants} - {""}
    shared = settings(plan, options, order.out, order.ui_port, sorted(profiles))
    return {"WAITBENCH_GIT_COMMIT": git_commit() or "", **shared}


def _follow(containers: Containers, folder: RunFolder, console: Console) -> int:
    """Show the progress of the run inside until its container ends; its exit code.

    Raises WaitbenchError if the load container gives no sign of life for SILENT_S.
    """
    shown, silence = 0, Silence(WATCH_S, SILENT_S)
    with RunProgress(console) as progress:
        while (code := containers.exit_code()) is None:
            shown = watch_trials(progress, folder, shown)
            if silence.too_long((shown, folder.read_live())):
                raise WaitbenchError(
                    f"the load container gave no sign of life for {SILENT_S:.0f} s; it said:\n{containers.last_words()}"
                )
            time.sleep(WATCH_S)
        watch_trials(progress, folder, shown)
    return code
