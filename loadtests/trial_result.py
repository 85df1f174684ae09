"""From what the processes of a trial recorded to the trial's record."""

import os
from dataclasses import dataclass
from datetime import datetime

from loadtests.arrivals import schedule_ns
from loadtests.recorder import BIN_S, Recorder, Window
from loadtests.share_runner import ShareResult
from waitbench.records.spec import TrialSpec
from waitbench.records.trial import Arrivals, Generator, Neighbours, RemoteReading, ServiceReading, TrialRecord, Usage


@dataclass(frozen=True)
class Observed:  # 15 fields: everything about a trial that is not a request
    """All observations of a trial except its requests."""

    spec: TrialSpec
    started_at: datetime
    begin_ns: int
    """When the warm-up began, on the clock of time.perf_counter_ns."""
    window: Window
    drain_s: float
    spawn_s: float
    """How long Locust took to start all users."""
    users: int
    """How many users were started."""
    users_changed: bool
    """Whether Locust had another number of users at the end of the window."""
    in_flight_afterwards: int
    """Requests that the service still had in flight after the trial."""
    losses: list[str]
    """A sentence for each process that was lost."""
    cores: list[int]
    foreign_share: float | None
    steal_share: float | None
    usage: Usage[ServiceReading]
    upstream: Usage[RemoteReading]


def trial_record(observed: Observed, results: list[ShareResult]) -> TrialRecord:
    """The record of one trial, from the results of all processes that generated its load."""
    spec, window = observed.spec, observed.window
    recorder = merged([result.recorder for result in results])
    warmup, measured, drained = recorder.phases(window)
    return TrialRecord(
        spec=spec,
        started_at=observed.started_at,
        window_s=(window.end_ns - window.begin_ns) / 1e9,
        window_offset_s=(window.begin_ns - observed.begin_ns) / 1e9,
        drain_s=observed.drain_s,
        warmup=warmup,
        measured=measured,
        gathered=recorder.gathered(),
        drained=drained,
        latency=recorder.latency(window),
        thirds_iqm_us=recorder.thirds_iqm_us(window),
        arrivals=_arrivals(recorder, spec, window) if spec.load_model == "open" else None,
        connects=recorder.connects(),
        occupancy=recorder.occupancy(window),
        spanning=recorder.spanning(window),
        longest_silence_s=recorder.longest_silence_s(window),
        timeline=recorder.timeline(),
        generator=_generator(observed, results),
        usage=observed.usage,
        upstream=observed.upstream,
        neighbours=_neighbours(results, window),
        bins=recorder.bins(window) if spec.stages else [],
        bin_s=BIN_S if spec.stages else 0.0,
        steal_share=observed.steal_share,
        disturbance=_disturbance(observed, results),
    )


def merged(recorders: list[Recorder]) -> Recorder:
    """All requests of all processes, as if one had sent them."""
    if len(recorders) == 1:
        return recorders[0]
    total = Recorder()
    for recorder in recorders:
        total.add_packed(recorder.packed())
    return total


def _neighbours(results: list[ShareResult], window: Window) -> Neighbours | None:
    """The record of a mixed load's neighbours."""
    recorders = [result.beside for result in results if result.beside]
    if not recorders:
        return None
    recorder = merged(recorders)
    warmup, measured, _ = recorder.phases(window)
    return Neighbours(warmup=warmup, measured=measured, shed=recorder.shed_in(window), latency=recorder.latency(window))


def _arrivals(recorder: Recorder, spec: TrialSpec, window: Window) -> Arrivals:
    """With the number that the schedule has for the window: an arrival that was forgotten would be nowhere."""
    opens_ns = window.begin_ns - recorder.begin_ns
    scheduled = sum(offset >= opens_ns for offset in schedule_ns(spec))
    return recorder.arrivals(window).model_copy(update={"scheduled": scheduled})


def _generator(observed: Observed, results: list[ShareResult]) -> Generator:
    usages = [result.usage for result in results]
    return Generator(
        cpu_share=_busiest([usage.cpu_share for usage in usages]),
        lag_p99_ms=max(usage.lag_p99_ms for usage in usages),
        lag_max_ms=max(usage.lag_max_ms for usage in usages),
        rss_bytes=sum(usage.rss_bytes for usage in usages),
        processes=len(usages),
        spawn_s=observed.spawn_s,
        cores=observed.cores,
        foreign_share=observed.foreign_share,
    )


def _busiest(shares: list[float]) -> float:
    """The busiest process's share of a core; the average where processes have to share their cores and it is higher."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else len(shares)
    return max(*shares, sum(shares) / cores) if len(shares) > 1 else shares[0]


def _disturbance(observed: Observed, results: list[ShareResult]) -> str:
    """The worst thing that came from outside, in a sentence; "" if there was none."""
    lost = sum(result.lost for result in results)
    joined = sum(result.joined for result in results)
    users, held = observed.users, observed.in_flight_afterwards
    found = [
        *observed.losses,
        f"{lost} requests never ended, not even by their timeout" if lost else "",
        "users were started or stopped from outside" if observed.users_changed else "",
        # Users from outside leave requests behind even if as many left as came.
        f"{joined} users took part instead of {users}: some came from outside" if joined != users else "",
        f"the service still had {held} requests in flight when the trial was over" if held else "",
    ]
    return next(filter(None, found), "")
