"""Rules about the service and what it calls: whether it is as declared and did what was requested."""

from collections.abc import Iterator

from waitbench.catalog.proofs import OverlappingWaits
from waitbench.catalog.variants import budget_differences
from waitbench.catalog.workloads import WORKLOADS
from waitbench.records.run import Proof, Target
from waitbench.records.trial import TrialRecord
from waitbench.validity.reason import Reason

FROM_DISK = 0.99
"""The share of the requested bytes that a service has to read from the disk."""
UPSTREAM_CPU = 0.90
UPSTREAM_LAG_MS = 250.0


def budget(target: Target) -> Iterator[Reason]:
    if target.budget_read is None:
        return
    for name, declared, found in budget_differences(target.budget, target.budget_read):
        yield Reason(
            "budget",
            "invalid",
            f"{name}: declared {declared}, but running with {found}",
            "correct services/variants.toml or the service",
        )


def gil(target: Target) -> Iterator[Reason]:
    if not target.gil and target.info.get("gil", True):
        advice = "use a free-threaded build of Python, without packages that turn the GIL on again"
        yield Reason("gil", "invalid", "declared without the GIL, but running with it", advice)


def overlap(trial: TrialRecord, target: Target) -> Iterator[Reason]:
    """Each workload of the trial must have passed the concurrency check; its result says nothing about the others."""
    for name in trial.spec.conditions.workloads:
        proof = target.proofs.get(name)
        if target.kind == "trap":
            yield from _trap(name, proof)
        elif proof is None:
            if trial.spec.instrumented and WORKLOADS[name].overlap:
                yield Reason("overlap", "invalid", f"{name}: the concurrency check did not run", "run the plan again")
        elif not proof.good:
            yield Reason(
                "overlap",
                "invalid",
                f"{name}: {proof.says}",
                "find what blocks: an unpatched library, a blocking call on the event loop, or too small a pool",
            )


def _trap(name: str, proof: Proof | None) -> Iterator[Reason]:
    """A trap shows what blocking does, so it is valid only if the concurrency check saw it block."""
    if not isinstance(WORKLOADS[name].overlap, OverlappingWaits):
        return
    if proof is None or proof.good:
        text = f"{name}: the calls of this trap overlap, but a trap has to block"
        yield Reason("overlap", "invalid", text, "correct the trap: it shows nothing")
    else:
        yield Reason("trap", "note", f"{name} (a trap, wrong on purpose): {proof.says}")


def accounts(trial: TrialRecord) -> Iterator[Reason]:
    """The service must have counted a response for every request sent."""
    before, after = trial.usage.before, trial.usage.after
    if not trial.spec.instrumented:
        return
    if before is None or after is None:
        advice = "see the service's log: it may have died"
        yield Reason("accounts", "invalid", "the service did not report its own request count", advice)
        return
    answered = int(after.requests_answered - before.requests_answered)
    if answered != trial.sent:
        yield Reason(
            "accounts",
            "invalid",
            f"{trial.sent} requests sent, but the service counted {answered} responses",
            "see the errors by class",
        )


def upstream(trial: TrialRecord) -> Iterator[Reason]:
    """The remote API must never be the limit."""
    if not trial.spec.uses_upstream:
        return
    begin, end = trial.upstream.window_start, trial.upstream.window_end
    if begin is None or end is None or end.monotonic_s <= begin.monotonic_s:
        yield Reason(
            "upstream-limit", "invalid", "the remote API did not report its figures in the window",
            "lower the load and see its log: it may have been overloaded or have died",
        )  # fmt: skip
        return
    share = (end.cpu_s - begin.cpu_s) / (end.monotonic_s - begin.monotonic_s)
    lag_ms = end.loop_lag_ms
    if share > UPSTREAM_CPU or lag_ms > UPSTREAM_LAG_MS:
        yield Reason(
            "upstream-limit", "invalid",
            f"the remote API used {share:.0%} of a core and ran up to {lag_ms:.0f} ms late",
            "lower the load: the remote API was part of the limit",
        )  # fmt: skip


def database(trial: TrialRecord) -> Iterator[Reason]:
    """The database must never be the limit.

    The remote API's process sends it small queries all the time and reports how late the responses were. Files of
    earlier versions lack this.
    """
    if not trial.spec.uses_database:
        return
    begin_s, end_s = (reading.database_late_s if reading else None
                      for reading in (trial.upstream.window_start, trial.upstream.window_end))  # fmt: skip
    if begin_s is None or end_s is None:
        yield Reason(
            "database-limit", "invalid", "it is unknown whether the database kept up in the window",
            "see upstream.log: the process that monitors the database may have been overloaded or have died",
        )  # fmt: skip
        return
    late_s = end_s - begin_s
    if late_s > 0:
        yield Reason(
            "database-limit", "invalid",
            f"small database queries ended {late_s * 1000:.0f} ms later than the 250 ms that each may take",
            "lower the load: the database was part of the limit, or something else used its core",
        )  # fmt: skip


def disk(trial: TrialRecord) -> Iterator[Reason]:
    """The service must have read its files from the disk: pages that are still in memory would make it fast."""
    asked = _disk_bytes(trial)
    if not asked or not trial.spec.instrumented:
        return
    before, after = (reading.disk_read_bytes if reading else None
                     for reading in (trial.usage.before, trial.usage.after))  # fmt: skip
    if before is None or after is None:
        advice = "see the service's log, and whether /proc/PID/io can be read where it runs"
        yield Reason("disk", "invalid", "the service did not report what it read from the disk", advice)
        return
    share = (after - before) / asked
    if share < FROM_DISK:
        yield Reason(
            "disk",
            "invalid",
            f"only {share:.0%} of the requested bytes were read from the disk: the rest came from memory",
            "set WAITBENCH_SCRATCH_DIR to a folder on a real disk, not in memory",
        )


def _disk_bytes(trial: TrialRecord) -> int:
    """The bytes that the good responses of the whole trial need from the disk, with warm-up and neighbours.

    Failed requests do not count, because they need not have read anything.
    """
    asked = [(trial.spec.workload, trial.spec.params, (trial.warmup, trial.measured))]
    if (mixed := trial.spec.conditions.mixed) and trial.neighbours:
        asked.append((mixed.workload, mixed.params, (trial.neighbours.warmup, trial.neighbours.measured)))
    return sum(
        sum(phase.good for phase in phases) * WORKLOADS[name].disk_bytes(params) for name, params, phases in asked
    )
