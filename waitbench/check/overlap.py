"""Checks whether concurrent calls do what their workload requires: wait, stay in flight, or share the processor."""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet

from waitbench.catalog.variants import Budget, together
from waitbench.catalog.workloads import Workload
from waitbench.check.finding import Finding
from waitbench.check.overlap_in_flight import SLOW_CLIENTS, clients, holds
from waitbench.check.overlap_waits import GATHERED, gathered, slow, waits
from waitbench.check.overlap_work import works
from waitbench.launch.client import Service
from waitbench.records.run import Proof


def check_overlap(
    service: Service, budget: Budget, workloads: Iterable[Workload], short: AbstractSet[str]
) -> Iterator[Finding]:
    """Check concurrent calls of each workload.

    `short` names the workloads whose work was found to be cut short: without work, concurrent calls show nothing.
    """
    for workload in workloads:
        if not (workload.overlap == "works" and workload.name in short):
            yield from _findings(service, workload, budget)


def _findings(service: Service, workload: Workload, budget: Budget) -> Iterator[Finding]:
    name = workload.name
    if workload.overlap == "waits":
        yield from (
            Finding("overlap", what, each.good, each.says, name) for what, each in _waits(service, workload, budget)
        )
    elif workload.overlap == "works":
        found = works(service, workload, budget)
        room = together(budget, found.calls)
        so = "and block no other request" if room == found.calls else f"and run {room} at a time"
        what = f"{found.calls} concurrent {name} calls take {found.calls} times the CPU time of one, {so}"
        yield Finding("overlap", what, found.good, found.says, name)
    elif workload.overlap == "holds":
        found, of_memory = holds(service, workload, budget)
        what = f"{found.calls} slow {name} calls are in flight at the same time"
        yield Finding("overlap", what, found.good, found.says, name)
        if name in SLOW_CLIENTS:
            mib = clients(workload, budget).memory_most // 2**20
            what = f"{found.calls} slow {name} calls take no more than {mib} MiB"
            yield Finding("budget", what, not of_memory, of_memory, name)


def _waits(service: Service, workload: Workload, budget: Budget) -> Iterator[tuple[str, Proof]]:
    """Yield each statement about a workload that waits, with its proof."""
    for params in slow(workload, budget):
        found = waits(service, workload, params, budget)
        room = together(budget, found.calls)
        so = "overlap" if room == found.calls else f"run {room} at a time"
        yield f"{found.calls} slow calls of {workload.path(params)} {so}", found
    if "serial" in workload.parameters:
        found = gathered(service, workload)
        yield f"the {found.calls} remote calls of one {workload.path(GATHERED)} are concurrent", found


def proof(service: Service, workload: Workload, budget: Budget) -> Proof:
    """Make concurrent calls before any load. Returns the first proof that is wrong, or else the first of all."""
    if workload.overlap == "waits":
        found = [each for _, each in _waits(service, workload, budget)]
        return next((one for one in found if not one.good), found[0])
    if workload.overlap == "works":
        return works(service, workload, budget)
    held, of_memory = holds(service, workload, budget)
    return held.model_copy(update={"good": False, "says": of_memory}) if of_memory and held.good else held
