"""Runs a plan in containers and watches it from outside."""

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
from waitbench.run.heartbeat import Heartbeat
from waitbench.run.locks import announced, sole_writer
from waitbench.run.order import Order
from waitbench.run.progress import RunProgress, watch_trials

WATCH_S = 0.5
SILENT_S = 300.0
"""The limit for a container that was stopped. The run inside has limits of its own, which are shorter."""


def run_in_containers(order: Order, plan: Path, options: list[str], console: Console) -> Outcome:
    """Let Compose execute the plan of file `plan`. The run inside gets `options` unchanged."""
    require_engine()
    sweep(console)
    with announced(order.work):
        with sole_writer(order.out):  # only a check: the run inside locks the folder itself
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
                raise WaitbenchError(
                    f"the run in containers ended with exit code {code}; its log ends:\n{containers.last_words()}"
                )
    comparison = load_comparison(folder)
    tell_answers(console, comparison)
    tell_report(console, folder)
    return Outcome(folder, comparison.all_valid)


def _settings(order: Order, plan: Path, options: list[str]) -> dict[str, str]:
    profiles = {order.variants[name].profile for name in order.plan.variants} - {""}
    shared = settings(plan, options, order.out, order.ui_port, sorted(profiles))
    return {"WAITBENCH_GIT_COMMIT": git_commit() or "", **shared}


def _follow(containers: Containers, folder: RunFolder, console: Console) -> int:
    """Show the progress of the run inside until its container ends. Returns its exit code.

    Raises WaitbenchError if the load container reports no progress for SILENT_S.
    """
    shown, heartbeat = 0, Heartbeat(WATCH_S, SILENT_S)
    with RunProgress(console) as progress:
        while (code := containers.exit_code()) is None:
            shown = watch_trials(progress, folder, shown)
            if heartbeat.lost((shown, folder.read_live())):
                raise WaitbenchError(
                    f"the load container reported no progress for {SILENT_S:.0f} s; its log ends:\n"
                    f"{containers.last_words()}"
                )
            time.sleep(WATCH_S)
        watch_trials(progress, folder, shown)
    return code
