"""CPU steal time: time that this machine's cores asked for and a hypervisor gave to other machines."""

import psutil

SPENT = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
"""All columns of a core's time on Linux (proc_stat(5)). The time of guests is in `user` already."""


class StealTime:
    """Counts from its creation on."""

    def __init__(self) -> None:
        self._before = psutil.cpu_times()

    def share(self) -> float | None:
        """Return the steal time so far as a share of the time of all cores; None if the system does not report it."""
        now = psutil.cpu_times()
        if not hasattr(now, "steal"):
            return None
        spent = {name: getattr(now, name) - getattr(self._before, name) for name in SPENT}
        return max(0.0, spent["steal"]) / total if (total := sum(spent.values())) > 0 else 0.0
