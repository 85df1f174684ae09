"""Watches the generator of a run until it has played every trial, or no longer reports."""

import os
import shutil
import time
from collections.abc import Callable

from rich.console import Console

from waitbench.errors import UsageError, WaitbenchError
from waitbench.launch.client import wait_until
from waitbench.launch.process import Process
from waitbench.records.folder import UNWRITABLE_CODE, RunFolder
from waitbench.run.heartbeat import Heartbeat
from waitbench.run.progress import RunProgress, watch_trials

WATCH_S = 0.2
GENERATOR_START_S = 30.0
WORKERS_START_S = 60.0
"""The extra time for a start with Locust workers. The master itself reports workers that did not come up."""
PATIENCE_S = 30.0
PATIENCE_NAMED = "WAITBENCH_PATIENCE_S"
"""The variable that sets another patience."""
FULL_BYTES = 64 * 1024
"""A disk with less room than this takes no trial file."""


def patience_s() -> float:
    """Return how long a generator may report nothing. Raises UsageError."""
    named = os.environ.get(PATIENCE_NAMED, "")
    try:
        found = float(named or PATIENCE_S)
    except ValueError:
        found = 0.0
    if not 1 <= found <= 3600:
        raise UsageError(f"{PATIENCE_NAMED}={named}: give a number of seconds from 1 to 3600, or leave it out")
    return found


def watch(
    locust: Process,
    workers: int,
    died: Callable[[], WaitbenchError | None],
    folder: RunFolder,
    go_on: Callable[[], None],
    console: Console,
) -> None:
    """Watch until the generator has played every trial.

    `died` returns the error of a service that ended. `go_on` plans what follows from the finished trials. Raises
    WaitbenchError if the generator or a service can't go on.
    """
    bound_s = GENERATOR_START_S + (WORKERS_START_S if workers else 0.0)
    if not wait_until(lambda: folder.read_live() is not None or locust.exit_code() is not None, bound_s):
        raise WaitbenchError(
            f"Locust did not start within {bound_s:.0f} s; the end of its output:\n{locust.last_words()}"
        )
    shown, heartbeat, bound_s = 0, Heartbeat(WATCH_S, patience_s()), patience_s()
    with RunProgress(console) as progress:
        while True:
            # Read before the status: the generator may write its last status and end in between.
            ended = locust.exit_code() is not None
            live = folder.read_live()
            shown = watch_trials(progress, folder, shown)
            go_on()
            if live and live.finished:
                break
            if error := died():
                raise error
            if ended:
                raise _ended(locust, folder)
            if heartbeat.lost(live):
                raise _silent(bound_s, folder, locust)
            time.sleep(WATCH_S)
    if live.failure:
        raise died() or WaitbenchError(f"the run could not continue: {live.failure}")


def _ended(locust: Process, folder: RunFolder) -> WaitbenchError:
    return _unwritable(folder) if locust.exit_code() == UNWRITABLE_CODE else locust.died()


def _silent(bound_s: float, folder: RunFolder, locust: Process) -> WaitbenchError:
    if shutil.disk_usage(folder.path).free < FULL_BYTES:
        return _unwritable(folder)
    return WaitbenchError(
        f"the generator (Locust) reported nothing for {bound_s:.0f} s; it was stopped, or can't write to "
        f"{folder.path}. Run again; {PATIENCE_NAMED}=N waits N seconds. The end of its output:\n"
        f"{locust.last_words()}"
    )


def _unwritable(folder: RunFolder) -> WaitbenchError:
    kib = shutil.disk_usage(folder.path).free // 1024
    return WaitbenchError(
        f"the generator could not write to {folder.path}, where {kib:,} KiB are free. Free some space there, or "
        "choose another folder with --out"
    )
