"""The theoretical maximum of a load."""

from dataclasses import dataclass

from waitbench.catalog.variants import Budget
from waitbench.catalog.workloads import WORKLOADS, Params, Workload
from waitbench.records.load_point import LoadPoint


@dataclass(frozen=True)
class Ceiling:
    """The theoretical maximum in requests per second; `limit` is what sets it: `users`, `rate` or a key of a budget."""

    rps: float
    limit: str


def ceiling_at(point: LoadPoint, budget: Budget) -> Ceiling | None:
    """The theoretical maximum of the measured requests of a load point.

    In a mixed load it excludes the neighbours. In a burst it ignores the offered rate, which changes.
    """
    conditions = point.conditions
    closed = conditions.load_model == "closed"
    rate = None if closed or conditions.burst else point.load * (1 - conditions.neighbours_share)
    users = int(point.load) if closed else None
    return ceiling(WORKLOADS[conditions.workload], conditions.params, budget, users, rate)


def ceiling(
    workload: Workload, params: Params, budget: Budget, users: int | None, rate: float | None
) -> Ceiling | None:
    """The lowest of the offered rate and slots / wait (Little's law) for each of users, threads and pools.

    None if there is no offered rate and nothing waits.
    """
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
