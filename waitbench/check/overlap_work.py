"""Work of the processor: nothing overlaps but what the model can, and the service goes on answering meanwhile."""

import select
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection

from waitbench.catalog.variants import Budget, together
from waitbench.catalog.workloads import Params, Workload
from waitbench.check.concurrent_calls import PATIENCE_S, callers, heard, receive, send
from waitbench.launch.client import Service
from waitbench.records.run import Proof

CALLS = 4
WORK: dict[str, Params] = {"cpu": {"ksteps": 4000}, "cpu_native": {"n": 1000}}
"""So long, that other threads get their turns of the GIL well more often than there are calls, though a turn is 5 ms
for each thread that works: with 1500 on two cores 3 others could be answered, with 4000 it was 10 to 14."""
SHARE = 0.8
"""Of the CPU time of one call, so much has to be spent on each of several at once."""
CORES_OVER = 1.25
"""How far CPU seconds per second may go above what the model can: what the kernel does for a connection while another
thread works comes on top."""
SHORT_S = 0.01
"""A call that takes less of the processor, as where the language is compiled, is over before a scheduler stops it for
others: several need not be held together, and how much else is answered meanwhile says nothing."""
TRIES, TRIES_OF_SHORT = 3, 10
"""The second for calls of a few milliseconds, in which a processor that changes its speed shows more."""


@dataclass(frozen=True)
class Spent:
    """What calls at once took, by the service's own clocks."""

    cpu_s: float
    wall_s: float
    good: int
    held: int
    meanwhile: int
    """How many other questions were answered before the last of them was."""

    @property
    def cores(self) -> float:
        return self.cpu_s / self.wall_s


def works(service: Service, workload: Workload, budget: Budget) -> Proof:
    """One call by itself, then several at once. Where the service may run on fewer cores than the model could use, the
    kernel sees to it that it does; so no more has to be known of them here."""
    path = workload.path(WORK[workload.name])
    service.get(workload.path(dict.fromkeys(WORK[workload.name], 1)))  # makes what the service keeps for the next
    holds_gil = workload.name == "cpu" and service.info().get("gil", True)
    held = together(budget, CALLS)
    most = min(budget.get("workers", 1), held) if holds_gil else held
    alone = _alone(service, path)
    for attempt in range(TRIES_OF_SHORT if alone.cpu_s < SHORT_S else TRIES):
        if attempt:  # again: the processor may have been slow at the one call, and quick at the several
            alone = min(alone, _alone(service, path), key=lambda spent: spent.cpu_s)
        crowd = _spent(service, path, CALLS, ask=held == CALLS)
        says = _says(alone, crowd, most, held)
        if not says or crowd.held > held or crowd.held == 1 < held:  # no busy machine makes either of the latter
            break
    return Proof(good=not says, calls=CALLS, held=crowd.held, rounds=_times(crowd, alone), says=says)


def _says(alone: Spent, crowd: Spent, most: int, held: int) -> str:
    """The first thing wrong, or nothing. What is counted comes before what is timed: where calls were held one by one,
    a processor that was quick at them would be the lesser news."""
    if alone.cores > CORES_OVER:
        return f"one call worked on {alone.cores:.1f} cores: its library has threads of its own"
    if crowd.good < CALLS:
        return f"of {CALLS} calls at once only {crowd.good} were answered with 200"
    short = alone.cpu_s < SHORT_S
    if crowd.held < held and not short:
        return f"of {CALLS} calls the service held only {crowd.held} at once"
    if crowd.held > held:
        return f"of {CALLS} calls the service held {crowd.held} at once, and its budget is {held}"
    if crowd.cpu_s < SHARE * CALLS * alone.cpu_s:
        return f"{CALLS} calls at once took only {_times(crowd, alone):.1f} times the CPU time of one"
    if crowd.cores > CORES_OVER * most:
        return f"{CALLS} calls at once worked on {crowd.cores:.1f} cores, and the model can use {most}"
    if short:
        return ""
    if held == CALLS and crowd.meanwhile <= CALLS:
        return f"while {CALLS} calls were worked on only {crowd.meanwhile} others were answered"
    return ""


def _times(crowd: Spent, alone: Spent) -> float:
    return crowd.cpu_s / max(alone.cpu_s, 1e-6)


def _alone(service: Service, path: str) -> Spent:
    """One call by itself. What a service does on the side, as Go's collector after a reset, is a good part of a short
    one: so that is the mean of as many calls in a row as there are at once."""
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
    """`ask`: another caller asks meanwhile, over and over."""
    with callers(service, calls + 1) as (other, *workers), heard(service, path):
        before = service.reset_usage()
        send(workers, path)
        meanwhile = _answered_meanwhile(other, workers) if ask else 0
        good = receive(workers)
    after = service.usage()
    cpu_s, wall_s = (after[key] - before[key] for key in ("cpu_s", "monotonic_s"))
    return Spent(cpu_s, wall_s, good, int(after["peak_in_flight"]), meanwhile)


def _answered_meanwhile(other: HTTPConnection, workers: Sequence[HTTPConnection]) -> int:
    """How often the service says that it is well before the last of the answers begins to come. One that stands still
    for each call can say so between two of them, and no more often than there are calls. Raises TimeoutError where an
    answer never comes: a service that is well otherwise could be asked for ever."""
    sockets = [worker.sock for worker in workers]
    answered, deadline = 0, time.monotonic() + PATIENCE_S
    while True:
        send([other], "/health")
        receive([other])
        coming = len(select.select(sockets, (), (), 0)[0])
        if coming == len(sockets):
            return answered
        if time.monotonic() > deadline:
            raise TimeoutError(f"of {len(sockets)} calls at once {coming} were answered within {PATIENCE_S:.0f} s")
        answered += 1
