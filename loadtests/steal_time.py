"""What a hypervisor gives to others of the time that this machine's cores asked for."""

import psutil

SPENT = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
"""All that Linux tells of a core's time (proc_stat(5)); that of guests is in `user` already."""


class StealTime:
    """Counts from when it is made."""

    def __init__(self) -> None:
        self._before = psutil.cpu_times()

    def share(self) -> float | None:
        """Of the time of all cores since then; None on a system that does not tell."""
        now = psutil.cpu_times()
        if not hasattr(now, "steal"):
            return None
        spent = {name: getattr(now, name) - getattr(self._before, name) for name in SPENT}
        return max(0.0, spent["steal"]) / total if (total := sum(spent.values())) > 0 else 0.0
