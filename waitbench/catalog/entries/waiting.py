"""The workloads that respond immediately, or wait for a timer, a remote API or a database."""

from typing import Any

from waitbench.catalog.parameters import MS, NO_YES, Parameter, Params
from waitbench.catalog.proofs import FullWait, OverlappingWaits
from waitbench.catalog.variants import Budget
from waitbench.catalog.workload import Workload

WAIT_TIMES = ({"ms": 0}, {"ms": 40}, {"ms": 160})
"""No wait, a short one, and a long one."""


def _calls(params: Params) -> list[dict[str, int]]:
    return [{"call": call, "ms": params["ms"]} for call in range(params["calls"])]


def _upstream_slots(params: Params, budget: Budget) -> dict[str, float]:
    """A request with serial calls needs one connection and no thread; one with concurrent calls needs one per call."""
    limits = ("upstream_connections",) if params["serial"] else ("upstream_connections", "upstream_threads")
    return {name: budget[name] / (1 if params["serial"] else params["calls"]) for name in limits if name in budget}


def _shelf() -> list[dict[str, Any]]:
    """The ten items of shelf 7, by the rule in services/work/schema.sql."""
    return [{"id": n, "name": f"item {n}", "price_cents": n * 37 % 10_000} for n in range(7, 10_001, 1_000)]


FAST = Workload(
    "fast",
    "An immediate response",
    "what the framework and its server cost by themselves; nothing waits",
    parameters={},
    sample={},
    response=lambda _: {"workload": "fast"},
)

WAIT = Workload(
    "wait",
    "A plain wait",
    "how many requests a stack can keep waiting at the same time; at the theoretical maximum, arithmetic sets "
    "the throughput and nothing is ranked",
    parameters={"ms": MS},
    sample={"ms": 100},
    response=lambda params: {"workload": "wait", "ms": params["ms"]},
    proofs=(FullWait(WAIT_TIMES),),
    overlap=OverlappingWaits(),
)

UPSTREAM = Workload(
    "upstream",
    "Calls to a slow remote API",
    "waiting on real sockets, including the work of an HTTP client; a request's remote calls are concurrent, "
    "or one after the other with serial = 1, and the difference is the gain of concurrency; it shows nothing "
    "about a remote API that is slow because it is busy",
    parameters={"ms": MS, "calls": Parameter(1, 20, default=1), "serial": NO_YES},
    sample={"ms": 100, "calls": 3},
    response=lambda params: {"workload": "upstream", "ms": params["ms"], "calls": _calls(params)},
    proofs=(FullWait((*WAIT_TIMES, {"ms": 40, "calls": 3, "serial": 1})),),
    overlap=OverlappingWaits(
        ways=({"ms": 400}, {"ms": 200, "calls": 2, "serial": 1}),
        inside={"ms": 200, "calls": 3},
    ),
    needs=frozenset({"remote API"}),
    slots=_upstream_slots,
    least_s=lambda params: params["ms"] / 1000 * (params["calls"] if params["serial"] else 1),
)

DB = Workload(
    "db",
    "A slow PostgreSQL query",
    "waiting on a driver and its pool; beyond the pool's theoretical maximum every stack queues in the same way",
    parameters={"ms": MS},
    sample={"ms": 50},
    response=lambda params: {"workload": "db", "ms": params["ms"], "rows": _shelf()},
    proofs=(FullWait(WAIT_TIMES),),
    overlap=OverlappingWaits(pool="db_pool"),
    needs=frozenset({"database"}),
    slots=lambda _, budget: {"db_pool": budget["db_pool"]} if "db_pool" in budget else {},
)

WAITING = (
    FAST,
    WAIT,
    UPSTREAM,
    DB,
)
