"""Made-up runs: records with figures that a reader can check, for tests that need no service.

A trial is valid by default: each user sends the next request after a response, and each response takes 110 ms for a
wait of 100 ms. So the trial is at 91 % of its theoretical maximum.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

from waitbench.analysis.comparison import Comparison, compare
from waitbench.catalog.workloads import WORKLOADS
from waitbench.records import histogram
from waitbench.records.fields import Status
from waitbench.records.folder import RunFolder
from waitbench.records.load_point import Conditions, LoadPoint, Plain, Scenario, Search
from waitbench.records.run import PlannedCell, PlannedSection, Proof, RunPlan, RunRecord, Target
from waitbench.records.spec import TrialSpec
from waitbench.records.trial import (
    Arrivals,
    Generator,
    Latency,
    Phase,
    Reading,
    RemoteReading,
    Second,
    ServiceReading,
    TrialRecord,
    Usage,
)

R = TypeVar("R", bound=Reading)
BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
WAIT = {"ms": 100}
BUDGET = {"workers": 1, "in_flight": 1000, "db_pool": 50, "upstream_connections": 1000}
TITLES = {
    "flask-threads": "Flask on threads",
    "django-gevent": "Django on gevent",
    "fastapi-asyncio": "FastAPI on asyncio",
}
GENERATOR = Generator(cpu_share=0.3, lag_p99_ms=1.0, lag_max_ms=2.0, spawn_s=0.01, rss_bytes=70 * 2**20)
PLAIN = Plain()
ANSWERED_BEFORE = 100


def spec(
    variant: str = "flask-threads",
    workload: str = "wait",
    params: Mapping[str, int] = WAIT,
    load: float = 10,
    repeat: int = 1,
    block: int | None = None,
    *,
    load_model: Literal["closed", "open"] = "closed",
    scenario: Scenario = PLAIN,
    service_cpus: int = 0,
    **changes: Any,
) -> TrialSpec:
    block = repeat if block is None else block
    conditions = Conditions(
        workload=workload, params=dict(params), load_model=load_model, scenario=scenario, service_cpus=service_cpus
    )
    known: dict[str, Any] = {
        "file": f"{block:03d}-{variant}-{workload}-{load}u.json",
        "block": block,
        "repeat": repeat,
        "variant": variant,
        "point": LoadPoint(conditions=conditions, load=load),
        "warmup_s": 1.0,
        "measure_s": 10.0,
        "timeout_s": 30.0,
        "base_url": "http://127.0.0.1:9",
        "path": WORKLOADS[workload].path(params),
        "body": WORKLOADS[workload].body(params),
        "least_s": WORKLOADS[workload].wait_s(params),
        "instrumented": True,
        "uses_upstream": workload == "upstream",
        "uses_database": workload == "db",
    }
    assert not changes.keys() - TrialSpec.model_fields.keys(), "TrialSpec would ignore them"
    return TrialSpec(**(known | changes))


def proof(says: str = "") -> Proof:
    return Proof(good=not says, calls=20, held=20, rounds=1.1, says=says)


def target(name: str = "flask-threads", **changes: Any) -> Target:
    known: dict[str, Any] = {
        "name": name,
        "title": TITLES.get(name, name),
        "base_url": "http://127.0.0.1:9",
        "framework": name.partition("-")[0],
        "model": name.partition("-")[2],
        "server": "a server",
        "budget": BUDGET,
        "budget_read": BUDGET,
        "proofs": {name: proof() for name, workload in WORKLOADS.items() if workload.overlap},
        "info": {"python": "3.11.0", "versions": {"flask": "3.0", "gunicorn": "27.0", "psycopg": "3.3"}},
    }
    return Target(**(known | changes))


def external(name: str = "mine", **changes: Any) -> Target:
    known: dict[str, Any] = {"name": name, "title": name, "base_url": "http://127.0.0.1:9", "external": True}
    return Target(**(known | changes))


def latency_of(taken_us: Sequence[int]) -> Latency | None:
    if not taken_us:
        return None
    return Latency(
        histogram=histogram.encode(histogram.of(taken_us)),
        count=len(taken_us),
        sum_us=sum(taken_us),
        min_us=min(taken_us),
        max_us=max(taken_us),
    )


def changed_readings(usage: Usage[R], **changes: Mapping[str, float]) -> Usage[R]:
    """The usage with some figures of some readings changed, such as `after={"cpu_s": 2.0}`."""
    found = usage.readings
    return usage.model_copy(
        update={moment: found[moment].model_copy(update=dict(figures)) for moment, figures in changes.items()}
    )


def read_from_disk(usage: Usage[ServiceReading], read_bytes: int) -> Usage[ServiceReading]:
    """The usage of a service that reports how much it read from the disk, before the trial and during it."""
    return changed_readings(usage, before={"disk_read_bytes": 5e6}, after={"disk_read_bytes": 5e6 + read_bytes})


REST_BYTES = 60 * 2**20
"""The memory of an idle service."""


def usage(answered: int, cpu_s: float = 1.0, peak_rss_bytes: int = 100 * 2**20) -> Usage[ServiceReading]:
    """The usage of a service that sent `answered` responses and took `cpu_s`, all of it in the window."""

    def reading(at_s: float, count: int, cpu: float) -> ServiceReading:
        return ServiceReading(
            monotonic_s=at_s,
            requests_started=count,
            requests_answered=count,
            in_flight=0,
            peak_in_flight=10,
            processes=1,
            cpu_s=cpu,
            rss_bytes=REST_BYTES,
            peak_rss_bytes=peak_rss_bytes,
        )

    before, after = ANSWERED_BEFORE, ANSWERED_BEFORE + answered
    return Usage[ServiceReading](
        before=reading(0.0, before, 1.0),
        window_start=reading(1.0, before, 1.0),
        window_end=reading(11.0, after, 1.0 + cpu_s),
        after=reading(11.1, after, 1.0 + cpu_s),
    )


def watched(late_s: float = 0.0) -> Usage[RemoteReading]:
    """The usage of the remote API's process in a trial with the database, which is `late_s` late in the window."""
    return Usage[RemoteReading](
        window_start=RemoteReading(monotonic_s=1, database_late_s=1, cpu_s=0, loop_lag_ms=0),
        window_end=RemoteReading(monotonic_s=11, database_late_s=1 + late_s, cpu_s=0, loop_lag_ms=0),
    )


NO_USAGE = Usage[ServiceReading]()
NO_REMOTE_USAGE = Usage[RemoteReading]()


def trial(
    planned: TrialSpec | None = None,
    *,
    taken_us: Sequence[int] | None = None,
    errors: Mapping[str, int] | None = None,
    window_s: float = 10.0,
    cpu_s: float = 1.0,
    peak_rss_bytes: int = 100 * 2**20,
    **changes: Any,
) -> TrialRecord:
    """A trial with these latencies of its good responses (`taken_us`) and these errors by class."""
    planned = planned or spec()
    if taken_us is None:
        taken_us = [110_000] * round(planned.load * window_s / 0.110)
    measured = Phase(good=len(taken_us), errors=dict(errors or {}))
    known: dict[str, Any] = {
        "spec": planned,
        "started_at": BEGAN + timedelta(seconds=20 * planned.block),
        "window_s": window_s,
        "window_offset_s": 1.0,
        "drain_s": 0.1,
        "warmup": Phase(),
        "measured": measured,
        "drained": 0,
        "latency": latency_of(taken_us),
        "timeline": [
            Second(second=n, good=len(taken_us) // 11, errors=0, p50_us=110_000, p99_us=111_000) for n in range(11)
        ],
        "generator": GENERATOR,
        "usage": usage(measured.sent, cpu_s, peak_rss_bytes),
        "upstream": watched() if planned.uses_database else NO_REMOTE_USAGE,
    }
    return TrialRecord(**(known | changes))


def at_rate(planned: TrialSpec, rps: float, **changes: Any) -> TrialRecord:
    """A trial of ten seconds with `rps` good responses per second; the latency follows from Little's law."""
    count = round(rps * 10)
    each_us = round(planned.load * 10 / count * 1e6)
    return trial(planned, taken_us=[each_us] * count, **changes)


def open_trial(planned: TrialSpec, *, shed: int = 0, delay_p99_us: int = 1_000, **changes: Any) -> TrialRecord:
    """A trial of an open loop that sent all arrivals except for the `shed` ones."""
    made = trial(planned, **changes)
    arrivals = Arrivals(
        intended=made.measured.sent + shed,
        shed=shed,
        shed_warmup=0,
        delay_p50_us=100,
        delay_p99_us=delay_p99_us,
        delay_max_us=2 * delay_p99_us,
        service_time=made.latency,
    )
    return made.model_copy(update={"arrivals": arrivals})


def knee_trial(
    variant: str, rate: float, met: bool, block: int, objective_ms: float = 200, **changes: Any
) -> TrialRecord:
    """A trial of a search: 1,000 responses, all after 110 ms, or one in ten of them after 900 ms."""
    search = Search(objective_p99_ms=objective_ms)
    planned = spec(variant, load=rate, block=block, load_model="open", scenario=search, max_in_flight=2000)
    return open_trial(planned, taken_us=[110_000] * 1000 if met else [110_000] * 900 + [900_000] * 100, **changes)


def run_record(
    specs: Sequence[TrialSpec],
    targets: Sequence[Target] = (),
    *,
    status: Status = "complete",
    title: str = "A made-up run",
    **changes: Any,
) -> RunRecord:
    """The record of a run of `specs`. Without `targets`, it has a default target for each variant."""
    names = dict.fromkeys(planned.variant for planned in specs)
    found = targets or [target(name) for name in names]
    known: dict[str, Any] = {
        "waitbench": "0.1.0",
        "name": "20260102-030405-made-up",
        "status": status,
        "started_at": BEGAN,
        "ended_at": BEGAN + timedelta(minutes=5),
        "engine": "local",
        "seed": 7,
        "plan_name": "made-up",
        "plan": RunPlan(
            title=title,
            repeats=max((planned.repeat for planned in specs), default=1),
            warmup_s=1.0,
            measure_s=10.0,
            cells=[PlannedCell(workload=workload) for workload in dict.fromkeys(each.workload for each in specs)],
        ),
        "sections": [_section(conditions) for conditions in dict.fromkeys(each.conditions for each in specs)],
        "targets": {item.name: item for item in found},
        "environment": {"cpu": "a processor", "cores": 2, "packages": {"locust": "2.0"}},
        "trials": list(specs),
    }
    return RunRecord(**(known | changes))


def with_plan(run: RunRecord, **changes: Any) -> RunRecord:
    return run.model_copy(update={"plan": run.plan.model_copy(update=changes)})


def compared(trials: Sequence[TrialRecord]) -> Comparison:
    """The comparison of a run that planned only these trials."""
    return compare(run_record([each.spec for each in trials]), trials)


def _section(conditions: Conditions) -> PlannedSection:
    from_rate, to_rate = (100.0, 20_000.0) if conditions.search else (None, None)
    return PlannedSection(conditions=conditions, from_rate=from_rate, to_rate=to_rate)


def run_folder(path: Path, run: RunRecord, trials: Sequence[TrialRecord]) -> RunFolder:
    """The folder of a run, with the files that the harness and the generator would leave."""
    path.mkdir(parents=True, exist_ok=True)
    folder = RunFolder(path)
    folder.write_run(run)
    for each in trials:
        folder.write_trial(each)
    return folder
