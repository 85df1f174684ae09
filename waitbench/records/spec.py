"""One trial as planned."""

from typing import Literal

from waitbench.records.fields import Above, Amount, Count, FileName, Params, Record
from waitbench.records.load_point import Conditions, LoadPoint, Stage


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


# More than 12 fields: they mirror the keys of a trial in run.json.
class TrialSpec(Exchange):
    """One trial as planned: everything that the generator needs to know."""

    file: FileName
    block: Count
    replaces: Count = 0
    """The number of the block that this trial's block replaces; 0 if it replaces none."""
    repeat: Count
    variant: str
    point: LoadPoint
    neighbours: Exchange | None = None
    """The slow requests of a mixed load."""
    alone: bool = False
    """Mixed loads: without the neighbours' arrivals, for comparison. All other arrivals come at the same times."""
    arrivals: Literal["poisson", "uniform"] = "poisson"
    arrivals_seed: Count = 0
    """Open loops: the same for every contender of a block, so that all get the same arrivals."""
    max_in_flight: Count = 0
    warmup_s: Amount
    measure_s: Above
    timeout_s: Above
    base_url: str
    instrumented: bool
    """Whether the service counts its own requests (/usage)."""
    uses_upstream: bool
    uses_database: bool = False
    """Whether its workloads need the database, which the remote API's process then watches."""

    @property
    def load_s(self) -> float:
        """The seconds of load: warm-up and window."""
        return self.warmup_s + self.measure_s

    @property
    def conditions(self) -> Conditions:
        return self.point.conditions

    @property
    def workload(self) -> str:
        return self.conditions.workload

    @property
    def params(self) -> Params:
        return self.conditions.params

    @property
    def load_model(self) -> Literal["closed", "open"]:
        return self.conditions.load_model

    @property
    def load(self) -> float:
        return self.point.load

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages of a burst; none for any other trial."""
        return self.conditions.burst.stages if self.conditions.burst else ()

    @property
    def description(self) -> str:
        """`wait ms=100 500 users`."""
        return f"{self.asked_words} {self.point.load_words}"

    @property
    def asked_words(self) -> str:
        """`wait ms=100`, or `mixed cpu ksteps=200 alone`."""
        named = [*filter(None, [self.conditions.scenario_name]), self.conditions.asked.workload]
        params = [f"{name}={value}" for name, value in self.conditions.asked.params.items()]
        return " ".join([*named, *params, *(["alone"] if self.alone else [])])
