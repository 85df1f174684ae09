"""Slow calls that wait: so many at once take as long as one, or as many rounds as the budget makes of them."""

import math
from dataclasses import dataclass

from waitbench.catalog.variants import Budget, together
from waitbench.catalog.workloads import Params, Workload
from waitbench.check.concurrent_calls import at_once
from waitbench.launch.client import Service
from waitbench.records.run import Proof

CALLS = 20
ROUNDS = 2.5
"""Above this, nine or fewer went at once. The best of a few tries counts, so that a busy machine is not taken for a
blocked service."""
MS = 400
POOL_CALLS = 50
POOL_ROUNDS = 1.8
"""For as many calls as the pool has connections: with one connection fewer there is a second round."""
POOL_MS = 1000
"""Long, so that a busy machine does not make a second round of one: a model may open a connection for each call, some
10 ms of work on a slow one."""
TURNS = 3
"""Where the budget has no room for all calls: so many times as many calls as it has room for, which then take turns."""
TRIES = 3
IN_A_ROW = 0.8
"""At this many rounds per call, the calls ran one after the other: a busy machine makes two or three rounds of one, not
sixteen."""
GATHERED = {"ms": 200, "calls": 3}
"""One request whose remote calls are to go out together."""
GATHERED_ROUNDS = 2.0
"""From so many times its `ms` on, the calls of GATHERED went one after the other, or two of them did."""
LOOK_CALLS, LOOK_MS = 8, 100
"""A quick look before the long calls. Of a service that handles one call at a time, it shows in one second what twenty
long calls would show in eight."""


def slow(workload: Workload, budget: Budget) -> list[dict[str, int]]:
    """What is asked of a workload that waits: once in each way there is to wait."""
    if workload.name == "db":
        return [{"ms": POOL_MS if together(budget, CALLS) == CALLS else MS}]
    if "serial" in workload.parameters:
        return [{"ms": MS}, {"ms": MS // 2, "calls": 2, "serial": 1}]
    return [{"ms": MS}]


@dataclass(frozen=True)
class Course:
    """What so many calls at once are to look like, by the budget."""

    calls: int
    held: int
    """How many the service has in hand at once, and no more."""
    most: float
    """Rounds from which on it did not wait for so many together."""

    @property
    def least(self) -> float:
        """Rounds below which it waited for more together than it says."""
        return IN_A_ROW * self.calls / self.held if self.held < self.calls else 0.0


def _course(workload: Workload, budget: Budget) -> Course:
    held = together(budget, CALLS)
    if held < CALLS:
        calls = min(CALLS, TURNS * held)
        return Course(calls, held, ROUNDS * math.ceil(calls / held))
    if workload.name == "db" and budget.get("db_pool"):
        held = min(budget["db_pool"], together(budget, POOL_CALLS))
        return Course(held, held, POOL_ROUNDS)
    return Course(held, held, ROUNDS)


def waits(service: Service, workload: Workload, params: Params, budget: Budget) -> Proof:
    right = _course(workload, budget)
    service.get(workload.path({**params, "ms": 1}))
    if right.held >= CALLS and (blocked := _in_a_row(service, workload, params, right.calls)):
        return blocked
    good, held, rounds = 0, 0, float("inf")
    for _ in range(TRIES):
        crowd = at_once(service, workload.path(params), right.calls)
        good, held = max(good, crowd.good), max(held, crowd.held)
        rounds = min(rounds, crowd.took_s / workload.wait_s(params))
        says = _says(right, good, held, rounds)
        if not says or rounds >= IN_A_ROW * right.calls or rounds < right.least:
            break
    return Proof(good=not says, calls=right.calls, held=held, rounds=rounds, says=says)


def gathered(service: Service, workload: Workload) -> Proof:
    """Whether the remote calls of one request go out together. The quickest of a few tries counts; one that was not
    answered with 200 shows nothing, however quick it was."""
    service.get(workload.path({**GATHERED, "ms": 1}))  # connections are opened now
    calls, rounds = GATHERED["calls"], list[float]()
    for _ in range(TRIES):
        crowd = at_once(service, workload.path(GATHERED), 1)
        rounds += [crowd.took_s / workload.wait_s(GATHERED)] * crowd.good
        if rounds and rounds[-1] < GATHERED_ROUNDS:
            break
    least, says = min(rounds, default=0.0), ""
    if not rounds:
        says = f"a request with {calls} calls was not answered with 200"
    elif least >= GATHERED_ROUNDS:
        says = f"the {calls} calls of one request took as long as {least:.1f} of them one after the other"
    return Proof(good=not says, calls=calls, held=crowd.held, rounds=least, says=says)


def _in_a_row(service: Service, workload: Workload, params: Params, meant: int) -> Proof | None:
    """What the quick look shows of a service that handles one call after the other; None for any other service.

    `meant` is the number of long calls that this look makes unnecessary. A pool may be opening its connections at the
    first try, so each of the tries has to show it.
    """
    short = {**params, "ms": LOOK_MS // params.get("calls", 1)}
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
            f"{calls} calls at once took as long as {rounds:.1f} of them one after the other; "
            f"with {right.held} at a time they take {calls / right.held:.0f}"
        )
    if rounds >= right.most:
        return (
            f"{calls} calls at once took as long as {rounds:.1f} of them one after the other; "
            f"the service held {held} at once"
        )
    if held < right.held:
        return f"of {calls} calls the service held only {held} at once"
    if held > right.held:
        return f"of {calls} calls the service held {held} at once, and its budget is {right.held}"
    return f"of {calls} calls at once only {good} were answered with 200" if good < calls else ""
