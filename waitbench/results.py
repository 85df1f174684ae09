"""The files of a run, and nothing else: what is in them, how they are read and written.

    <run>/run.json                what was planned, on what, with which budgets; rewritten when the run ends
    <run>/trials/*.json           one file a trial, written once, when it ends
    <run>/live.json               what is going on, for whoever watches; gone when the run ends

Times are in seconds unless the name says otherwise; latencies are in microseconds.
"""

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, model_validator

from waitbench.bounded import MIB, Unreadable, read_bounded
from waitbench.errors import Unwritable, WaitbenchError
from waitbench.words import load_words
from waitbench.wrong import first_fault

SCHEMA_VERSION = 2
UNWRITABLE_CODE = 74
"""The generator's exit code where it can't write a trial down (EX_IOERR of sysexits.h): it has no other way to say
so."""
TRIAL_MAX, RUN_MAX, LIVE_MAX = 16 * MIB, 64 * MIB, MIB
"""Bytes of a file: a trial of an hour with a burst has less than one MiB, a plan of 10,000 trials less than 20."""

_T = TypeVar("_T", bound=BaseModel)

Status = Literal["running", "complete", "interrupted", "failed"]
Count = Annotated[int, Field(ge=0, le=2**53)]
"""Also whole microseconds, and bytes. A larger one is not exact in every program that reads JSON."""
Amount = Annotated[float, Field(ge=0, le=1e15)]
Above = Annotated[float, Field(gt=0, le=1e9)]
Params = dict[str, Annotated[int, Field(ge=-(2**53), le=2**53)]]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\.json$", max_length=255)]
"""Of a file in trials/: it leads nowhere else."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class _Versioned(_Record):
    schema_version: int


class Exchange(_Record):
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


class Stage(_Record):
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
    profile: list[Stage] = []
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


class Proof(_Record):
    """What was seen of one workload's calls at once, before any load: whether they overlap as their model says."""

    good: bool
    calls: Count
    held: Count
    """The most that the service had in hand at once, by its own count."""
    rounds: Amount
    """As how many calls one after the other all took."""
    says: str = ""
    """What is wrong, in a sentence; "" where all is well."""


class Target(_Record):
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
    budget: dict[str, Count] = {}
    budget_read: dict[str, Count] | None = None
    """The budget read back from the running service; None before it was asked, and for an external one."""
    proofs: dict[str, Proof] = {}
    """Of each workload that was asked for and can be tried."""
    info: dict[str, Any] = {}

    def serves(self, workload: str) -> bool:
        return self.workloads is None or workload in self.workloads


class RunRecord(_Record):
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
    environment: dict[str, Any] = {}
    trials: list[TrialSpec]
    left_out: dict[str, str] = {}
    """What the plan names and this run could not have, and why."""
    searching: bool = False
    """More trials may follow: which ones depends on those so far."""


class Phase(_Record):
    """Requests by when they were sent. `errors` by class."""

    good: Count = 0
    errors: dict[str, Count] = {}

    @property
    def failed(self) -> int:
        return sum(self.errors.values())

    @property
    def sent(self) -> int:
        return self.good + self.failed


class Latency(_Record):
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
        from waitbench.latency import disagreement  # numpy, which a listing does without

        if fault := disagreement(self.histogram, self.count, self.sum_us, self.min_us, self.max_us):
            raise ValueError(fault)
        return self


class Arrivals(_Record):
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


class Connects(_Record):
    """Connections made in a whole trial, and how long it took from the first packet until each was there."""

    made: Count
    p50_us: Count | None
    p99_us: Count | None
    max_us: Count | None


class Second(_Record):
    """What ended in one second of a trial, counted from the start of its warm-up."""

    second: Count
    good: Count
    errors: Count
    p50_us: Count | None
    p99_us: Count | None


class Bin(_Record):
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


class Beside(_Record):
    """What became of the neighbours of a mixed load."""

    warmup: Phase
    measured: Phase
    shed: Count
    """In the window."""
    latency: Latency | None


class Generator(_Record):
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
    cores: list[Count] = []
    """Numbers of its cores, with those of the run's other processes that may use one of these."""
    foreign_share: Amount | None = None
    """Processor time on these cores, from the beginning of the warm-up to the end of the drain, that went to processes
    which are no part of the run: 0.5 is half of one core. None where they cannot be told apart (in containers)."""


class Usage(_Record):
    """The service's own figures at four moments; None where the service gave none."""

    before: dict[str, Amount] | None = None
    window_start: dict[str, Amount] | None = None
    window_end: dict[str, Amount] | None = None
    after: dict[str, Amount] | None = None


class TrialRecord(_Record):
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
    bins: list[Bin] = []
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


class Live(_Record):
    """What the generator is doing, written twice a second."""

    at: float
    """Unix time of writing."""
    done: int
    total: int
    trial: str = ""
    phase: str = ""
    rate: float = 0.0
    """Good answers per second, over the last half."""
    p99_ms: float | None = None
    errors: int = 0
    left_s: float = 0.0
    finished: bool = False
    failure: str = ""
    """Why the generator gave up."""


@dataclass(frozen=True)
class Damaged:
    """A trial whose file is there and cannot be used."""

    spec: TrialSpec
    why: str
    """With the file in its run folder, the field and what to do, on one line."""


class RunFolder:
    """The one place that knows where a run's files are."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.trials = path / "trials"
        self._run = path / "run.json"
        self._live = path / "live.json"

    def write_run(self, run: RunRecord) -> None:
        _write(self._run, run)

    def read_run(self) -> RunRecord:
        """Raises WaitbenchError where there is no run, or where its parts do not agree."""
        from waitbench.agreement import run_fault

        if not os.path.exists(self._run):  # Path.exists raises where a name is too long
            raise WaitbenchError(f"{self.path} is no run folder: it has no run.json. Runs are folders in results/")
        return _read(self._run, RunRecord, RUN_MAX, run_fault)

    def write_trial(self, trial: TrialRecord) -> None:
        _write(self.trials / trial.spec.file, trial)

    def has_trial(self, spec: TrialSpec) -> bool:
        return (self.trials / spec.file).exists()

    def read_trials(self, run: RunRecord) -> list[TrialRecord]:
        """The finished trials, in the order planned. Raises WaitbenchError where one is damaged."""
        return [self.read_trial(spec) for spec in run.trials if self.has_trial(spec)]

    def sort_trials(self, planned: Iterable[TrialSpec]) -> tuple[list[TrialRecord], list[Damaged]]:
        """Those of some planned trials that are finished, and apart from them those whose files are damaged."""
        whole, damaged = [], []
        for spec in planned:
            if not self.has_trial(spec):
                continue
            try:
                whole.append(self.read_trial(spec))
            except WaitbenchError as error:
                damaged.append(Damaged(spec, str(error).removeprefix(f"{self.path}{os.sep}")))
        return whole, damaged

    def planned(self) -> list[TrialSpec]:
        """The trials of the run; none where it has not begun."""
        return self.read_run().trials if self._run.is_file() else []

    def read_trial(self, spec: TrialSpec) -> TrialRecord:
        """Raises WaitbenchError where the file is damaged, or is another trial's."""
        from waitbench.agreement import spec_difference, trial_fault

        return _read(
            self.trials / spec.file,
            TrialRecord,
            TRIAL_MAX,
            lambda trial: spec_difference(trial.spec, spec) or trial_fault(trial),
        )

    def write_live(self, live: Live) -> None:
        _write(self._live, live)

    def read_live(self) -> Live | None:
        try:
            return Live.model_validate_json(read_bounded(self._live, LIVE_MAX))
        except (Unreadable, ValidationError):
            return None

    def drop_live(self) -> None:
        with suppress(OSError):  # no reason to end without a report
            self._live.unlink(missing_ok=True)


def now() -> datetime:
    return datetime.now(UTC)


def _write(path: Path, record: BaseModel) -> None:
    try:
        write_whole(path, record.model_dump_json(indent=1) + "\n")
    except OSError as error:
        raise Unwritable.because(path, error) from None


def write_whole(path: Path, text: str) -> None:
    """Whole or not at all: a reader, or a kill in the middle, never meets half a file. Makes its folder.

    Raises OSError, and then leaves what was there before.
    """
    draft = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(exist_ok=True)
        draft.write_text(text, encoding="utf-8")
        os.replace(draft, path)
    except OSError:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise


def _read(path: Path, record: type[_T], limit: int, fault: Callable[[_T], str]) -> _T:
    try:
        raw = read_bounded(path, limit)
        version = _Versioned.model_validate_json(raw).schema_version
        if version != SCHEMA_VERSION:
            raise WaitbenchError(
                f"{path} has schema version {version}; this waitbench reads {SCHEMA_VERSION}. "
                "Report the run with the waitbench that made it"
            )
        found = record.model_validate_json(raw, strict=True)
    except Unreadable as error:
        raise WaitbenchError(f"{path} cannot be read: {error}. {_ADVICE}") from None
    except ValidationError as error:
        raise WaitbenchError(f"{path} is damaged: {first_fault(error)}. {_ADVICE}") from None
    if what := fault(found):
        raise WaitbenchError(f"{path} is damaged: {what}. {_ADVICE}")
    return found


_ADVICE = "Restore it, or remove it: a missing trial is reported as missing"
