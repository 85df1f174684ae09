"""One trial as measured."""

from datetime import datetime
from typing import Annotated

from pydantic import AliasChoices, Field, model_validator

from waitbench.records.fields import SCHEMA_VERSION, Above, Amount, Count, Record
from waitbench.records.spec import TrialSpec


class Phase(Record):
    """Requests by when they were sent. `errors` by class."""

    good: Count = 0
    errors: dict[str, Count] = Field(default_factory=dict)

    @property
    def failed(self) -> int:
        return sum(self.errors.values())

    @property
    def sent(self) -> int:
        return self.good + self.failed


class Latency(Record):
    """In microseconds, of the good answers and the time-outs of the window: from the send (closed loop) or the
    intended start (open loop) to the last byte."""

    histogram: str
    """HdrHistogram V2, compressed, base64; 1 µs to 10 min, 3 significant digits."""
    count: Annotated[Count, Field(ge=1)]
    sum_us: Count
    min_us: Count
    max_us: Count

    @model_validator(mode="after")
    def _as_its_histogram(self) -> "Latency":
        from waitbench.records.histogram import disagreement  # numpy, which a listing does without

        if fault := disagreement(self.histogram, self.count, self.sum_us, self.min_us, self.max_us):
            raise ValueError(fault)
        return self


class Arrivals(Record):
    """What an open loop meant to send in the window, and what became of it."""

    intended: Count
    scheduled: Count | None = None
    """By the schedule alone: `intended`, unless the generator forgot some."""
    shed: Count
    """Not sent, since `max_in_flight` were under way."""
    shed_warmup: Count
    ended: Count | None = None
    """Requests of any phase that ended in the window: what came back while so many were meant to go out."""
    delay_p50_us: Count | None
    """Dispatch delay, the generator's own lateness: actual send minus intended start."""
    delay_p99_us: Count | None
    delay_max_us: Count | None
    service_time: Latency | None
    """From the actual send, for comparison: without the generator's lateness, and blind to it."""


class Connects(Record):
    """Connections made in a whole trial, and how long it took from the first packet until each was there."""

    made: Count
    p50_us: Count | None
    p99_us: Count | None
    max_us: Count | None


class Second(Record):
    """What ended in one second of a trial, counted from the start of its warm-up."""

    second: Count
    good: Count
    errors: Count
    p50_us: Count | None
    p99_us: Count | None


class Bin(Record):
    """A short part of a burst, finer than a second: of the requests due in it, whenever they ended."""

    begin_s: Amount
    """From the start of the warm-up."""
    due: Count
    good: Count
    p50_us: Count | None
    """From the intended start, with what failed or was shed as longer than all else: None where that is reached."""
    p90_us: Count | None
    p99_us: Count | None
    answered: Count
    """Good answers that ended in it, whenever they were due."""


class Beside(Record):
    """What became of the neighbours of a mixed load."""

    warmup: Phase
    measured: Phase
    shed: Count
    """In the window."""
    latency: Latency | None


class Generator(Record):
    """The generator's own part in the window."""

    cpu_share: Amount
    """Of one core."""
    lag_p99_ms: Amount
    """How late the generator's loop ran a 10 ms timer, 99th percentile."""
    lag_max_ms: Amount
    spawn_s: Amount
    """How long it took to have every user there."""
    rss_bytes: Count
    processes: Count = 1
    """Locust workers that generated the load; the figures above are of the busiest and the latest of them, memory is
    of all."""
    cores: list[Count] = Field(default_factory=list)
    """Numbers of its cores, with those of the run's other processes that may use one of these."""
    foreign_share: Amount | None = None
    """Processor time on these cores, from the beginning of the warm-up to the end of the drain, that went to processes
    which are no part of the run: 0.5 is half of one core. None where they cannot be told apart (in containers)."""


class Usage(Record):
    """The service's own figures at four moments; None where the service gave none."""

    before: dict[str, Amount] | None = None
    window_start: dict[str, Amount] | None = None
    window_end: dict[str, Amount] | None = None
    after: dict[str, Amount] | None = None


class TrialRecord(Record):
    schema_version: int = SCHEMA_VERSION
    spec: TrialSpec
    started_at: datetime
    """When the warm-up began: what a schedule counts from."""
    window_s: Above
    """The measured window as it really was."""
    window_offset_s: Amount
    """From the start of the warm-up to the start of the window."""
    drain_s: Amount
    warmup: Phase
    measured: Phase
    gathered: Phase = Phase()
    """Of the warm-up's requests, those that ended before it began: users have one answer each first."""
    drained: Count
    """Of the measured requests, those that ended after the window."""
    latency: Latency | None
    """None when nothing good came back."""
    arrivals: Arrivals | None = None
    """None in a closed loop."""
    timeline: list[Second]
    generator: Generator
    usage: Usage
    upstream: Usage
    connects: Connects | None = None
    """One a user where every answer kept its connection alive."""
    occupancy: Amount | None = None
    """Requests under way on average over the window, exactly: those that began before it and end after it count with
    their part in it."""
    spanning: Count | None = None
    """Requests sent before the window that ended after it: slower than all of it, and in no figure of its latencies."""
    longest_silence_s: Amount | None = None
    """The longest time in the window during which requests were waiting and none ended."""
    thirds_iqm_us: list[Count | None] = Field([], validation_alias=AliasChoices("thirds_iqm_us", "thirds_p50_us"))
    """The interquartile mean of latency in each third of the window, by when requests were meant to start; at first it
    was the median."""
    beside: Beside | None = None
    """Of a mixed load with its neighbours; they are in no other figure here but the accounts."""
    bins: list[Bin] = Field(default_factory=list)
    """Of a burst."""
    bin_s: Amount = 0.0
    """How long each of these is: what a recovery time can be told to."""
    stolen_share: Amount | None = None
    """Of the time of all the machine's cores in the window: what a hypervisor gave to others. None where a system does
    not tell."""
    disturbance: str = ""
    """What came from outside and spoilt the trial, as a stop from the web UI."""

    @property
    def sent(self) -> int:
        """Every request of the trial, warm-up and neighbours included."""
        others = self.beside.warmup.sent + self.beside.measured.sent if self.beside else 0
        return self.warmup.sent + self.measured.sent + others
