"""run.json: what was planned, and what it ran on."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from waitbench.records.fields import SCHEMA_VERSION, Amount, Count, Record, Status
from waitbench.records.spec import TrialSpec


class Proof(Record):
    """What was seen of one workload's calls at once, before any load: whether they overlap as their model says."""

    good: bool
    calls: Count
    held: Count
    """The most that the service had in hand at once, by its own count."""
    rounds: Amount
    """As how many calls one after the other all took."""
    says: str = ""
    """What is wrong, in a sentence; "" where all is well."""


class Target(Record):
    """A contender as it was found: what was declared, and what the running service said of itself."""

    name: str
    title: str
    base_url: str
    framework: str = ""
    model: str = ""
    server: str = ""
    external: bool = False
    kind: Literal["contender", "reference", "trap", "instrument"] = "contender"
    """As in variants.toml. A trap is wrong on purpose: its calls do not overlap, and are shown as what they are."""
    variant: str = ""
    """Its name in variants.toml; "" for an external one. The target's own has more where it is there in several forms:
    beside itself, with so many workers, or on so many cores."""
    cpus: Count = 0
    """Cores that it may use; 0: those that every service has."""
    twin_of: str = ""
    """The contender's own name, where it is there more than once to be compared with itself."""
    workloads: list[str] | None = None
    """What it serves; None for everything."""
    gil: bool = True
    """False where it is declared to run without Python's global lock."""
    budget: dict[str, Count] = Field(default_factory=dict)
    budget_read: dict[str, Count] | None = None
    """The budget read back from the running service; None before it was asked, and for an external one."""
    proofs: dict[str, Proof] = Field(default_factory=dict)
    """Of each workload that was asked for and can be tried."""
    info: dict[str, Any] = Field(default_factory=dict)

    def serves(self, workload: str) -> bool:
        return self.workloads is None or workload in self.workloads


class RunRecord(Record):
    schema_version: int = SCHEMA_VERSION
    waitbench: str
    name: str
    status: Status
    message: str = ""
    """Why the run ended as it did, where it did not end well."""
    started_at: datetime
    ended_at: datetime | None = None
    engine: str
    seed: Count
    plan_name: str
    plan: dict[str, Any]
    upstream_url: str | None = None
    targets: dict[str, Target]
    environment: dict[str, Any] = Field(default_factory=dict)
    trials: list[TrialSpec]
    left_out: dict[str, str] = Field(default_factory=dict)
    """What the plan names and this run could not have, and why."""
    searching: bool = False
    """More trials may follow: which ones depends on those so far."""
