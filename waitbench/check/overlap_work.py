"""Checks CPU work: only the overlap that the model allows happens, and the service still responds meanwhile."""

import select
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection

from waitbench.catalog.proofs import OverlappingWork
from waitbench.catalog.variants import Budget, together
from waitbench.catalog.workload import Workload
from waitbench.check.concurrent_calls import PATIENCE_S, callers, heard, receive, send
from waitbench.launch.client import Service
from waitbench.records.run import Proof

CALLS = 4
SHARE = 0.8
"""The share of the CPU time of one call that each of several concurrent calls has to take."""
CORES_OVER = 1.25
"""How far CPU seconds per second may exceed what the model can use. The kernel's work for a connection comes on top
while another thread works."""
SHORT_S = 0.01
"""A call that takes less CPU time, as in a compiled language, ends before a scheduler interrupts it. Several such calls
need not be in flight together, and the number of other responses meanwhile shows nothing."""
DOUBT = 0.5
"""From this share on, a processor that changed its speed may be the cause: it varies by a factor of two."""
TRIES, MORE_TRIES = 3, 10
"""The second is for findings that a processor which changes its speed may cause, and for calls of a few milliseconds,
which suffer more from it."""


@dataclass(frozen=True)
class Spent:
    """The time that concurrent calls took, by the service's own clocks, in seconds."""

    cpu_s: float
    wall_s: float
    good: int
    held: int
    meanwhile: int
    """How many other requests completed before the last of the calls did."""

    @property
    def cores(self) -> float:
        return self.cpu_s / self.wall_s


def work_overlaps(service: Service, workload: Workload, declared: OverlappingWork, budget: Budget) -> Proof:
    """Make one call by itself, then CALLS concurrent ones, and compare them.

    The service may run on fewer cores than the model could use. The kernel enforces that, so it needs no check here.
    """
    path = workload.path(declared.params)
    service.get(workload.path(dict.fromkeys(declared.params, 1)))  # prepares what it keeps for later calls
    holds_gil = declared.holds_gil and service.info().get("gil", True)
    held = together(budget, CALLS)
    most = min(budget.get("workers", 1), held) if holds_gil else held
    alone = _alone(service, path)
    for attempt in range(MORE_TRIES):
        if attempt:  # again: the processor may have been slow for the one call and fast for the others
            alone = min(alone, _alone(service, path), key=lambda spent: spent.cpu_s)
        crowd = _spent(service, path, CALLS, ask=held == CALLS)
        says = _says(alone, crowd, most, held)
        if not says or crowd.held > held or crowd.held == 1 < held:  # a busy machine causes neither of the last two
            break
        if attempt + 1 >= TRIES and not _in_doubt(alone, crowd):
            break
    return Proof(good=not says, calls=CALLS, held=crowd.held, rounds=_times(crowd, alone), says=says)


def _says(alone: Spent, crowd: Spent, most: int, held: int) -> str:
    """Describe the first mistake; "" if there is none.

    Counts come before times: that calls ran one by one matters more than their CPU time.
    """
    if alone.cores > CORES_OVER:
        return f"one call used {alone.cores:.1f} cores: its library has threads of its own"
    if crowd.good < CALLS:
        return f"only {crowd.good} of {CALLS} concurrent calls got status 200"
    short = alone.cpu_s < SHORT_S
    if crowd.held < held and not short:
        return f"the service had only {crowd.held} of {CALLS} concurrent calls in flight"
    if crowd.held > held:
        return f"the service had {crowd.held} of {CALLS} concurrent calls in flight, but its budget allows {held}"
    if crowd.cpu_s < SHARE * CALLS * alone.cpu_s:
        return f"{CALLS} concurrent calls took only {_times(crowd, alone):.1f} times the CPU time of one"
    if crowd.cores > CORES_OVER * most:
        return f"{CALLS} concurrent calls used {crowd.cores:.1f} cores, but the model can use only {most}"
    if short:
        return ""
    if held == CALLS and crowd.meanwhile <= CALLS:
        return f"only {crowd.meanwhile} other requests completed during {CALLS} concurrent calls"
    return ""


def _in_doubt(alone: Spent, crowd: Spent) -> bool:
    """Whether a processor that changes its speed may be the cause of what was found."""
    return alone.cpu_s < SHORT_S or DOUBT <= _times(crowd, alone) / CALLS < SHARE


def _times(crowd: Spent, alone: Spent) -> float:
    return crowd.cpu_s / max(alone.cpu_s, 1e-6)


def _alone(service: Service, path: str) -> Spent:
    """Measure one call by itself.

    A short one is the mean of CALLS calls in a row: side work, such as Go's garbage collector after a reset, would be a
    large part of a single call.
    """
    one = _spent(service, path, 1, ask=False)
    if one.cpu_s >= SHORT_S:
        return one
    with callers(service, 1) as connections, heard(service, path):
        before, good = service.reset_usage(), 0
        for _ in range(CALLS):
            send(connections, path)
            good += receive(connections)
    after = service.usage()
    cpu_s, wall_s = ((after[key] - before[key]) / CALLS for key in ("cpu_s", "monotonic_s"))
    return min(one, Spent(cpu_s, wall_s, good // CALLS, 1, 0), key=lambda spent: spent.cpu_s)


def _spent(service: Service, path: str, calls: int, ask: bool) -> Spent:
    """Measure `calls` concurrent calls. With `ask`, another caller sends requests meanwhile, one after the other."""
    with callers(service, calls + 1) as (other, *workers), heard(service, path):
        before = service.reset_usage()
        send(workers, path)
        meanwhile = _completed_meanwhile(other, workers) if ask else 0
        good = receive(workers)
    after = service.usage()
    cpu_s, wall_s = (after[key] - before[key] for key in ("cpu_s", "monotonic_s"))
    return Spent(cpu_s, wall_s, good, int(after["peak_in_flight"]), meanwhile)


def _completed_meanwhile(other: HTTPConnection, workers: Sequence[HTTPConnection]) -> int:
    """Count the health checks that complete before the last response of the workers begins to arrive.

    A service that each call blocks can respond only between two calls, so no more often than there are calls. Raises
    TimeoutError after PATIENCE_S: if a response never comes, a healthy service could be asked for ever.
    """
    sockets = [worker.sock for worker in workers]
    completed, deadline = 0, time.monotonic() + PATIENCE_S
    while True:
        send([other], "/health")
        receive([other])
        coming = len(select.select(sockets, (), (), 0)[0])
        if coming == len(sockets):
            return completed
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"only {coming} of {len(sockets)} concurrent calls got a response within {PATIENCE_S:.0f} s"
            )
        completed += 1
