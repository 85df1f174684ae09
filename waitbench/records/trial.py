"""One trial as measured."""

from datetime import datetime
from typing import Annotated, Generic, TypeVar

from pydantic import AliasChoices, Field, model_validator

from waitbench.records.fields import SCHEMA_VERSION, Above, Amount, Count, Record
from waitbench.records.spec import TrialSpec


class Phase(Record):
    """Requests that were sent in one phase of a trial. `errors` counts them by class."""

    good: Count = 0
    errors: dict[str, Count] = Field(default_factory=dict)

    @property
    def failed(self) -> int:
        return sum(self.errors.values())

    @property
    def sent(self) -> int:
        return self.good + self.failed


class Latency(Record):
    """Latencies of the good responses and timeouts of the window, in microseconds.

    They count from the send (closed loop) or the intended start (open loop) to the last byte.
    """

    histogram: str
    """HdrHistogram V2, compressed, base64; 1 µs to 10 min, 3 significant digits."""
    count: Annotated[Count, Field(ge=1)]
    sum_us: Count
    min_us: Count
    max_us: Count

    @model_validator(mode="after")
    def _as_its_histogram(self) -> "Latency":
        from waitbench.records.histogram import disagreement  # imports numpy, which a listing does not need

        if fault := disagreement(self.histogram, self.count, self.sum_us, self.min_us, self.max_us):
            raise ValueError(fault)
        return self


class Arrivals(Record):
    """The arrivals that an open loop intended for the window, and how they ended."""

    intended: Count
    scheduled: Count | None = None
    """Arrivals by the schedule alone. Equal to `intended`, unless the generator forgot some."""
    shed: Count
    """Arrivals not sent, because `max_in_flight` requests were in flight."""
    shed_warmup: Count
    ended: Count | None = None
    """Requests of any phase that ended in the window, to compare with the arrivals intended for it."""
    delay_p50_us: Count | None
    """Dispatch delay, the generator's own lateness: actual send minus intended start."""
    delay_p99_us: Count | None
    delay_max_us: Count | None
    service_time: Latency | None
    """From the actual send, for comparison. It excludes the generator's lateness, and so cannot show it."""


class Connects(Record):
    """Connections made in a whole trial, and the time from the first packet until each was established."""

    made: Count
    p50_us: Count | None
    p99_us: Count | None
    max_us: Count | None


class Second(Record):
    """Requests that ended in one second of a trial. Seconds count from the start of its warm-up."""

    second: Count
    good: Count
    errors: Count
    p50_us: Count | None
    p99_us: Count | None


class Bin(Record):
    """A short part of a burst, finer than a second. Its figures are of the requests due in it, whenever they ended."""

    begin_s: Amount
    """From the start of the warm-up."""
    due: Count
    good: Count
    p50_us: Count | None
    """From the intended start. Failed or shed requests count as longest; None if the percentile is one of those."""
    p90_us: Count | None
    p99_us: Count | None
    answered: Count
    """Good responses that ended in it, whenever they were due."""


class Neighbours(Record):
    """The results of the neighbours of a mixed load."""

    warmup: Phase
    measured: Phase
    shed: Count
    """Arrivals shed in the window."""
    latency: Latency | None


class Generator(Record):
    """The load generator's own figures in the window."""

    cpu_share: Amount
    """CPU time as a share of one core."""
    lag_p99_ms: Amount
    """How late the generator's loop ran a 10 ms timer, 99th percentile."""
    lag_max_ms: Amount
    spawn_s: Amount
    """How long it took to start every user."""
    rss_bytes: Count
    processes: Count = 1
    """Locust workers that generated the load. The figures above are those of the busiest and of the latest worker;
    memory is the sum of all."""
    cores: list[Count] = Field(default_factory=list)
    """Numbers of its cores, and of the cores of the run's other processes that may use one of these."""
    foreign_share: Amount | None = None
    """CPU time on these cores of processes that are not part of the run: 0.5 is half of one core. It covers the time
    from the start of the warm-up to the end of the drain. None if they cannot be distinguished (in containers)."""


class Reading(Record):
    """The figures that a process reports of itself at one moment."""

    monotonic_s: Amount
    """On the clock of the machine, which all processes share."""
    cpu_s: Amount
    """CPU time since it started."""


class ServiceReading(Reading):
    """The response of a service to /usage, summed over its processes. Counts and bytes are since it started."""

    requests_answered: Amount
    peak_in_flight: Amount
    """Since the last reset, as `peak_rss_bytes`."""
    rss_bytes: Amount
    peak_rss_bytes: Amount
    requests_started: Amount | None = None
    in_flight: Amount | None = None
    processes: Amount | None = None
    disk_read_bytes: Amount | None = None
    """None if the system does not report it."""
    cores: Amount | None = None
    """How many cores the service may use."""
    cores_free_s: Amount | None = None
    """The time, summed over these cores, that they were idle. None in files of earlier versions."""


class RemoteReading(Reading):
    """The response of the remote API to /usage."""

    loop_lag_ms: Amount
    """How late its loop ran at most since the last reading."""
    database_late_s: Amount | None = None
    """How late small queries ended in total, beyond the time that each may take. None if it does not watch the
    database."""


R = TypeVar("R", bound=Reading)


class Usage(Record, Generic[R]):
    """The readings of a process at four moments of a trial; None where it reported nothing."""

    before: R | None = None
    window_start: R | None = None
    window_end: R | None = None
    after: R | None = None

    @property
    def readings(self) -> dict[str, R]:
        """The readings that there are, by their moment, in order."""
        moments = {"before": self.before, "window_start": self.window_start, "window_end": self.window_end,
                   "after": self.after}  # fmt: skip
        return {moment: reading for moment, reading in moments.items() if reading is not None}


# More than 12 fields: they mirror the keys of a trial file.
class TrialRecord(Record):
    schema_version: int = SCHEMA_VERSION
    spec: TrialSpec
    started_at: datetime
    """When the warm-up began. Schedules count from it."""
    window_s: Above
    """The actual length of the measured window."""
    window_offset_s: Amount
    """From the start of the warm-up to the start of the window."""
    drain_s: Amount
    warmup: Phase
    measured: Phase
    gathered: Phase = Phase()
    """Requests that ended before the warm-up began: each user first gets one response. `warmup` includes them."""
    drained: Count
    """The measured requests that ended after the window."""
    latency: Latency | None
    """None if no response was good and none timed out."""
    arrivals: Arrivals | None = None
    """None in a closed loop."""
    timeline: list[Second]
    generator: Generator
    usage: Usage[ServiceReading]
    upstream: Usage[RemoteReading]
    connects: Connects | None = None
    """One for each user if every response kept its connection alive."""
    occupancy: Amount | None = None
    """Requests in flight, the exact average over the window. Requests that begin before it or end after it count with
    their part in it."""
    spanning: Count | None = None
    """Requests sent before the window that ended after it. They took longer than it, and its latencies omit them."""
    longest_silence_s: Amount | None = None
    """The longest time in the window during which requests were waiting and none ended."""
    thirds_iqm_us: list[Count | None] = Field([], validation_alias=AliasChoices("thirds_iqm_us", "thirds_p50_us"))
    """The interquartile mean of latency in each third of the window, by the intended start of requests. Early versions
    stored the median."""
    neighbours: Neighbours | None = None
    """The neighbours of a mixed load. No other figure here includes them, except the totals of requests."""
    bins: list[Bin] = Field(default_factory=list)
    """The bins of a burst, in order."""
    bin_s: Amount = 0.0
    """How long each bin is: the resolution of a recovery time."""
    steal_share: Amount | None = None
    """CPU steal time, which a hypervisor gave to others, as a share of the time of all cores in the window. None if the
    system does not report it."""
    disturbance: str = ""
    """An event from outside that made the trial invalid, such as a stop from the web UI."""

    @property
    def sent(self) -> int:
        """Every request of the trial, warm-up and neighbours included."""
        others = self.neighbours.warmup.sent + self.neighbours.measured.sent if self.neighbours else 0
        return self.warmup.sent + self.measured.sent + others
