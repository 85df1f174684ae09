"""What a request can make a service do: its path, its right answer, and what arithmetic allows.

This states the contract a second time, apart from the services: an answer is right when it equals `exchange` here.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from waitbench.catalog.variants import Budget
from waitbench.records.fault import shown
from waitbench.records.payload import pattern
from waitbench.records.spec import Exchange

Params = Mapping[str, int]

Answer = Callable[[Params], dict[str, Any]]


EARLY_MS = 2.0
"""How much earlier than the least time a right response may come: event loops round timers to whole milliseconds."""


def params_words(params: Params) -> list[str]:
    """`ms = 100`, for titles."""
    return [f"{name} = {value}" for name, value in params.items()]


def params_tags(params: Params) -> list[str]:
    """`ms100`, for keys."""
    return [f"{name}{value}" for name, value in params.items()]


def params_fault(workload: str, params: Params) -> str:
    """Why no service can be asked for this, with the key that is wrong; "" where one can."""
    if workload not in WORKLOADS:
        return f"workload: there is none named {shown(workload)}"
    known = WORKLOADS[workload].parameters
    for name, value in params.items():
        if name not in known or not known[name].low <= value <= known[name].high:
            return f"params.{name}: {workload} does not take {shown(value)}"
    lacks = [name for name, parameter in known.items() if parameter.default is None and name not in params]
    return f"params: {workload} needs {lacks[0]}" if lacks else ""


@dataclass(frozen=True)
class Parameter:
    low: int
    high: int
    default: int | None = None
    """None: must be given."""
    client: bool = False
    """What the client does, and does not tell the service."""


@dataclass(frozen=True)
class Workload:
    name: str
    title: str
    shows: str
    """What this workload can and cannot prove, in a sentence."""
    parameters: Mapping[str, Parameter]
    answer: Answer | None
    """The right answer, as JSON; None where it is bytes of the pattern."""
    slots: Callable[[Params, Budget], dict[str, float]] = field(default=lambda _params, _budget: {})
    """Requests that may wait at once, by the budget that limits them, for one worker."""
    least_s: Callable[[Params], float] = field(default=lambda params: params.get("ms", 0) / 1000)
    """The least time a right answer can take, in seconds."""
    method: Literal["GET", "POST"] = "GET"
    sends: Callable[[Params], int] = field(default=lambda _params: 0)
    """Bytes of the request's body."""
    receives: Callable[[Params], int] | None = None
    """Bytes of the answer, where it is bytes of the pattern."""
    overlap: Literal["waits", "holds", "works", ""] = ""
    """What N calls at once must show: `waits`, they take as long as one; `holds`, the service has all of them in hand
    at once; `works`, they take N times the CPU time of one, and no more of it at once than the model can."""

    def path(self, params: Params) -> str:
        query = "&".join(f"{name}={value}" for name, value in params.items() if not self.parameters[name].client)
        return f"/{self.name}" + (f"?{query}" if query else "")

    def body(self, params: Params) -> str:
        """The right answer, where it is JSON."""
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
        """The least time a right answer can take, in seconds."""
        return self.least_s(self.complete(params))


MS = Parameter(0, 60_000)

CALLS = Parameter(1, 20, default=1)

NO_YES = Parameter(0, 1, default=0)

KIB_PER_S = Parameter(0, 1_048_576, default=0, client=True)
"""The client's own pace; 0: as fast as it goes."""


def _calls(params: Params) -> list[dict[str, int]]:
    return [{"call": call, "ms": params["ms"]} for call in range(params["calls"])]


def _shelf() -> list[dict[str, Any]]:
    """The ten items of shelf 7, by the rule of services/work/schema.sql."""
    return [{"id": n, "name": f"item {n}", "price_cents": n * 37 % 10_000} for n in range(7, 10_001, 1_000)]


@lru_cache(64)
def _sha256(kib: int) -> str:
    return hashlib.sha256(pattern(kib * 1024)).hexdigest()


def _last_step(ksteps: int) -> int:
    """Where `ksteps` thousand steps of x -> (a x + c) mod m end, begun at 1: by doubling the step, not by taking
    each."""
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
    """The sum of all entries of A B, for A[i, k] = (i + k) mod 7 and B[k, j] = (k j) mod 5: the sum of each column of A
    by that of the row of B, so that no product has to be made."""
    return sum(sum((i + k) % 7 for i in range(n)) * sum(k * j % 5 for j in range(n)) for k in range(n))


def _paced_s(params: Params) -> float:
    return params["kib"] / params["kib_per_s"] if params["kib_per_s"] else 0.0


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
            overlap="waits",
        ),
        Workload(
            "upstream",
            "Calls to a slow remote API",
            "waiting on real sockets, with an HTTP client's work in it; the calls of a request go out all at once, or "
            "with serial = 1 one after the other: what lies between is what gathering them buys; it says nothing of a "
            "remote API that is slow because it is busy",
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
            "waiting on a driver and its pool; above the pool's ceiling every stack queues alike",
            {"ms": MS},
            lambda params: {"workload": "db", "ms": params["ms"], "rows": _shelf()},
            lambda _, budget: {"db_pool": budget["db_pool"]} if "db_pool" in budget else {},
            overlap="waits",
        ),
        Workload(
            "disk",
            "A file written, synced and read back",
            "the wait of a real disk, by threads in every model, since a file has no readiness to wait for; with "
            "inline = 1 the event loop waits itself; another disk would change every figure",
            {"kib": Parameter(1, 4096), "inline": NO_YES},
            lambda params: {"workload": "disk", "kib": params["kib"], "sha256": _sha256(params["kib"])},
            overlap="holds",
        ),
        Workload(
            "upload",
            "A client that sends slowly",
            "who spends a thread on a slow sender; at the ceiling the client's pace is all there is, and it ranks "
            "nothing",
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
            "who spends a thread on a slow reader, once the kernel's buffers (some MiB) are full; at the ceiling the "
            "client's pace is all there is, and it ranks nothing",
            {"kib": Parameter(0, 65_536), "kib_per_s": KIB_PER_S},
            None,
            least_s=_paced_s,
            receives=lambda params: params["kib"] * 1024,
            overlap="holds",
        ),
        Workload(
            "cpu",
            "Work in pure Python",
            "that no way of waiting helps where there is nothing to wait for: the GIL lets one thread work at a time; "
            "with inline = 1 the event loop works itself; it says nothing of several processes",
            {"ksteps": Parameter(1, 10_000), "inline": NO_YES},
            lambda params: {"workload": "cpu", "ksteps": params["ksteps"], "result": _last_step(params["ksteps"])},
            overlap="works",
        ),
        Workload(
            "cpu_native",
            "Work in native code that frees the GIL",
            "what threads still can do where the GIL is let go, on as many cores as the service has (one, unless told "
            "otherwise: that is then the limit), and what the event loop suffers with inline = 1",
            {"n": Parameter(1, 1000), "inline": NO_YES},
            lambda params: {"workload": "cpu_native", "n": params["n"], "sum": _product_sum(params["n"])},
            overlap="works",
        ),
    )
}
