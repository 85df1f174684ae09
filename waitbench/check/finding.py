"""One thing looked at, and what was seen."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `group` is contract, timing, overlap or budget; or start, of what does not."""

    group: str
    what: str
    good: bool
    detail: str = ""
    workload: str = ""
    """The one it is about, where it is about one."""
