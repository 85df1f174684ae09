"""Rules of the service and what it calls: whether it is what it was declared to be, and did what it was asked for."""

from collections.abc import Iterator

from waitbench.catalog.variants import budget_differences
from waitbench.catalog.workloads import WORKLOADS
from waitbench.records.run import Proof, Target
from waitbench.records.trial import TrialRecord
from waitbench.validity.reason import Reason

FROM_DISK = 0.99
"""Of the bytes that a disk's good answers are made from."""
UPSTREAM_CPU = 0.90
UPSTREAM_LAG_MS = 250.0


def budget(target: Target) -> Iterator[Reason]:
    if target.budget_read is None:
        return
    for name, declared, found in budget_differences(target.budget, target.budget_read):
        yield Reason(
            "budget",
            "invalid",
            f"{name}: declared {declared}, running with {found}",
            "mend services/variants.toml or the service",
        )


def gil(target: Target) -> Iterator[Reason]:
    if not target.gil and target.info.get("gil", True):
        advice = "its Python is no free-threaded build, or a package that it loaded brought the lock back"
        yield Reason("gil", "invalid", "declared without the GIL, and running with it", advice)


def overlap(trial: TrialRecord, target: Target) -> Iterator[Reason]:
    """Of every workload that the trial asks for; one that was not proven says nothing of the others."""
    neighbours = trial.spec.beside
    for name in dict.fromkeys([trial.spec.workload, *([neighbours.workload] if neighbours else [])]):
        proof = target.proofs.get(name)
        if target.kind == "trap":
            yield from _trap(name, proof)
        elif proof is None:
            if trial.spec.instrumented and WORKLOADS[name].overlap:
                yield Reason("overlap", "invalid", f"{name}: it was not seen what calls at once do", "run it anew")
        elif not proof.good:
            yield Reason(
                "overlap",
                "invalid",
                f"{name}: {proof.says}",
                "something blocks: an unpatched library, a blocking call on the loop, a pool too small",
            )


def _trap(name: str, proof: Proof | None) -> Iterator[Reason]:
    """A trap is there to show what blocking does: it counts only where it was seen to block."""
    if WORKLOADS[name].overlap != "waits":
        return
    if proof is None or proof.good:
        yield Reason("overlap", "invalid", f"{name}: a trap, and its calls overlap", "mend the trap: it shows nothing")
    else:
        yield Reason("trap", "note", f"{name}: a trap, wrong on purpose: {proof.says}")


def accounts(trial: TrialRecord) -> Iterator[Reason]:
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


def upstream(trial: TrialRecord) -> Iterator[Reason]:
    """The remote API must never be the limit."""
    if not trial.spec.uses_upstream:
        return
    begin, end = trial.upstream.window_start, trial.upstream.window_end
    if begin is None or end is None or end["monotonic_s"] <= begin["monotonic_s"]:
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


def database(trial: TrialRecord) -> Iterator[Reason]:
    """The database must never be the limit. The remote API's process asks it again and again, and says by how much
    answers were late; files of earlier versions do not say."""
    begin, end = trial.upstream.window_start or {}, trial.upstream.window_end or {}
    if not trial.spec.uses_database:
        return
    if "database_late_s" not in begin or "database_late_s" not in end:
        yield Reason(
            "database-limit", "invalid", "it was not seen whether the database kept up within the window",
            "the process that watches it may have been overloaded, or died: see upstream.log",
        )  # fmt: skip
        return
    late_s = end["database_late_s"] - begin["database_late_s"]
    if late_s > 0:
        yield Reason(
            "database-limit", "invalid",
            f"the database answered small queries {late_s * 1000:.0f} ms later than the 250 ms that each may take",
            "lower the load: the database was part of the limit, or something kept it from its core",
        )  # fmt: skip


def disk(trial: TrialRecord) -> Iterator[Reason]:
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
