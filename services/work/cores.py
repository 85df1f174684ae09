"""The CPU cores that this service may use, and how long they were idle."""

import os
from pathlib import Path

STAT = Path("/proc/stat")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_IDLE, _IOWAIT, _STEAL = 4, 5, 8
"""Columns of a core's line (proc_stat(5)), after its name."""


def cores() -> set[int]:
    return os.sched_getaffinity(0)


def free_s() -> float:
    """Return how long the cores were idle since the machine started, in seconds, summed over the cores.

    CPU steal time counts as idle. The kernel counts idle time exactly, but busy time by sampling. So a caller that
    needs the busy time subtracts this from the elapsed time.
    """
    names = {f"cpu{core}" for core in cores()}
    with STAT.open() as lines:
        rows = [line.split() for line in lines if line.startswith("cpu")]
    ticks = sum(int(row[column]) for row in rows if row[0] in names for column in (_IDLE, _IOWAIT, _STEAL))
    return ticks / _TICKS_PER_S
