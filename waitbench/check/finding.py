"""The result of one check."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """The result of one check. `group` is contract, timing, overlap, budget, or start (the service did not start)."""

    group: str
    what: str
    """The statement that was checked."""
    good: bool
    detail: str = ""
    workload: str = ""
    """The workload that was checked; "" if the check is not about one workload."""
