"""Checks calls that wait: concurrent ones take as long as one call, or as many rounds as the budget requires."""

import math
from dataclasses import dataclass

from waitbench.catalog.parameters import Params
from waitbench.catalog.proofs import OverlappingWaits
from waitbench.catalog.variants import Budget, together
from waitbench.catalog.workload import Workload
from waitbench.check.concurrent_calls import at_once
from waitbench.launch.client import Service
from waitbench.records.run import Proof

CALLS = 20
ROUNDS = 2.5
"""Above this, at most nine calls overlapped. The best of TRIES counts, so that a busy machine is not mistaken for a
blocked service."""
POOL_CALLS = 50
POOL_ROUNDS = 1.8
"""The limit for as many calls as the pool has connections: one connection fewer would cause a second round."""
POOL_MS = 1000
"""So long that a busy machine does not turn one round into two. A model may open a connection for each call, which is
about 10 ms of work on a slow machine."""
TURNS = 3
"""If the budget has no room for CALLS, TURNS times as many calls are made as it has room for. They take turns."""
TRIES = 3
"""Try number n waits n times as long, so that what a busy machine adds becomes a smaller share of a round. Calls that
run one after the other still take whole rounds."""
IN_A_ROW = 0.8
"""From this many rounds per call on, the calls ran one after the other. A busy machine turns one round into two or
three, not sixteen."""
INSIDE_ROUNDS = 2.0
"""If a request takes at least this many times the wait of one of its calls, at least two ran one after the other."""
TRAP_CALLS = 100
"""The most calls that a trap is checked with. A trap with too few threads blocks only when all are taken, so it gets
CALLS more than its budget has room for."""
LOOK_CALLS, LOOK_MS = 8, 100
"""A quick look before the long calls. If a service handles one call at a time, this shows it in one second; twenty long
calls take eight."""


def slow_calls(declared: OverlappingWaits, budget: Budget) -> list[Params]:
    """The parameters of the calls that check a workload, one set for each way to wait."""
    if declared.pool and together(budget, CALLS) == CALLS:
        return [{**way, "ms": POOL_MS} for way in declared.ways]
    return [*declared.ways]


@dataclass(frozen=True)
class Course:
    """How concurrent calls have to run, by the budget."""

    calls: int
    held: int
    """How many calls the service has in flight at the same time, neither fewer nor more."""
    most: float
    """From this many rounds on, fewer than `held` calls overlapped."""

    @property
    def least(self) -> float:
        """Below this many rounds, more than `held` calls overlapped."""
        return IN_A_ROW * self.calls / self.held if self.held < self.calls else 0.0


def _course(declared: OverlappingWaits, budget: Budget, trap: bool) -> Course:
    calls = budget.get("in_flight", TRAP_CALLS) + CALLS
    if trap and calls <= TRAP_CALLS:
        calls = min(calls, budget.get(declared.pool, calls))
        return Course(calls, calls, POOL_ROUNDS)
    held = together(budget, CALLS)
    if held < CALLS:
        calls = min(CALLS, TURNS * held)
        return Course(calls, held, ROUNDS * math.ceil(calls / held))
    if budget.get(declared.pool):
        held = min(budget[declared.pool], together(budget, POOL_CALLS))
        return Course(held, held, POOL_ROUNDS)
    return Course(held, held, ROUNDS)


def waits_overlap(
    service: Service, workload: Workload, declared: OverlappingWaits, params: Params, budget: Budget, trap: bool = False
) -> Proof:
    """Check concurrent calls with these parameters, which are one of the ways to wait.

    For a trap there are so many that it has to block.
    """
    right = _course(declared, budget, trap)
    service.get(workload.path({**params, "ms": 1}))
    if right.held >= CALLS and (blocked := _in_a_row(service, workload, params, right.calls)):
        return blocked
    good, held, rounds = 0, 0, float("inf")
    for attempt in range(1, TRIES + 1):
        longer = {**params, "ms": params["ms"] * attempt}
        crowd = at_once(service, workload.path(longer), right.calls)
        good, held = max(good, crowd.good), max(held, crowd.held)
        rounds = min(rounds, crowd.took_s / workload.wait_s(longer))
        says = _says(right, good, held, rounds)
        if not says or rounds >= IN_A_ROW * right.calls or rounds < right.least:
            break
    return Proof(good=not says, calls=right.calls, held=held, rounds=rounds, says=says)


def calls_inside_overlap(service: Service, workload: Workload, inside: Params) -> Proof:
    """Check whether the remote calls of one request are concurrent.

    The quickest of TRIES counts. A try without status 200 shows nothing, however quick it was.
    """
    service.get(workload.path({**inside, "ms": 1}))  # the service opens its connections now
    calls, rounds = inside["calls"], list[float]()
    for _ in range(TRIES):
        crowd = at_once(service, workload.path(inside), 1)
        rounds += [crowd.took_s / workload.wait_s(inside)] * crowd.good
        if rounds and rounds[-1] < INSIDE_ROUNDS:
            break
    least, says = min(rounds, default=0.0), ""
    if not rounds:
        says = f"a request with {calls} remote calls did not get status 200"
    elif least >= INSIDE_ROUNDS:
        says = f"the {calls} remote calls of one request took as long as {least:.1f} calls one after the other"
    return Proof(good=not says, calls=calls, held=crowd.held, rounds=least, says=says)


def _in_a_row(service: Service, workload: Workload, params: Params, meant: int) -> Proof | None:
    """Look quickly whether the service handles one call after the other. Returns None if it does not.

    `meant` is the number of long calls that this look makes unnecessary. A pool may open its connections during the
    first try, so every try has to show it.
    """
    waits_in_a_row = workload.wait_s(params) * 1000 / params["ms"]
    short = {**params, "ms": round(LOOK_MS / waits_in_a_row)}
    rounds, held = float("inf"), 0
    for _ in range(TRIES):
        crowd = at_once(service, workload.path(short), LOOK_CALLS)
        rounds, held = min(rounds, crowd.took_s / workload.wait_s(short)), max(held, crowd.held)
        if rounds < IN_A_ROW * LOOK_CALLS:
            return None
        if held == 1:  # the service's own count agrees
            break
    says = _says(Course(LOOK_CALLS, LOOK_CALLS, ROUNDS), LOOK_CALLS, held, rounds)
    return Proof(good=False, calls=meant, held=held, rounds=rounds, says=says)


def _says(right: Course, good: int, held: int, rounds: float) -> str:
    calls = right.calls
    if rounds < right.least:
        return (
            f"{calls} concurrent calls took as long as {rounds:.1f} calls one after the other; "
            f"with {right.held} at a time they take as long as {calls / right.held:.0f}"
        )
    if rounds >= right.most:
        return (
            f"{calls} concurrent calls took as long as {rounds:.1f} calls one after the other; "
            f"the service had {held} in flight"
        )
    if held < right.held:
        return f"the service had only {held} of {calls} concurrent calls in flight"
    if held > right.held:
        return f"the service had {held} of {calls} concurrent calls in flight, but its budget allows {right.held}"
    return f"only {good} of {calls} concurrent calls got status 200" if good < calls else ""
