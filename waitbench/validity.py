"""What makes a trial's number count. Every rule that speaks leaves a record: what it saw, and what to do."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from waitbench import latency, recovery
from waitbench.check import EARLY_MS, differences
from waitbench.results import Arrivals, Phase, Target, TrialRecord
from waitbench.workloads import WORKLOADS, Ceiling, ceiling

ERROR_SHARE = 0.001
LITTLE = 0.05
OVER_CEILING = 1.02
AT_CEILING = 0.95
GENERATOR_CPU = 0.90
LAG_MS = 10.0
LAG_SHARE = 0.10
"""Of the median latency: a late generator is forgiven where it is small beside what it measures."""
SHED_SHARE = 0.001
"""Of the arrivals meant for the window. Shed ones would have been the slowest: more of them and p99 is not the p99."""
ACHIEVED = 0.99
"""Of the arrivals meant for the window, at least so many have to come back in it, give or take chance."""
DRIFT_NOTE, DRIFT = 0.20, 0.50
"""How far the median latency may move from the first third of the window to the last, of the lesser of the two."""
DRIFT_MS = 5.0
"""A median that moves by less than this does not drift: timers and neighbours do as much."""
DRIFT_MIDDLE = (0.2, 1.2)
"""Where the middle third has to stand between the first and the last, for it to be a way from one to the other."""
DRIFT_SAMPLES = 90
FROM_DISK = 0.99
"""Of the bytes that a disk's good answers are made from."""
UPSTREAM_CPU = 0.90
UPSTREAM_LAG_MS = 250.0


@dataclass(frozen=True)
class Reason:
    """`invalid`: the number does not count. `note`: it does, and the reader should know."""

    code: str
    weight: Literal["invalid", "note"]
    text: str
    advice: str = ""


def ceiling_of(trial: TrialRecord, target: Target) -> Ceiling | None:
    """Of what is measured: of a mixed load without the neighbours, of a burst whatever its rate at the time."""
    spec = trial.spec
    users = spec.users if spec.load_model == "closed" else None
    rate = spec.load * (1 - spec.beside.share if spec.beside else 1)
    offered = rate if spec.load_model == "open" and spec.scenario != "burst" else None
    return ceiling(WORKLOADS[spec.workload], spec.params, target.budget_read or target.budget, users, offered)


def goodput_rps(trial: TrialRecord) -> float:
    """Good answers to requests sent in the window, per second of it."""
    return trial.measured.good / trial.window_s


def reasons(trial: TrialRecord, target: Target) -> list[Reason]:
    """All that is to be said of one trial. A burst is more than a service can do, on purpose: what follows from that
    spoils nothing."""
    return [
        *_disturbed(trial),
        *_errors(trial),
        *_budget(target),
        *_overlap(trial, target),
        *_accounts(trial),
        *_little(trial),
        *_ceiling(trial, target),
        *_arithmetic(trial),
        *_drift(trial),
        *_generator(trial),
        *_arrivals(trial),
        *_upstream(trial),
        *_disk(trial),
        *_calm(trial),
        *_neighbours(trial),
    ]


def _disturbed(trial: TrialRecord) -> Iterator[Reason]:
    if trial.disturbance:
        advice = "see locust.log and the service's own; leave the web UI's buttons alone while a run is on"
        yield Reason("disturbed", "invalid", trial.disturbance, advice)


def _errors(trial: TrialRecord) -> Iterator[Reason]:
    sent, failed = trial.measured.sent, trial.measured.failed
    if sent == 0:
        yield Reason("no-requests", "invalid", "nothing was sent in the window", "measure for longer")
    elif failed / sent > ERROR_SHARE and trial.spec.scenario != "burst":
        yield Reason(
            "errors",
            "invalid",
            f"{failed / sent:.2%} of {sent} requests failed: {_classes(trial.measured)}",
            "see the service's log; lower the load",
        )


def _classes(phase: Phase) -> str:
    return ", ".join(f"{count} × {kind}" for kind, count in phase.errors.items())


def _budget(target: Target) -> Iterator[Reason]:
    if target.budget_read is None:
        return
    for name, declared, found in differences(target.budget, target.budget_read):
        yield Reason(
            "budget",
            "invalid",
            f"{name}: declared {declared}, running with {found}",
            "mend services/variants.toml or the service",
        )


def _overlap(trial: TrialRecord, target: Target) -> Iterator[Reason]:
    """Of every workload that the trial asks for; one that was not proven says nothing of the others."""
    neighbours = trial.spec.beside
    for name in dict.fromkeys([trial.spec.workload, *([neighbours.workload] if neighbours else [])]):
        proof = target.proofs.get(name)
        if proof and not proof.good:
            yield Reason(
                "overlap",
                "invalid",
                f"{name}: {proof.says}",
                "something blocks: an unpatched library, a blocking call on the loop, a pool too small",
            )


def _accounts(trial: TrialRecord) -> Iterator[Reason]:
    """Every request sent has to be one that the service says it answered."""
    before, after = trial.usage.before, trial.usage.after
    if not trial.spec.instrumented:
        return
    if before is None or after is None:
        yield Reason("accounts", "invalid", "the service did not give its own count", "it may have died; see its log")
        return
    answered = int(after["requests_answered"] - before["requests_answered"])
    if answered != trial.sent:
        yield Reason(
            "accounts",
            "invalid",
            f"{trial.sent} requests sent, {answered} answered by the service's own count",
            "see the errors by class",
        )


def _little(trial: TrialRecord) -> Iterator[Reason]:
    """Little's law: users = rate x mean latency. Off means that users idled, or that latency is not what it says.

    Taken exactly, as requests under way on average over the window: by rate and mean latency alone, a window cuts each
    user's first and last request at its edges, one latency in the whole window at most, and so much would have to be
    allowed on top. Files of earlier versions have no more.
    """
    failed = trial.measured.failed > ERROR_SHARE * trial.measured.sent  # then the errors rule has spoken
    if trial.latency is None or failed or trial.spec.load_model == "open":
        return
    mean_s = trial.latency.sum_us / trial.latency.count / 1e6
    in_flight, allowed = trial.measured.sent / trial.window_s * mean_s, LITTLE + mean_s / trial.window_s
    if trial.occupancy is not None:
        in_flight, allowed = trial.occupancy, LITTLE
    off = abs(in_flight / trial.spec.load - 1)
    if off > allowed:
        yield Reason(
            "littles-law", "invalid",
            f"rate x mean latency gives {in_flight:.1f} in flight for {trial.spec.load} users ({off:.0%} off)",
            "the generator had no time for all its users, or the window is too short for waits this long",
        )  # fmt: skip


def _ceiling(trial: TrialRecord, target: Target) -> Iterator[Reason]:
    allowed = ceiling_of(trial, target)
    if trial.spec.scenario == "burst":  # of which answers to a queue may come after the window
        yield from _cut_short(trial)
        return
    if allowed is None:
        return
    if allowed.limit == "rate" and trial.arrivals:
        # Random arrivals are not always as many as the rate says: what counts is how many were meant.
        if trial.measured.good > trial.arrivals.intended:
            yield Reason("over-ceiling", "invalid", "more answers than arrivals", "a bug in the recorder: report it")
        return
    share = goodput_rps(trial) / allowed.rps
    # A window may begin and end with a wave of users: one wait of the window is not the service's doing.
    edge = WORKLOADS[trial.spec.workload].wait_s(trial.spec.params) / trial.window_s
    if share > OVER_CEILING + edge:
        yield Reason(
            "over-ceiling",
            "invalid",
            f"{share:.0%} of what arithmetic allows: the wait was skipped",
            "run `waitbench check`",
        )
    elif cut := list(_cut_short(trial)):
        yield from cut
    elif share >= AT_CEILING:
        yield Reason(
            "ceiling-bound",
            "note",
            f"at {min(share, 1):.0%} of the ceiling set by {allowed.limit}: true, and ranks nothing",
        )


def _cut_short(trial: TrialRecord) -> Iterator[Reason]:
    if trial.latency and trial.spec.body is not None and trial.latency.min_us / 1e6 < _least_s(trial):
        yield Reason(
            "over-ceiling",
            "invalid",
            f"an answer came after {trial.latency.min_us / 1000:.1f} ms: its wait was cut short",
            "run `waitbench check`",
        )


def _least_s(trial: TrialRecord) -> float:
    return WORKLOADS[trial.spec.workload].wait_s(trial.spec.params) - EARLY_MS / 1000


def _arithmetic(trial: TrialRecord) -> Iterator[Reason]:
    """The mean of a sample is at most 99 % of it at p99 and 1 % of it at the maximum."""
    if trial.latency is None:
        return
    p99 = latency.percentile_us(latency.merged([trial.latency.histogram]), 99)
    mean = trial.latency.sum_us / trial.latency.count
    if mean > (0.99 * p99 + 0.01 * trial.latency.max_us) * 1.01:
        yield Reason(
            "arithmetic",
            "invalid",
            f"mean {mean:.0f} µs cannot be with p99 {p99} µs",
            "a bug in the recorder: please report it",
        )


def _drift(trial: TrialRecord) -> Iterator[Reason]:
    """A median that goes one way within the window is of no steady state, and would be another in a longer window
    (Barrett and others 2017 found that many runs never reach one)."""
    first, middle, last = trial.thirds_p50_us or [None] * 3
    if trial.spec.scenario == "burst":
        return
    if first is None or middle is None or last is None:
        return
    if trial.latency is None or trial.latency.count < DRIFT_SAMPLES or abs(last - first) / 1000 <= DRIFT_MS:
        return
    low, high = DRIFT_MIDDLE
    moved = abs(last - first) / min(first, last)
    if moved <= DRIFT_NOTE or not low <= (middle - first) / (last - first) <= high:
        return
    said = f"the median latency went from {first / 1000:.0f} to {last / 1000:.0f} ms within the window"
    if moved > DRIFT:
        yield Reason(
            "drift", "invalid", said, "the service does not keep up, or warms up: lower the load or raise warmup_s"
        )
    else:
        yield Reason("drift", "note", said)


def _generator(trial: TrialRecord) -> Iterator[Reason]:
    generator = trial.generator
    if generator.cpu_share > GENERATOR_CPU:
        yield Reason(
            "generator-cpu", "invalid",
            f"the generator used {generator.cpu_share:.0%} of its core: it may have been the limit",
            "lower the load",
        )  # fmt: skip
    median_ms = latency.percentile_us(latency.merged([trial.latency.histogram]), 50) / 1000 if trial.latency else 0.0
    if generator.lag_p99_ms > max(LAG_MS, LAG_SHARE * median_ms):
        yield Reason(
            "generator-lag", "invalid", f"the generator ran {generator.lag_p99_ms:.1f} ms late (p99)",
            "lower the load, or give it a quieter core",
        )  # fmt: skip


def _arrivals(trial: TrialRecord) -> Iterator[Reason]:
    """An open loop has to send what it meant to send, when it meant to."""
    arrivals = trial.arrivals
    if arrivals is None:
        return
    if arrivals.scheduled is not None and arrivals.scheduled != arrivals.intended:
        yield Reason(
            "rate",
            "invalid",
            f"{arrivals.intended} of {arrivals.scheduled} scheduled arrivals were sent or shed; the others are nowhere",
            "the generator failed: see locust.log in the run's folder",
        )
    elif trial.spec.scenario == "burst":
        pass  # it sheds and falls behind: that is what it is for
    elif (counted := _shed(trial, arrivals))[0] > SHED_SHARE * counted[1]:
        yield Reason(
            "rate",
            "invalid",
            f"{counted[0]} of {counted[1]} arrivals were shed: {trial.spec.max_in_flight} were under way",
            "the service does not keep up with this rate; lower it, or raise max_in_flight",
        )
    elif _behind(trial, arrivals):
        yield Reason(
            "rate",
            "invalid",
            f"{arrivals.ended} answers came back in the window while {arrivals.intended} requests were meant to go out",
            "the service does not keep up with this rate; lower it",
        )
    delay_ms = (arrivals.delay_p99_us or 0) / 1000
    if delay_ms > LAG_MS:
        yield Reason(
            "dispatch-delay",
            "invalid",
            f"the generator sent {delay_ms:.1f} ms late (p99)",
            "lower the rate, or give it a quieter core",
        )


def _shed(trial: TrialRecord, arrivals: Arrivals) -> tuple[int, int]:
    """How many of how many arrivals, neighbours included: the limit in flight is for both."""
    if trial.beside is None:
        return arrivals.shed, arrivals.intended
    beside = trial.beside
    return arrivals.shed + beside.shed, arrivals.intended + beside.measured.sent + beside.shed


def _behind(trial: TrialRecord, arrivals: Arrivals) -> bool:
    """Whether fewer came back than went out by more than chance: how many are under way at either edge of the window
    varies like a Poisson number, with rate x latency as its mean (Little's law), and so does the difference."""
    if arrivals.ended is None or trial.latency is None:
        return False
    # Of the first third: a queue that grows must not excuse itself.
    median_us = next(filter(None, trial.thirds_p50_us), trial.latency.min_us)
    under_way = arrivals.intended / trial.window_s * median_us / 1e6
    return arrivals.ended < ACHIEVED * arrivals.intended - 3 * math.sqrt(2 * under_way)


def _upstream(trial: TrialRecord) -> Iterator[Reason]:
    """The remote API must never be the limit."""
    begin, end = trial.upstream.window_start, trial.upstream.window_end
    if begin is None or end is None:
        if trial.spec.uses_upstream:
            yield Reason(
                "upstream-limit", "invalid", "the remote API did not give its own figures within the window",
                "it may have been overloaded, or died: lower the load, and see its log",
            )  # fmt: skip
        return
    share = (end["cpu_s"] - begin["cpu_s"]) / (end["monotonic_s"] - begin["monotonic_s"])
    lag_ms = end["loop_lag_ms"]
    if share > UPSTREAM_CPU or lag_ms > UPSTREAM_LAG_MS:
        yield Reason(
            "upstream-limit", "invalid",
            f"the remote API used {share:.0%} of a core and ran up to {lag_ms:.0f} ms late",
            "lower the load: the remote API was part of the limit",
        )  # fmt: skip


def _disk(trial: TrialRecord) -> Iterator[Reason]:
    """What a disk answers it has to have read: pages that were still in memory would make it quick."""
    asked = _disk_bytes(trial)
    if not asked or not trial.spec.instrumented:
        return
    before, after = trial.usage.before or {}, trial.usage.after or {}
    if "disk_read_bytes" not in before or "disk_read_bytes" not in after:
        advice = "see the service's log, and whether /proc/PID/io can be read where it runs"
        yield Reason("disk", "invalid", "the service did not tell what it read from the disk", advice)
        return
    share = (after["disk_read_bytes"] - before["disk_read_bytes"]) / asked
    if share < FROM_DISK:
        yield Reason(
            "disk",
            "invalid",
            f"{share:.0%} of what was answered was read from the disk: it came from memory, not from the disk",
            "WAITBENCH_SCRATCH_DIR has to be on a real disk, not in memory",
        )


def _disk_bytes(trial: TrialRecord) -> int:
    """Of the good answers of the whole trial, warm-up and neighbours included: one that failed need not have read."""
    asked = [(trial.spec.workload, trial.spec.params, (trial.warmup, trial.measured))]
    if trial.spec.beside and trial.beside:
        asked.append(
            (trial.spec.beside.workload, trial.spec.beside.params, (trial.beside.warmup, trial.beside.measured))
        )
    return sum(
        sum(phase.good for phase in phases) * params["kib"] * 1024 for name, params, phases in asked if name == "disk"
    )


def _calm(trial: TrialRecord) -> Iterator[Reason]:
    """Whether a burst has a calm to recover to."""
    if trial.spec.scenario != "burst":
        return
    calm = recovery.within(trial, recovery.calm_span(trial.spec))
    failed, well = recovery.calm_error_share(trial), recovery.calm_well_share(trial)
    said = ""
    if not any(each.due for each in calm):
        said = "nothing was due in the calm before the overload"
    elif failed > ERROR_SHARE:
        said = f"{failed:.2%} of the requests in the calm failed or were shed"
    elif well < recovery.CALM_SHARE:
        said = f"only {well:.0%} of the calm is as quick as a recovered service would have to be"
    if said:
        advice = "the calm has to be one that the service takes with ease: lower its rate, or make it longer"
        yield Reason("calm", "invalid", said, advice)


def _neighbours(trial: TrialRecord) -> Iterator[Reason]:
    """They are not what is measured, but they have to be there."""
    if trial.spec.beside is None or trial.spec.alone:
        return
    measured = trial.beside.measured if trial.beside else Phase()
    if measured.sent == 0:
        advice = "measure for longer, or raise share"
        yield Reason("neighbours", "invalid", "no neighbour was sent in the window", advice)
    elif measured.failed / measured.sent > ERROR_SHARE:
        said = f"{measured.failed / measured.sent:.2%} of {measured.sent} neighbours failed: {_classes(measured)}"
        yield Reason("neighbours", "note", said)
