"""Made-up trials of mixed loads and bursts."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tests.made_up import runs
from waitbench.catalog.workloads import WORKLOADS
from waitbench.records.load_point import Burst, Mixed, Stage
from waitbench.records.spec import TrialSpec
from waitbench.records.trial import Bin, Neighbours, Phase, Second, TrialRecord

CPU = {"ksteps": 200}
SHARE = 0.1
CALM_OVERLOAD_CALM = (Stage(rate=100, seconds=4), Stage(rate=400, seconds=3), Stage(rate=100, seconds=8))
BIN_S = 0.25
WARMUP_S = 1.0


def mixed_spec(
    variant: str = "flask-threads", alone: bool = False, repeat: int = 1, of: str = "cpu",
    params: Mapping[str, int] = CPU, share: float = SHARE, load: float = 120, **changes: Any,
) -> TrialSpec:  # fmt: skip
    known: dict[str, Any] = {
        "file": f"{repeat:03d}-{variant}-mixed-{of}-{load:g}rps{'-alone' if alone else ''}.json",
        "scenario": Mixed(workload=of, params=dict(params), share=share),
        "alone": alone,
        "load_model": "open",
        "max_in_flight": 2000,
        "neighbours": WORKLOADS[of].exchange(params),
    }
    return runs.spec(variant, "fast", {}, load, repeat, **(known | changes))


def mixed_trial(
    planned: TrialSpec,
    fast_us: Sequence[int],
    slow_us: Sequence[int] = (),
    slow_errors: Mapping[str, int] = {},
    **changes: Any,
) -> TrialRecord:
    """A mixed trial with the latencies of its fast requests and, unless it is alone, of its neighbours."""
    phase = Phase(good=len(slow_us), errors=dict(slow_errors))
    latency = runs.latency_of(slow_us)
    neighbours = None if planned.alone else Neighbours(warmup=Phase(), measured=phase, shed=0, latency=latency)
    usage = runs.usage(len(fast_us) + (neighbours.measured.sent if neighbours else 0))
    known: dict[str, Any] = {"usage": usage, "neighbours": neighbours, "delay_p99_us": 100}
    return runs.open_trial(planned, taken_us=fast_us, **(known | changes))


def mixed_trials(latencies_ms: Mapping[str, Sequence[tuple[float, float]]], count: int = 1000) -> list[TrialRecord]:
    """Mixed trials from the latencies of the fast path, alone and with neighbours, by contender and repeat."""
    made = []
    for variant, repeats in latencies_ms.items():
        for repeat, (alone_ms, beside_ms) in enumerate(repeats, 1):
            made.append(mixed_trial(mixed_spec(variant, True, repeat), [round(alone_ms * 1000)] * count))
            slow_us = [50_000] * 400
            made.append(mixed_trial(mixed_spec(variant, False, repeat), [round(beside_ms * 1000)] * count, slow_us))
    return made


def burst_spec(
    variant: str = "flask-threads", repeat: int = 1, profile: Sequence[Stage] = CALM_OVERLOAD_CALM, **changes: Any
) -> TrialSpec:
    load = max(stage.rate for stage in profile)
    known: dict[str, Any] = {
        "file": f"{repeat:03d}-{variant}-burst-wait-{load:g}rps.json",
        "scenario": Burst(stages=tuple(profile)),
        "load_model": "open",
        "max_in_flight": 2000,
        "warmup_s": WARMUP_S,
        "measure_s": sum(stage.seconds for stage in profile),
    }
    return runs.spec(variant, "wait", runs.WAIT, load, repeat, **(known | changes))


def queued(planned: TrialSpec, capacity_rps: float, wait_s: float = 0.1) -> list[tuple[float, float]]:
    """When each request of a profile is due and when it ends, as computed.

    The service handles `capacity_rps` requests per second, one after the other, and each also waits `wait_s`. Times are
    in seconds from the start of the warm-up, which has the first rate.
    """
    requests, free_s, begin_s = [], 0.0, 0.0
    stages = [Stage(rate=planned.stages[0].rate, seconds=planned.warmup_s), *planned.stages]
    for stage in stages:
        for n in range(round(stage.rate * stage.seconds)):
            due_s = begin_s + n / stage.rate
            free_s = max(due_s, free_s) + 1 / capacity_rps
            requests.append((due_s, free_s + wait_s))
        begin_s += stage.seconds
    return requests


def bins_of(requests: Sequence[tuple[float, float]], length_s: float, bin_s: float = BIN_S) -> list[Bin]:
    """The bins of requests, given as (due, ended) in seconds; `ended` is infinite for a request that failed."""
    made = []
    for n in range(math.ceil(length_s / bin_s - 1e-9)):
        due = [(d, e) for d, e in requests if n * bin_s <= d < (n + 1) * bin_s]
        taken = sorted(e - d for d, e in due)
        made.append(
            Bin(
                begin_s=n * bin_s,
                due=len(due),
                good=sum(math.isfinite(each) for each in taken),
                p50_us=_percentile_us(taken, 50),
                p90_us=_percentile_us(taken, 90),
                p99_us=_percentile_us(taken, 99),
                answered=sum(n * bin_s <= e < (n + 1) * bin_s for _, e in requests),
            )
        )
    return made


def timeline_of(requests: Sequence[tuple[float, float]]) -> list[Second]:
    """The timeline of requests, given as (due, ended), by the second in which each ended."""
    made = []
    for second in range(math.ceil(max((e for _, e in requests if math.isfinite(e)), default=0))):
        taken = sorted(e - d for d, e in requests if second <= e < second + 1)
        p50_us, p99_us = _percentile_us(taken, 50), _percentile_us(taken, 99)
        made.append(Second(second=second, good=len(taken), errors=0, p50_us=p50_us, p99_us=p99_us))
    return made


def _percentile_us(taken: Sequence[float], percent: float) -> int | None:
    if not taken:
        return None
    found = taken[math.ceil(percent / 100 * len(taken)) - 1]
    return round(found * 1e6) if math.isfinite(found) else None


def burst_of(planned: TrialSpec, requests: Sequence[tuple[float, float]], **changes: Any) -> TrialRecord:
    """The trial of a burst with these requests, given as (due, ended)."""
    length_s = planned.warmup_s + planned.measure_s
    in_window = [(d, e) for d, e in requests if planned.warmup_s <= d]
    taken_us = [round((e - d) * 1e6) for d, e in in_window if math.isfinite(e)]
    lost = len(in_window) - len(taken_us)
    warm = Phase(good=len(requests) - len(in_window))
    known: dict[str, Any] = {
        "window_s": planned.measure_s,
        "window_offset_s": planned.warmup_s,
        "warmup": warm,
        "errors": {"timeout": lost} if lost else {},
        "bins": bins_of(requests, length_s),
        "bin_s": BIN_S,
        "timeline": timeline_of(requests),
        "usage": runs.usage(len(requests)),
    }
    return runs.open_trial(planned, taken_us=taken_us, **(known | changes))


def burst_trial(variant: str = "flask-threads", repeat: int = 1, capacity_rps: float = 200) -> TrialRecord:
    """A trial of a service with this capacity; the default is enough for the calm, but not for the overload."""
    planned = burst_spec(variant, repeat)
    return burst_of(planned, queued(planned, capacity_rps))
