"""run.json: the plan of a run, and what it ran on."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from waitbench.records.fields import SCHEMA_VERSION, Above, Amount, Count, Record, Status
from waitbench.records.load_point import Conditions
from waitbench.records.spec import TrialSpec

LEAST_REPEATS, MOST_REPEATS = 3, 30
"""How often each load point is repeated in a run that decides this itself. Fewer than three make no useful interval."""
MostRepeats = Annotated[int, Field(ge=LEAST_REPEATS, le=MOST_REPEATS)]


class Proof(Record):
    """The concurrency check of one workload, before any load: whether concurrent calls overlap as the model says."""

    good: bool
    calls: Count
    held: Count
    """The highest number of requests that the service had in flight, by its own count."""
    rounds: Amount
    """The time that all calls took together, over the time of one call."""
    says: str = ""
    """A sentence on what is wrong; "" if all is well."""


# More than 12 fields: they mirror the keys of a target in run.json.
class Target(Record):
    """A contender in a run: what was declared, and what the running service reported of itself."""

    name: str
    title: str
    base_url: str
    framework: str = ""
    model: str = ""
    server: str = ""
    external: bool = False
    kind: Literal["contender", "reference", "trap", "instrument"] = "contender"
    """As in variants.toml. A trap is wrong on purpose: its calls do not overlap, and reports show that."""
    variant: str = ""
    """Its name in variants.toml; "" for an external service. `name` has a suffix if the variant is there in several
    forms: compared with itself, with more workers, or on more cores."""
    cpus: Count = 0
    """Cores that it may use; 0: those that every service has."""
    same_as: str = ""
    """The contender's own name, if it is there more than once to be compared with itself (A/A)."""
    workloads: list[str] | None = None
    """The workloads it serves; None for all."""
    gil: bool = True
    """False if it is declared to run without Python's global interpreter lock."""
    budget: dict[str, Count] = Field(default_factory=dict)
    budget_read: dict[str, Count] | None = None
    """The budget read back from the running service; None before that, and for an external service."""
    proofs: dict[str, Proof] = Field(default_factory=dict)
    """The concurrency check of each requested workload that can be checked."""
    info: dict[str, Any] = Field(default_factory=dict)

    def serves(self, workload: str) -> bool:
        return self.workloads is None or workload in self.workloads


class _Kept(Record):
    """A part of a plan. Reports read the fields given here; the others are kept as they are."""

    model_config = ConfigDict(extra="allow")


class PlannedCell(_Kept):
    """A cell of the plan, as far as reports show it."""

    workload: str
    repeats: Count | None = None
    """Replaces the plan's value, as `measure_s` does."""
    measure_s: Above | None = None


class RunPlan(_Kept):
    """The plan of a run, as far as reports show it."""

    title: str
    repeats: Count
    """The lowest number of repeats, if there is `sure_within`."""
    time_s: Above | None = None
    """Seconds of load that the run may use; None unless the run decides on the repeats itself, as `sure_within`."""
    sure_within: Above | None = None
    """The half width of the interval of a ratio, as a share of the ratio, at which a result needs no more repeats."""
    spare: Amount = 0.0
    """The share of the planned load that could be measured again."""
    warmup_s: Amount
    measure_s: Above
    cells: list[PlannedCell]
    claims: list[dict[str, Any]] = Field(default_factory=list)
    """Read by plan.claim when the claims are judged."""


class PlannedSection(Record):
    """A section of the report: the conditions of one or more cells, in the order of the plan."""

    conditions: Conditions
    from_rate: Above | None = None
    """Where a search begins; None unless it is one, as `to_rate`."""
    to_rate: Above | None = None


# More than 12 fields: they mirror the keys of run.json.
class RunRecord(Record):
    schema_version: int = SCHEMA_VERSION
    waitbench: str
    name: str
    status: Status
    message: str = ""
    """Why the run ended, if it failed or was interrupted."""
    started_at: datetime
    ended_at: datetime | None = None
    engine: str
    seed: Count
    plan_name: str
    plan: RunPlan
    sections: list[PlannedSection]
    upstream_url: str | None = None
    targets: dict[str, Target]
    environment: dict[str, Any] = Field(default_factory=dict)
    trials: list[TrialSpec]
    left_out: dict[str, str] = Field(default_factory=dict)
    """Parts of the plan that were not available to this run, each with the reason."""
    searching: bool = False
    """Whether more trials may follow: of a search, more repeats, or again what the machine disturbed."""
    most_repeats: MostRepeats | None = None
    """The highest number of repeats that the run had time for when it began; None if the repeats were fixed."""

    @property
    def last_block(self) -> int:
        """The highest number of a block; 0 without trials."""
        return max((spec.block for spec in self.trials), default=0)
