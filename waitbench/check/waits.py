"""Slow calls that wait: so many at once take as long as one."""

from waitbench.check.callers import at_once
from waitbench.results import Proof
from waitbench.service import Service
from waitbench.variants import Budget
from waitbench.workloads import Params, Workload

CALLS = 20
ROUNDS = 2.5
"""Above this, nine or fewer went at once. The best of a few tries counts, so that a busy machine is not taken for a
blocked service."""
MS = 200
POOL_CALLS = 50
POOL_ROUNDS = 1.8
"""For as many calls as the pool has connections: with one connection fewer there is a second round."""
POOL_MS = 400
"""Long, so that a busy machine does not make a second round of one."""
TRIES = 3
IN_A_ROW = 0.8
"""Of the calls, so many rounds settle it in one try: a busy machine makes two or three of one, and not sixteen."""


def slow(workload: Workload) -> list[dict[str, int]]:
    """What is asked of a workload that waits: once in each way there is to wait."""
    if workload.name == "db":
        return [{"ms": POOL_MS}]
    if "serial" in workload.parameters:
        return [{"ms": MS}, {"ms": MS // 2, "calls": 2, "serial": 1}]
    return [{"ms": MS}]


def waits(service: Service, workload: Workload, params: Params, budget: Budget) -> Proof:
    calls, most = CALLS, ROUNDS
    if workload.name == "db" and budget.get("db_pool"):
        calls, most = min(budget["db_pool"], budget.get("in_flight", POOL_CALLS), POOL_CALLS), POOL_ROUNDS
    service.get(workload.path({**params, "ms": 1}))
    good, held, rounds = 0, 0, float(calls)
    for _ in range(TRIES):
        crowd = at_once(service, workload.path(params), calls)
        good, held = max(good, crowd.good), max(held, crowd.held)
        rounds = min(rounds, crowd.took_s / workload.wait_s(params))
        if (good == held == calls and rounds < most) or rounds >= IN_A_ROW * calls:
            break
    return Proof(
        good=good == held == calls and rounds < most,
        calls=calls,
        held=held,
        rounds=rounds,
        says=_says(calls, good, held, rounds, most),
    )


def _says(calls: int, good: int, held: int, rounds: float, most: float) -> str:
    if rounds >= most:
        return (
            f"{calls} calls at once took as long as {rounds:.1f} of them one after the other; "
            f"the service held {held} at once"
        )
    if held < calls:
        return f"of {calls} calls the service held only {held} at once"
    return f"of {calls} calls at once only {good} were answered with 200" if good < calls else ""
