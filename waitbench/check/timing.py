"""Checks that nothing is cut short: no wait, no CPU work, no way to the disk and back.

How much longer than requested something takes is a question for the measurement.
"""

import math
import time
from collections.abc import Iterable, Iterator

from waitbench.catalog.parameters import Params
from waitbench.catalog.proofs import FullWait, FullWork, RealDisk
from waitbench.catalog.workload import Workload
from waitbench.catalog.workloads import EARLY_MS
from waitbench.check.finding import Finding
from waitbench.launch.client import Service

SOON_MS = 5.0
"""The machine did not delay a response that comes this soon after the wait, so a shorter wait would have shown."""
TRIES = 3

GROWS = 3.0
"""How many times the CPU time of the lesser work the greater one has to take. It is 8 times the work; the difference
allows for the other costs of a request."""
DISK_CALLS = 12
ENOUGH_S = 0.05
"""The CPU time that makes the other costs of a request negligible."""


def check_timing(service: Service, workloads: Iterable[Workload]) -> Iterator[Finding]:
    for workload in workloads:
        for proof in workload.proofs:
            match proof:
                case FullWait(calls):
                    yield from (_waited(service, workload, params) for params in calls)
                case FullWork():
                    yield _worked(service, workload, proof)
                case RealDisk():
                    yield _reached_the_disk(service, workload, proof)


def _waited(service: Service, workload: Workload, params: Params) -> Finding:
    """Check one wait by the quickest of TRIES, because a busy machine adds time and never removes any.

    A response that comes soon after the wait hides nothing, so no other try is needed.
    """
    path, right_ms = workload.path(params), workload.wait_s(params) * 1000
    taken_ms = math.inf
    for _ in range(TRIES):
        taken_ms = min(taken_ms, _timed_ms(service, path))
        if taken_ms <= right_ms + SOON_MS:
            break
    detail = "" if taken_ms >= right_ms - EARLY_MS else f"responded after {taken_ms:.1f} ms: the wait was cut short"
    return Finding("timing", f"GET {path} takes at least {right_ms:.0f} ms", not detail, detail, workload.name)


def _timed_ms(service: Service, path: str) -> float:
    began = time.perf_counter()
    service.get(path)
    return (time.perf_counter() - began) * 1000


def _worked(service: Service, workload: Workload, proof: FullWork) -> Finding:
    """Check CPU work by the service's own CPU time.

    A busy machine adds to it and never removes any, so the lowest of TRIES counts. All tries send the same requests, so
    a cached result shows at the second try.
    """
    for effort in proof.efforts:
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
    detail = "" if good else f"{seen}: the work was cut short, or its result was cached"
    return Finding("timing", what, not detail, detail, workload.name)


def _reached_the_disk(service: Service, workload: Workload, proof: RealDisk) -> Finding:
    """Check the bytes that the service's processes read and wrote, as the kernel counts them.

    Data that was not synced can't be dropped from memory, and data that was not dropped is read from memory. Then the
    disk gives nothing back. Every single call has to pass, because chance only adds bytes: a process also reads its own
    libraries from the disk, and the kernel may write the file of an interrupted call that did not sync it.
    """
    path, least = workload.path(proof.params), proof.size(proof.params)
    calls = [_taken(service, path, 1, "disk_written_bytes", "disk_read_bytes") for _ in range(DISK_CALLS)]
    written, read = min(calls, key=min)
    what = f"each of {DISK_CALLS} calls of {path} writes and reads at least {least} bytes on a disk"
    why = "the file was not synced, or was read back from memory, or the scratch folder is not on a disk (tmpfs)"
    detail = "" if min(written, read) >= least else f"the disk wrote {written:.0f} bytes and read {read:.0f}: {why}"
    return Finding("timing", what, not detail, detail, workload.name)


def _taken(service: Service, path: str, calls: int, *figures: str) -> list[float]:
    """Return how much `calls` calls, one after the other, added to each figure of the service's usage."""
    before = service.usage()
    for _ in range(calls):
        service.get(path)
    after = service.usage()
    return [after[figure] - before[figure] for figure in figures]
