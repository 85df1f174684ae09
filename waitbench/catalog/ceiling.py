"""The theoretical maximum of a load."""

from dataclasses import dataclass

from waitbench.catalog.variants import Budget
from waitbench.catalog.workloads import Params, Workload


@dataclass(frozen=True)
class Ceiling:
    """What arithmetic allows: requests per second, and what sets it (`users`, or a key of the budget)."""

    rps: float
    limit: str


def ceiling(
    workload: Workload, params: Params, budget: Budget, users: int | None, rate: float | None
) -> Ceiling | None:
    """Little's law turned round: slots / wait, for the scarcest of users, threads, pools. None where nothing waits."""
    params = workload.complete(params)
    wait_s = workload.wait_s(params)
    bounds = {"rate": rate} if rate is not None else {}
    if wait_s > 0:
        workers = budget.get("workers", 1)
        slots = {name: count * workers for name, count in workload.slots(params, budget).items()}
        if "in_flight" in budget:
            slots["in_flight"] = budget["in_flight"] * workers
        if users is not None:
            slots["users"] = users
        bounds |= {name: count / wait_s for name, count in slots.items() if count > 0}
    if not bounds:
        return None
    limit = min(bounds, key=lambda name: bounds[name])
    return Ceiling(bounds[limit], limit)
