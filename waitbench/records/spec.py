"""One trial as planned."""

from typing import Annotated, Literal

from pydantic import Field

from waitbench.records.fields import Above, Amount, Count, FileName, Params, Record
from waitbench.records.words import load_words


class Exchange(Record):
    """A request and its one right answer. Bodies of bytes are of the pattern: byte number i is i mod 251."""

    method: Literal["GET", "POST"] = "GET"
    path: str
    body: str | None
    """The one right answer; None where it isn't known (an external service), or is `receives`."""
    sends: Count = 0
    """Bytes of the request's body."""
    receives: Count | None = None
    """The right answer is so many bytes; None where it is `body`."""
    bytes_per_s: Count = 0
    """The client's own pace, at which it sends its body or reads the answer's; 0: as fast as it goes."""
    least_s: Amount = 0.0
    """The least time that a right answer can take."""


class Neighbours(Exchange):
    """Slow requests beside those that are measured."""

    workload: str
    params: Params
    share: Annotated[float, Field(gt=0, lt=1)]
    """Of all arrivals, each by a seeded draw."""


class Stage(Record):
    """A part of a load profile: requests per second, for so many seconds."""

    rate: Above
    seconds: Above


class TrialSpec(Exchange):
    """One trial as planned: all that the generator has to know."""

    file: FileName
    block: Count
    repeat: Count
    variant: str
    workload: str
    """What the measured requests ask for."""
    params: Params
    scenario: Literal["", "mixed", "burst"] = ""
    """What is played with it, if anything."""
    beside: Neighbours | None = None
    """Of a mixed load: a share of the arrivals asks for this instead."""
    alone: bool = False
    """Of a mixed load: the neighbours' arrivals are left out, to compare with; all others come when they came."""
    profile: list[Stage] = Field(default_factory=list)
    """Of a burst: one stage after the other, in place of one rate."""
    load_model: Literal["closed", "open"] = "closed"
    load: Annotated[int | float, Field(gt=0, le=1_000_000)]
    """Users of a closed loop; requests per second of an open one, neighbours included; the highest rate of a burst."""
    arrivals: Literal["poisson", "uniform"] = "poisson"
    arrivals_seed: Count = 0
    """Of an open loop: the same for every contender of a block, so that all meet the same arrivals."""
    max_in_flight: Count = 0
    objective_p99_ms: Above | None = None
    """Of a search for the knee: the p99 that this rate is held to."""
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
    """Whether what it asks for needs the database: the remote API's process then watches it."""

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
        """Locust's users: those of a closed loop; one who sends everything in an open one."""
        return int(self.load) if self.load_model == "closed" else 1
