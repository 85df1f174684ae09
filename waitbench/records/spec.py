"""One trial as planned."""

from typing import Annotated, Literal

from pydantic import Field

from waitbench.records.fields import Above, Amount, Count, FileName, Params, Record
from waitbench.records.words import load_words


class Exchange(Record):
    """A request and its only correct response. Binary bodies have the pattern: byte number i is i mod 251."""

    method: Literal["GET", "POST"] = "GET"
    path: str
    body: str | None
    """The correct body; None if it is not known (an external service), or if `receives` describes it."""
    sends: Count = 0
    """Bytes of the request body."""
    receives: Count | None = None
    """Bytes of the correct response; None if `body` is the correct response."""
    bytes_per_s: Count = 0
    """The client's own pace, at which it sends its body or reads the response; 0: as fast as possible."""
    least_s: Amount = 0.0
    """The shortest time that a correct response can take."""


class Neighbours(Exchange):
    """Slow requests alongside the measured ones."""

    workload: str
    params: Params
    share: Annotated[float, Field(gt=0, lt=1)]
    """Their share of all arrivals. A seeded draw decides on each arrival."""


class Stage(Record):
    """A part of a load profile: requests per second, for so many seconds."""

    rate: Above
    seconds: Above


# More than 12 fields: they mirror the keys of a trial in run.json.
class TrialSpec(Exchange):
    """One trial as planned: everything that the generator needs to know."""

    file: FileName
    block: Count
    repeat: Count
    variant: str
    workload: str
    """The workload of the measured requests."""
    params: Params
    scenario: Literal["", "mixed", "burst"] = ""
    """The scenario that the workload is part of, if any."""
    beside: Neighbours | None = None
    """Mixed loads: a share of the arrivals requests this instead."""
    alone: bool = False
    """Mixed loads: without the neighbours' arrivals, for comparison. All other arrivals come at the same times."""
    profile: list[Stage] = Field(default_factory=list)
    """Bursts: one stage after the other, instead of one rate."""
    load_model: Literal["closed", "open"] = "closed"
    load: Annotated[int | float, Field(gt=0, le=1_000_000)]
    """Users of a closed loop; requests per second of an open one, neighbours included; the highest rate of a burst."""
    arrivals: Literal["poisson", "uniform"] = "poisson"
    arrivals_seed: Count = 0
    """Open loops: the same for every contender of a block, so that all get the same arrivals."""
    max_in_flight: Count = 0
    objective_p99_ms: Above | None = None
    """Searches for the knee: the p99 objective that this rate is tested against."""
    warmup_s: Amount
    measure_s: Above
    timeout_s: Above
    cpus: Count = 0
    """Cores of the service; 0: those that every service has."""
    base_url: str
    instrumented: bool
    """Whether the service counts its own requests (/usage)."""
    uses_upstream: bool
    uses_database: bool = False
    """Whether its workloads need the database, which the remote API's process then watches."""

    @property
    def load_words(self) -> str:
        return load_words(self.load_model, self.load)

    @property
    def description(self) -> str:
        """`wait ms=100 500 users`."""
        return f"{self.asked_words} {self.load_words}"

    @property
    def asked_words(self) -> str:
        """`wait ms=100`, or `mixed cpu ksteps=200 alone`."""
        inner = self.beside or self
        named = [self.scenario, inner.workload] if self.scenario else [self.workload]
        params = [f"{name}={value}" for name, value in inner.params.items()]
        return " ".join([*named, *params, *(["alone"] if self.alone else [])])

    @property
    def users(self) -> int:
        """The number of Locust users: those of a closed loop, or one that sends everything in an open loop."""
        return int(self.load) if self.load_model == "closed" else 1
