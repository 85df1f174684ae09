"""Checks whether concurrent calls do what their workload requires: wait, stay in flight, or share the processor."""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet

from waitbench.catalog.proofs import OverlappingClients, OverlappingFiles, OverlappingWaits, OverlappingWork
from waitbench.catalog.variants import Budget, together
from waitbench.catalog.workload import Workload
from waitbench.check.finding import Finding
from waitbench.check.overlap_in_flight import clients, clients_overlap, files_overlap
from waitbench.check.overlap_waits import calls_inside_overlap, slow_calls, waits_overlap
from waitbench.check.overlap_work import work_overlaps
from waitbench.launch.client import Service
from waitbench.records.run import Proof


def check_overlap(
    service: Service, budget: Budget, workloads: Iterable[Workload], short: AbstractSet[str], trap: bool = False
) -> Iterator[Finding]:
    """Check concurrent calls of each workload.

    `short` names the workloads whose work was found to be cut short: without work, concurrent calls show nothing.
    """
    for workload in workloads:
        if not (isinstance(workload.overlap, OverlappingWork) and workload.name in short):
            yield from _findings(service, workload, budget, trap)


def _findings(service: Service, workload: Workload, budget: Budget, trap: bool) -> Iterator[Finding]:
    name = workload.name
    for what, found in _proofs(service, workload, budget, trap):
        yield Finding("overlap", what, found.good, found.says, name)
    if isinstance(workload.overlap, OverlappingClients):
        found, of_memory = clients_overlap(service, workload, workload.overlap, budget)
        what = f"{found.calls} slow {name} calls are in flight at the same time"
        yield Finding("overlap", what, found.good, found.says, name)
        mib = clients(workload.overlap, budget).memory_most // 2**20
        what = f"{found.calls} slow {name} calls take no more than {mib} MiB"
        yield Finding("budget", what, not of_memory, of_memory, name)


def _proofs(service: Service, workload: Workload, budget: Budget, trap: bool) -> Iterator[tuple[str, Proof]]:
    """Yield each statement about concurrent calls with its proof. Slow clients also prove something about memory."""
    name = workload.name
    match workload.overlap:
        case OverlappingWaits() as declared:
            yield from _waits(service, workload, declared, budget, trap)
        case OverlappingFiles() as declared:
            found = files_overlap(service, workload, declared, budget)
            yield f"{found.calls} slow {name} calls are in flight at the same time", found
        case OverlappingWork() as declared:
            found = work_overlaps(service, workload, declared, budget)
            room = together(budget, found.calls)
            so = "and block no other request" if room == found.calls else f"and run {room} at a time"
            yield f"{found.calls} concurrent {name} calls take {found.calls} times the CPU time of one, {so}", found


def _waits(
    service: Service, workload: Workload, declared: OverlappingWaits, budget: Budget, trap: bool
) -> Iterator[tuple[str, Proof]]:
    for params in slow_calls(declared, budget):
        found = waits_overlap(service, workload, declared, params, budget, trap)
        room = together(budget, found.calls)
        so = "overlap" if trap or room == found.calls else f"run {room} at a time"
        yield f"{found.calls} slow calls of {workload.path(params)} {so}", found
    if declared.inside:
        found = calls_inside_overlap(service, workload, declared.inside)
        yield f"the {found.calls} remote calls of one {workload.path(declared.inside)} are concurrent", found


def proof(service: Service, workload: Workload, budget: Budget, trap: bool = False) -> Proof:
    """Make concurrent calls before any load. Returns the first proof that is wrong, or else the first of all."""
    if isinstance(workload.overlap, OverlappingClients):
        held, of_memory = clients_overlap(service, workload, workload.overlap, budget)
        return held.model_copy(update={"good": False, "says": of_memory}) if of_memory and held.good else held
    found = [each for _, each in _proofs(service, workload, budget, trap)]
    return next((one for one in found if not one.good), found[0])
