"""How much CPU time on the generator's cores went to processes that are not part of this run."""

import os
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

STAT = Path("/proc/stat")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_IDLE, _IOWAIT, _STEAL = 4, 5, 8
"""Columns of a core's line (proc_stat(5)), after its name."""


class Contention:
    """Counts CPU time from its creation on.

    The run's own processes are the harness and all its descendants. A core's busy time is the elapsed time, minus the
    time in which it was idle or a hypervisor gave it to other machines. The kernel counts these exactly, but busy time
    only by sampling.
    """

    def __init__(self, root: int | None = None) -> None:
        """`root` is the process from which the whole run descends; by default, the parent of the caller."""
        self._root = root or os.getppid()
        own = self._own()
        mine = _cores(os.getpid())
        self.cores = sorted(mine.union(*(cores for cores in map(_cores, own) if cores & mine)))
        """Cores of this process, and of every process of the run that may use one of these."""
        self._began_s = time.monotonic()
        self._free_s = _free_s(self.cores)
        self._own_s = self._cpu_s(own)

    def foreign_share(self) -> float:
        """Return the CPU time that other processes took so far, in cores: 0.5 is half of one core."""
        elapsed_s = time.monotonic() - self._began_s
        busy_s = elapsed_s * len(self.cores) - (_free_s(self.cores) - self._free_s)
        return max(0.0, busy_s - self.own_s()) / elapsed_s

    def own_s(self) -> float:
        """Return the CPU time that the run itself took so far, in seconds."""
        return self._cpu_s(self._own()) - self._own_s

    def _own(self) -> list[int]:
        try:
            root = psutil.Process(self._root)
            return [root.pid, *(child.pid for child in root.children(recursive=True))]
        except psutil.Error:  # the harness is gone, and this process will end too
            return [os.getpid()]

    def _cpu_s(self, pids: Iterable[int]) -> float:
        wanted = set(self.cores)
        return sum(_taken_s(pid) for pid in pids if _cores(pid) & wanted)


def _cores(pid: int) -> set[int]:
    try:
        return os.sched_getaffinity(pid)
    except OSError:
        return set()


def _taken_s(pid: int) -> float:
    """Return the CPU time of a process and of its children that have ended, in seconds.

    The clock is that of clock_getcpuclockid(3), written as one expression, and counts nanoseconds. /proc/PID/stat
    counts hundredths of a second, so fifty backends of PostgreSQL would together lose a quarter of a second.
    """
    try:
        times = psutil.Process(pid).cpu_times()
        return time.clock_gettime(((~pid) << 3) | 2) + float(times.children_user + times.children_system)
    except (psutil.Error, OSError):
        return 0.0


def _free_s(cores: Iterable[int]) -> float:
    names = {f"cpu{core}" for core in cores}
    with STAT.open() as lines:
        rows = [line.split() for line in lines if line.startswith("cpu")]
    return (
        sum(int(row[column]) for row in rows if row[0] in names for column in (_IDLE, _IOWAIT, _STEAL)) / _TICKS_PER_S
    )
