"""Load points: the requests and the load at which contenders are compared.

`plan.cell.Cell.points` makes them, each trial stores its own, and everything else compares them.
"""

from typing import Annotated, Literal

from pydantic import Field

from waitbench.records.fields import Above, Count, Params, Record
from waitbench.records.words import load_words


class Stage(Record):
    """A part of a load profile: requests per second, for so many seconds."""

    rate: Above
    seconds: Above


class Plain(Record):
    """One workload at one load."""

    kind: Literal["plain"] = "plain"


class Mixed(Record):
    """A share of the arrivals requests a slow workload instead of the measured one."""

    kind: Literal["mixed"] = "mixed"
    workload: str
    params: Params
    share: Annotated[float, Field(gt=0, lt=1)]
    """The slow workload's share of all arrivals. A seeded draw decides on each arrival."""

    def __hash__(self) -> int:
        return hash((self.workload, _sorted(self.params), self.share))


class Burst(Record):
    """One stage after the other instead of one rate."""

    kind: Literal["burst"] = "burst"
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]


class Search(Record):
    """One rate of a search for the highest rate that meets an objective."""

    kind: Literal["search"] = "search"
    objective_p99_ms: Above


Scenario = Annotated[Plain | Mixed | Burst | Search, Field(discriminator="kind")]


class Conditions(Record):
    """Everything that the load points of one section of a report have in common: all but the load."""

    workload: str
    """The workload of the measured requests."""
    params: Params
    load_model: Literal["closed", "open"] = "closed"
    scenario: Scenario = Plain()
    service_cpus: Count = 0
    """Cores for each service; 0: those that every service has."""

    def __hash__(self) -> int:
        return hash((self.workload, _sorted(self.params), self.load_model, self.scenario, self.service_cpus))

    @property
    def mixed(self) -> Mixed | None:
        return self.scenario if isinstance(self.scenario, Mixed) else None

    @property
    def burst(self) -> Burst | None:
        return self.scenario if isinstance(self.scenario, Burst) else None

    @property
    def search(self) -> Search | None:
        return self.scenario if isinstance(self.scenario, Search) else None

    @property
    def asked(self) -> "Conditions | Mixed":
        """The workload and parameters that name the conditions: those of the slow requests in a mixed load."""
        return self.mixed or self

    @property
    def workloads(self) -> list[str]:
        """Every workload that requests are sent for, the measured one first."""
        return list(dict.fromkeys([self.workload, self.asked.workload]))

    @property
    def neighbours_share(self) -> float:
        """The neighbours' share of all arrivals; 0 if there are none."""
        return self.mixed.share if self.mixed else 0.0

    @property
    def scenario_name(self) -> Literal["", "mixed", "burst"]:
        """The name of the scenario in the catalog; "" for a workload by itself, or a search."""
        return "mixed" if self.mixed else "burst" if self.burst else ""


class LoadPoint(Record):
    """The key of everything that is compared: equal for trials that may be compared with each other."""

    conditions: Conditions
    load: Annotated[int | float, Field(gt=0, le=1_000_000)]
    """Users of a closed loop; requests per second of an open one, neighbours included; the highest rate of a burst."""

    @property
    def load_words(self) -> str:
        return load_words(self.conditions.load_model, self.load)

    @property
    def tag(self) -> str:
        """For file names: `500u`, `200rps`."""
        return f"{self.load:g}{'u' if self.conditions.load_model == 'closed' else 'rps'}"


def _sorted(params: Params) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(params.items()))
