"""Describes the environment of a run: everything a reader needs to repeat it or to doubt it."""

import os
import platform
import subprocess
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from waitbench.paths import ROOT

UNLIMITED = 2**60
"""Control groups of version 1 write "no limit" as a number of bytes near 2**63."""


def environment() -> dict[str, Any]:
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "cores_allowed": sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "memory_mib": _memory_mib(),
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "virtualised": "hypervisor" in (_read("/proc/cpuinfo") or ""),
        "load_average": list(os.getloadavg()),
        "kernel": platform.release(),
        "system": platform.system(),
        "python": platform.python_version(),
        "container": _container(),
        "git_commit": git_commit(),
        "packages": {item.name.lower(): item.version for item in sorted(distributions(), key=lambda d: d.name.lower())},
    }


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return None


def _cpu_model() -> str:
    for line in (_read("/proc/cpuinfo") or "").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_mib() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    except (ValueError, OSError):
        return None


def _container() -> dict[str, str] | None:
    """Return the limits of the control group in a container; None elsewhere."""
    if not Path("/.dockerenv").exists():
        return None
    limits = {
        "cpuset": "/sys/fs/cgroup/cpuset.cpus.effective",
        "cpu_max": "/sys/fs/cgroup/cpu.max",
        "memory_max": "/sys/fs/cgroup/memory.max",
        "memory_limit": "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    }
    found = {name: text for name, path in limits.items() if (text := _read(path)) is not None}
    if found.get("memory_limit", "").isdigit() and int(found["memory_limit"]) > UNLIMITED:
        del found["memory_limit"]
    return found


def git_commit() -> str | None:
    """Return the commit that is checked out, with a + if files differ from it; None outside a checkout.

    In a container it comes from the environment. Git is asked only in a checkout: for an installed package it would
    find any repository that contains the virtual environment.
    """
    if given := os.environ.get("WAITBENCH_GIT_COMMIT"):
        return given
    if not (ROOT / ".git").exists():
        return None
    git = ["git", "-C", str(ROOT)]
    try:
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10)
        state = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if commit.returncode != 0:
        return None
    return commit.stdout.strip() + ("+" if state.stdout.strip() else "")
