"""Whether nothing is cut short: no wait, no work of the processor, no way to the disk and back.

How much longer than asked something takes is for the measurement to say.
"""

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from waitbench.catalog.workloads import EARLY_MS, WORKLOADS, Params, Workload
from waitbench.check.finding import Finding
from waitbench.launch.client import Service

SOON_MS = 5.0
"""A response this soon after the wait is over was not delayed by the machine, so a wait cut short would have shown."""
TRIES = 3
WAITS = ({"ms": 0}, {"ms": 40}, {"ms": 160})
SERIAL = {"ms": 40, "calls": 3, "serial": 1}

GROWS = 3.0
"""How many times the CPU time of the lesser work the greater one has to take. It is 8 times the work; the rest is left
to whatever else a request costs."""
DISK_KIB, DISK_CALLS = 256, 12


@dataclass(frozen=True)
class Effort:
    """Two sizes of one work, the greater 8 times the lesser, and how many calls make a figure of each."""

    lesser: Params
    greater: Params
    calls: int


EFFORTS = {
    # In the end as much as can be asked for: compiled, a step takes two nanoseconds, and a request may cost as much as
    # 500,000. Interpreted, an eighth of it is plenty.
    "cpu": (Effort({"ksteps": 150}, {"ksteps": 1200}, 1), Effort({"ksteps": 1250}, {"ksteps": 10_000}, 1)),
    "cpu_native": (Effort({"n": 400}, {"n": 800}, 4),),
}
"""The first is taken whose greater work is ENOUGH_S, or the last."""
ENOUGH_S = 0.05
"""CPU time beside which the rest of a request is nothing."""


def check_timing(service: Service, workloads: Iterable[Workload]) -> Iterator[Finding]:
    for workload in workloads:
        if "ms" in workload.parameters:
            for params in (*WAITS, *([SERIAL] if "serial" in workload.parameters else [])):
                yield _waited(service, workload, params)
        if workload.name in EFFORTS:
            yield _worked(service, workload)
        if workload.name == "disk":
            yield _reached_the_disk(service)


def _waited(service: Service, workload: Workload, params: Params) -> Finding:
    """The quickest of a few tries, since a busy machine adds time and never takes any. One that came
    soon after the wait hides nothing, so no other is needed."""
    path, right_ms = workload.path(params), workload.wait_s(params) * 1000
    taken_ms = math.inf
    for _ in range(TRIES):
        taken_ms = min(taken_ms, _timed_ms(service, path))
        if taken_ms <= right_ms + SOON_MS:
            break
    detail = "" if taken_ms >= right_ms - EARLY_MS else f"answered after {taken_ms:.1f} ms: the wait was cut short"
    return Finding("timing", f"GET {path} takes its {right_ms:.0f} ms", not detail, detail, workload.name)


def _timed_ms(service: Service, path: str) -> float:
    began = time.perf_counter()
    service.get(path)
    return (time.perf_counter() - began) * 1000


def _worked(service: Service, workload: Workload) -> Finding:
    """By the service's own CPU time, which a busy machine adds to and never takes from: so the least of a few tries
    counts. The tries ask for the same, so that an answer that is kept shows at the second."""
    for effort in EFFORTS[workload.name]:
        lesser, greater = paths = workload.path(effort.lesser), workload.path(effort.greater)
        tries = [[_taken(service, path, effort.calls, "cpu_s")[0] for path in paths]]
        if tries[0][1] >= ENOUGH_S:
            break
    good = False
    while not good and len(tries) < TRIES:
        tries.append([_taken(service, path, effort.calls, "cpu_s")[0] for path in paths])
        less, more = (min(each) for each in zip(*tries, strict=True))
        good = more >= GROWS * less
    what = f"GET {greater} takes at least {GROWS:g} times the CPU time of {lesser}"
    seen = f"{more * 1000:.1f} ms and {less * 1000:.1f} ms at best, at first {tries[0][1] * 1000:.1f} ms"
    detail = "" if good else f"{seen}: the work was cut short, or its answer kept"
    return Finding("timing", what, not detail, detail, workload.name)


def _reached_the_disk(service: Service) -> Finding:
    """By the kernel's count of what the service's processes read and wrote. What was not synced can't be dropped from
    memory, and what was not dropped is read from there: the disk then gives nothing back.

    Each call is held to it by itself, since chance only ever adds: a process reads its own libraries from the disk too,
    and a call that was stopped at the right moment finds its file written though nobody waited for that.
    """
    path, least = WORKLOADS["disk"].path({"kib": DISK_KIB}), DISK_KIB * 1024
    calls = [_taken(service, path, 1, "disk_written_bytes", "disk_read_bytes") for _ in range(DISK_CALLS)]
    written, read = min(calls, key=min)
    what = f"each of {DISK_CALLS} calls of {path} writes and reads {least} bytes of a disk"
    why = "the file was not synced, or was read back from memory, or the scratch folder is no real disk (tmpfs)"
    detail = "" if min(written, read) >= least else f"the disk took {written:.0f} bytes and gave {read:.0f}: {why}"
    return Finding("timing", what, not detail, detail, "disk")


def _taken(service: Service, path: str, calls: int, *figures: str) -> list[float]:
    """How much so many calls, one after the other, added to each figure of the service's usage."""
    before = service.usage()
    for _ in range(calls):
        service.get(path)
    after = service.usage()
    return [after[figure] - before[figure] for figure in figures]
