"""Processes of this machine, for tests that have to show that nothing was left behind."""

import os
import signal
from contextlib import suppress
from pathlib import Path

from waitbench.launch.client import wait_until


def mentioning(text: str) -> list[int]:
    """Live processes, except this one, whose command line or environment contains `text`."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        with suppress(OSError):
            known = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
            if text.encode() in known and pid != os.getpid() and alive(pid):
                found.append(pid)
    return found


def alive(pid: int) -> bool:
    """Whether a process has not ended. A zombie has: only its exit status is left to be read."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")


def gone(pid: int, within_s: float = 20.0) -> bool:
    return wait_until(lambda: not alive(pid), within_s)


def none_mentioning(text: str, within_s: float = 30.0) -> bool:
    return wait_until(lambda: not mentioning(text), within_s, 0.1)


def end(pids: list[int]) -> None:
    """Kill processes. Call it only with processes that a test started."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
