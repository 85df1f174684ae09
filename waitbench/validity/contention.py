"""Rules about contention: whether processes outside the run took CPU time on its cores."""

from collections.abc import Iterator

from waitbench.catalog.workloads import WORKLOADS
from waitbench.records.run import Target
from waitbench.records.trial import TrialRecord
from waitbench.validity.reason import Reason

NOTE, LIMIT = 0.07, 0.10
"""Shares of one core in the window. docs/methodology.md says how often a quiet machine comes near them."""
ADVICE = "stop other programs (`top` shows them) and run again"


def contended(trial: TrialRecord, target: Target) -> Iterator[Reason]:
    """Other processes must not use the cores of the service or the generator.

    For work on a disk it is only a note, because the kernel writes and reads for the service in threads of its own.
    """
    service, generator = service_share(trial, target), trial.generator.foreign_share
    disk = any(WORKLOADS[name].uses_disk for name in trial.spec.conditions.workloads)
    if service is not None:
        yield from _judged(service, "the service's", disk)
    if generator is not None:
        yield from _judged(generator, "the generator's", disk)


def _judged(share: float, whose: str, disk: bool) -> Iterator[Reason]:
    if share > NOTE:
        text = f"other processes took {share:.0%} of a core on {whose} cores"
        invalid = share > LIMIT and not disk
        yield Reason("contention", "invalid" if invalid else "note", text, ADVICE if invalid else "")


def service_share(trial: TrialRecord, target: Target) -> float | None:
    """CPU time of other processes on the service's cores, as a share of one core.

    It covers the time between the service's readings at the edges of the window. None if the service does not report
    it, or shares cores with the generator; then the generator's figure covers both.
    """
    begin, end = trial.usage.window_start, trial.usage.window_end
    if begin is None or end is None:
        return None
    if begin.cores_free_s is None or end.cores_free_s is None or end.cores is None:  # a service of an earlier version
        return None
    elapsed_s = end.monotonic_s - begin.monotonic_s
    if elapsed_s <= 0 or set(target.info.get("cores", ())) & set(trial.generator.cores):
        return None
    busy_s = elapsed_s * end.cores - (end.cores_free_s - begin.cores_free_s)
    return max(0.0, busy_s - (end.cpu_s - begin.cpu_s)) / elapsed_s
