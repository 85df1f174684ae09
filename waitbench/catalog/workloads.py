"""The workloads: what a request makes a service do, its path, its correct response, and its shortest time.

This states the contract a second time, independently of the services: a response is correct if it equals `exchange`.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from waitbench.catalog.variants import Budget
from waitbench.records.fault import shown
from waitbench.records.load_point import Mixed
from waitbench.records.payload import pattern
from waitbench.records.spec import Exchange

Params = Mapping[str, int]

Answer = Callable[[Params], dict[str, Any]]


EARLY_MS = 2.0
"""A correct response may come this much before its shortest time, since event loops round timers to milliseconds."""


def neighbours_words(slow: Mixed) -> str:
    """`5 % of cpu, ksteps = 200`."""
    return ", ".join([f"{slow.share * 100:g} % of {slow.workload}", *params_words(slow.params)])


def params_words(params: Params) -> list[str]:
    """`ms = 100`, for titles."""
    return [f"{name} = {value}" for name, value in params.items()]


def params_tags(params: Params) -> list[str]:
    """`ms100`, for keys."""
    return [f"{name}{value}" for name, value in params.items()]


def params_fault(workload: str, params: Params) -> str:
    """Why this workload cannot be requested, with the wrong key; "" if it can."""
    if workload not in WORKLOADS:
        return f"workload: there is no workload {shown(workload)}"
    known = WORKLOADS[workload].parameters
    for name, value in params.items():
        if name not in known or not known[name].low <= value <= known[name].high:
            return f"params.{name}: {workload} does not accept {shown(value)}"
    lacks = [name for name, parameter in known.items() if parameter.default is None and name not in params]
    return f"params: {workload} needs {lacks[0]}" if lacks else ""


@dataclass(frozen=True)
class Parameter:
    low: int
    high: int
    default: int | None = None
    """None if it is required."""
    client: bool = False
    """Whether it changes only what the client does; the service does not get it."""


@dataclass(frozen=True)
class Workload:
    name: str
    title: str
    shows: str
    """In one sentence, what this workload can and cannot prove."""
    parameters: Mapping[str, Parameter]
    answer: Answer | None
    """The correct response as JSON; None if the response is bytes of the pattern."""
    slots: Callable[[Params, Budget], dict[str, float]] = field(default=lambda _params, _budget: {})
    """How many requests of one worker may wait at the same time, by the key of the budget that limits them."""
    least_s: Callable[[Params], float] = field(default=lambda params: params.get("ms", 0) / 1000)
    """The shortest time of a correct response, in seconds."""
    method: Literal["GET", "POST"] = "GET"
    sends: Callable[[Params], int] = field(default=lambda _params: 0)
    """The size of the request's body in bytes."""
    receives: Callable[[Params], int] | None = None
    """The size of the response in bytes, if it is bytes of the pattern."""
    overlap: Literal["waits", "holds", "works", ""] = ""
    """The behaviour that N concurrent calls must show.

    - `waits`: they take as long as one call.
    - `holds`: the service has all of them in flight at the same time.
    - `works`: they take N times the CPU time of one call, on no more cores than the model can use.
    """

    def path(self, params: Params) -> str:
        query = "&".join(f"{name}={value}" for name, value in params.items() if not self.parameters[name].client)
        return f"/{self.name}" + (f"?{query}" if query else "")

    def body(self, params: Params) -> str:
        """The correct response of a workload that responds with JSON."""
        assert self.answer is not None
        return json.dumps(self.answer(self.complete(params)), separators=(",", ":"), ensure_ascii=False)

    def exchange(self, params: Params) -> Exchange:
        full = self.complete(params)
        return Exchange(
            method=self.method,
            path=self.path(params),
            body=self.body(params) if self.answer else None,
            sends=self.sends(full),
            receives=self.receives(full) if self.receives else None,
            bytes_per_s=full.get("kib_per_s", 0) * 1024,
            least_s=self.wait_s(params),
        )

    def complete(self, params: Params) -> dict[str, int]:
        """The parameters with their defaults filled in."""
        defaults = {name: p.default for name, p in self.parameters.items() if p.default is not None}
        return {**defaults, **params}

    def wait_s(self, params: Params) -> float:
        """The shortest time of a correct response, in seconds."""
        return self.least_s(self.complete(params))


MS = Parameter(0, 60_000)

CALLS = Parameter(1, 20, default=1)

NO_YES = Parameter(0, 1, default=0)

KIB_PER_S = Parameter(0, 1_048_576, default=0, client=True)
"""How fast the client sends or reads, in KiB/s; 0 means as fast as possible."""


def _calls(params: Params) -> list[dict[str, int]]:
    return [{"call": call, "ms": params["ms"]} for call in range(params["calls"])]


def _shelf() -> list[dict[str, Any]]:
    """The ten items of shelf 7, by the rule in services/work/schema.sql."""
    return [{"id": n, "name": f"item {n}", "price_cents": n * 37 % 10_000} for n in range(7, 10_001, 1_000)]


@lru_cache(64)
def _sha256(kib: int) -> str:
    return hashlib.sha256(pattern(kib * 1024)).hexdigest()


def _last_step(ksteps: int) -> int:
    """The result of `ksteps` thousand steps of x -> (a x + c) mod m from x = 1, computed by doubling the step."""
    a, c, m = 1_103_515_245, 12_345, 2**31
    times, plus, left = 1, 0, ksteps * 1000
    while left:
        if left % 2:
            times, plus = a * times % m, (a * plus + c) % m
        a, c = a * a % m, (a * c + c) % m
        left //= 2
    return (times + plus) % m


@lru_cache(64)
def _product_sum(n: int) -> int:
    """The sum of all entries of A B, for A[i, k] = (i + k) mod 7 and B[k, j] = (k j) mod 5.

    Each column sum of A is multiplied by the row sum of B, so the matrix product is not computed.
    """
    return sum(sum((i + k) % 7 for i in range(n)) * sum(k * j % 5 for j in range(n)) for k in range(n))


def _paced_s(params: Params) -> float:
    return params["kib"] / params["kib_per_s"] if params["kib_per_s"] else 0.0


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload(
            "fast",
            "An immediate response",
            "what the framework and its server cost by themselves; nothing waits",
            {},
            lambda _: {"workload": "fast"},
        ),
        Workload(
            "wait",
            "A plain wait",
            "how many requests a stack can keep waiting at the same time; at the theoretical maximum, arithmetic sets "
            "the throughput and nothing is ranked",
            {"ms": MS},
            lambda params: {"workload": "wait", "ms": params["ms"]},
            overlap="waits",
        ),
        Workload(
            "upstream",
            "Calls to a slow remote API",
            "waiting on real sockets, including the work of an HTTP client; a request's remote calls are concurrent, "
            "or one after the other with serial = 1, and the difference is the gain of concurrency; it shows nothing "
            "about a remote API that is slow because it is busy",
            {"ms": MS, "calls": CALLS, "serial": NO_YES},
            lambda params: {"workload": "upstream", "ms": params["ms"], "calls": _calls(params)},
            lambda params, budget: {
                name: budget[name] / (1 if params["serial"] else params["calls"])
                for name in ("upstream_connections", *(() if params["serial"] else ("upstream_threads",)))
                if name in budget
            },
            least_s=lambda params: params["ms"] / 1000 * (params["calls"] if params["serial"] else 1),
            overlap="waits",
        ),
        Workload(
            "db",
            "A slow PostgreSQL query",
            "waiting on a driver and its pool; beyond the pool's theoretical maximum every stack queues in the same "
            "way",
            {"ms": MS},
            lambda params: {"workload": "db", "ms": params["ms"], "rows": _shelf()},
            lambda _, budget: {"db_pool": budget["db_pool"]} if "db_pool" in budget else {},
            overlap="waits",
        ),
        Workload(
            "disk",
            "A file written, synced and read back",
            "waiting for a real disk, which every model does in threads because a file has no readiness event; with "
            "inline = 1 the event loop itself waits; another disk would change every figure",
            {"kib": Parameter(1, 4096), "inline": NO_YES},
            lambda params: {"workload": "disk", "kib": params["kib"], "sha256": _sha256(params["kib"])},
            overlap="holds",
        ),
        Workload(
            "upload",
            "A client that sends slowly",
            "which stacks use a thread for a slow sender; at the theoretical maximum the client's pace sets the "
            "throughput and nothing is ranked",
            {"kib": Parameter(0, 65_536, client=True), "kib_per_s": KIB_PER_S},
            lambda params: {
                "workload": "upload",
                "bytes": params["kib"] * 1024,
                "sha256": _sha256(params["kib"]),
            },
            least_s=_paced_s,
            method="POST",
            sends=lambda params: params["kib"] * 1024,
            overlap="holds",
        ),
        Workload(
            "download",
            "A client that reads slowly",
            "which stacks use a thread for a slow reader, once the kernel's buffers (some MiB) are full; at the "
            "theoretical maximum the client's pace sets the throughput and nothing is ranked",
            {"kib": Parameter(0, 65_536), "kib_per_s": KIB_PER_S},
            None,
            least_s=_paced_s,
            receives=lambda params: params["kib"] * 1024,
            overlap="holds",
        ),
        Workload(
            "cpu",
            "Work in pure Python",
            "that no concurrency model helps if nothing waits, because the GIL lets only one thread work at a time; "
            "with inline = 1 the event loop itself works; it shows nothing about several processes",
            {"ksteps": Parameter(1, 10_000), "inline": NO_YES},
            lambda params: {"workload": "cpu", "ksteps": params["ksteps"], "result": _last_step(params["ksteps"])},
            overlap="works",
        ),
        Workload(
            "cpu_native",
            "Work in native code that releases the GIL",
            "what threads gain if the GIL is released, on the cores that the service has (by default one, which is "
            "then the limit), and how inline = 1 delays the event loop",
            {"n": Parameter(1, 1000), "inline": NO_YES},
            lambda params: {"workload": "cpu_native", "n": params["n"], "sum": _product_sum(params["n"])},
            overlap="works",
        ),
    )
}
