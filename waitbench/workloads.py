"""What a request can make a service do: its path, its right answer, and what arithmetic allows.

This states the contract a second time, apart from the services: an answer is right when it equals `body` here.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from waitbench.variants import Budget

Params = Mapping[str, int]


@dataclass(frozen=True)
class Parameter:
    low: int
    high: int
    default: int | None = None
    """None: must be given."""


@dataclass(frozen=True)
class Workload:
    name: str
    title: str
    shows: str
    """What this workload can and cannot prove, in a sentence."""
    parameters: Mapping[str, Parameter]
    answer: Callable[[Params], dict[str, Any]]
    slots: Callable[[Params, Budget], dict[str, float]] = field(default=lambda _params, _budget: {})
    """Requests that may wait at once, by the budget that limits them, for one worker."""

    def path(self, params: Params) -> str:
        query = "&".join(f"{name}={value}" for name, value in params.items())
        return f"/{self.name}" + (f"?{query}" if query else "")

    def body(self, params: Params) -> str:
        return json.dumps(self.answer(self.complete(params)), separators=(",", ":"), ensure_ascii=False)

    def complete(self, params: Params) -> dict[str, int]:
        """The parameters with their defaults filled in."""
        defaults = {name: p.default for name, p in self.parameters.items() if p.default is not None}
        return {**defaults, **params}

    def wait_s(self, params: Params) -> float:
        """The least time a right answer can take, in seconds."""
        return self.complete(params).get("ms", 0) / 1000


MS = Parameter(0, 60_000)
CALLS = Parameter(1, 20, default=1)


def _calls(params: Params) -> list[dict[str, int]]:
    return [{"call": call, "ms": params["ms"]} for call in range(params["calls"])]


def _shelf() -> list[dict[str, Any]]:
    """The ten items of shelf 7, by the rule of services/work/schema.sql."""
    return [{"id": n, "name": f"item {n}", "price_cents": n * 37 % 10_000} for n in range(7, 10_001, 1_000)]


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload(
            "fast",
            "An answer at once",
            "what the framework and its server cost by themselves; nothing waits here",
            {},
            lambda _: {"workload": "fast"},
        ),
        Workload(
            "wait",
            "A plain wait",
            "how many requests a stack keeps waiting at once; at the ceiling it is arithmetic and ranks nothing",
            {"ms": MS},
            lambda params: {"workload": "wait", "ms": params["ms"]},
        ),
        Workload(
            "upstream",
            "Calls to a slow remote API",
            "waiting on real sockets, with an HTTP client's work in it; all the calls of a request go out at once",
            {"ms": MS, "calls": CALLS},
            lambda params: {"workload": "upstream", "ms": params["ms"], "calls": _calls(params)},
            lambda params, budget: {
                name: budget[name] / params["calls"]
                for name in ("upstream_connections", "upstream_threads")
                if name in budget
            },
        ),
        Workload(
            "db",
            "A slow PostgreSQL query",
            "waiting on a driver and its pool; above the pool's ceiling every stack queues alike",
            {"ms": MS},
            lambda params: {"workload": "db", "ms": params["ms"], "rows": _shelf()},
            lambda _, budget: {"db_pool": budget["db_pool"]} if "db_pool" in budget else {},
        ),
    )
}


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
        bounds |= {name: count / wait_s for name, count in slots.items()}
    if not bounds:
        return None
    limit = min(bounds, key=lambda name: bounds[name])
    return Ceiling(bounds[limit], limit)
