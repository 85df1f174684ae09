"""Whether a live service is what it says: contract, timing, overlap, budget. Each finding is a record."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from waitbench.errors import WaitbenchError
from waitbench.results import Proof
from waitbench.service import Service
from waitbench.variants import Budget, Variant
from waitbench.workloads import WORKLOADS, Workload

JSON, PROBLEM = "application/json", "application/problem+json"

OVERLAP_CALLS = 20
OVERLAP_MS = 200
OVERLAP_ROUNDS = 2.5
"""Calls that overlap take as long as one; above this, nine or fewer went at once. The best of a few tries counts,
so that a busy machine is not taken for a blocked service."""
OVERLAP_TRIES = 3
TIMING_MS = (0, 40, 160)
EARLY_MS = 2.0
"""How much earlier than asked an answer may come: event loops round timers to whole milliseconds."""

SAMPLES: dict[str, dict[str, int]] = {
    "fast": {},
    "wait": {"ms": 100},
    "upstream": {"ms": 100, "calls": 3},
    "db": {"ms": 50},
}

BAD_QUERIES = (
    "",
    "ms=",
    "ms=-1",
    "ms=1.5",
    "ms=abc",
    "ms=60001",
    "ms=+5",
    "ms=5&ms=5",
    "ms=%205",
    "ms=%D9%A5",
    "ms=1_0",
)
BAD_CALLS = ("ms=1&calls=0", "ms=1&calls=21", "ms=1&calls=", "ms=1&calls=2&calls=2", "ms=1&calls=x")


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `group` is contract, timing, overlap or budget."""

    group: str
    what: str
    good: bool
    detail: str = ""


def check_service(service: Service, variant: Variant) -> list[Finding]:
    """Everything, against one live service. A service that stops answering is a finding, not an error."""
    findings: list[Finding] = []
    for group, checks in (
        ("contract", _contract(service, variant)),
        ("timing", _timing(service, variant)),
        ("overlap", _overlap(service, variant)),
        ("budget", _budget(service, variant)),
    ):
        try:
            findings.extend(checks)
        except WaitbenchError as error:
            findings.append(Finding(group, "answers", False, str(error)))
    return findings


def _served(variant: Variant) -> list[Workload]:
    return [workload for name, workload in WORKLOADS.items() if variant.serves(name)]


def _waits(variant: Variant) -> list[Workload]:
    return [workload for workload in _served(variant) if "ms" in workload.parameters]


def _contract(service: Service, variant: Variant) -> Iterator[Finding]:
    for workload in _served(variant):
        yield _answer(service, workload, SAMPLES[workload.name])
        for method in ("POST", "HEAD", "OPTIONS", "DELETE"):
            yield _refusal(service, method, workload.path(SAMPLES[workload.name]), 405)
    for workload in _waits(variant):
        for query in BAD_QUERIES:
            yield _refusal(service, "GET", f"/{workload.name}?{query}", 400)
    if variant.serves("upstream"):
        yield _answer(service, WORKLOADS["upstream"], {"ms": 5})
        for query in BAD_CALLS:
            yield _refusal(service, "GET", f"/upstream?{query}", 400)
    for path in ("/", "/nope", "/wait/", "/wait/5", *_unserved(variant)):
        yield _refusal(service, "GET", path, 404)


def _unserved(variant: Variant) -> list[str]:
    """To a service that does not serve a workload its path is one like any other that is not there."""
    return [f"/{name}" for name in WORKLOADS if not variant.serves(name)]


def _answer(service: Service, workload: Workload, params: dict[str, int]) -> Finding:
    path, right = workload.path(params), workload.body(params)
    response = service.get(path)
    found = (response.status_code, _media_type(response), response.text)
    if found == (200, JSON, right):
        return Finding("contract", f"GET {path}", True)
    return Finding("contract", f"GET {path}", False, f"answered {_short(found)}; right is {_short((200, JSON, right))}")


def _refusal(service: Service, method: str, path: str, status: int) -> Finding:
    response = service.send(method, path)
    what = f"{method} {path} is refused with {status}"
    if response.status_code != status or _media_type(response) != PROBLEM:
        return Finding("contract", what, False, f"answered {response.status_code}, {_media_type(response)}")
    if status == 405 and response.headers.get("allow") != "GET":
        return Finding("contract", what, False, f"Allow is {response.headers.get('allow')!r}, not 'GET'")
    if method != "HEAD" and _problem(response).get("status") != status:
        return Finding("contract", what, False, f"the problem says {response.text[:200]}")
    return Finding("contract", what, True)


def _problem(response: Any) -> dict[str, Any]:
    """The body of a refusal; empty where it is no JSON object."""
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _timing(service: Service, variant: Variant) -> Iterator[Finding]:
    """No wait may be cut short. How much longer than asked it takes is for the measurement to say."""
    for workload in _waits(variant):
        for ms in TIMING_MS:
            path = workload.path({"ms": ms})
            taken_ms = min(_timed_ms(service, path) for _ in range(3))
            detail = "" if taken_ms >= ms - EARLY_MS else f"answered after {taken_ms:.1f} ms: the wait was cut short"
            yield Finding("timing", f"GET {path} takes its {ms} ms", not detail, detail)


def _timed_ms(service: Service, path: str) -> float:
    began = time.perf_counter()
    service.get(path)
    return (time.perf_counter() - began) * 1000


def _overlap(service: Service, variant: Variant) -> Iterator[Finding]:
    for workload in _waits(variant):
        held, rounds = proven_overlap(service, workload)
        what = f"{OVERLAP_CALLS} slow {workload.name} calls overlap"
        if rounds >= OVERLAP_ROUNDS:
            detail = f"they took as long as {rounds:.1f} of them one after the other; the service held {held} at once"
        elif held < OVERLAP_CALLS:
            detail = f"the service held only {held} at once"
        else:
            detail = ""
        yield Finding("overlap", what, not detail, detail)


def proof(service: Service, workload: Workload, model: str, budget: Budget) -> Proof:  # noqa: ARG001
    """What N calls at once show before any load."""
    if workload.overlap != "waits":
        return Proof(good=True, calls=0, held=0, rounds=1.0)
    held, rounds = proven_overlap(service, workload)
    good = held >= OVERLAP_CALLS and rounds < OVERLAP_ROUNDS
    says = f"of {OVERLAP_CALLS} slow calls {held} were held at once, and all took as long as {rounds:.1f} of them"
    return Proof(good=good, calls=OVERLAP_CALLS, held=held, rounds=rounds, says="" if good else says)


def proven_overlap(service: Service, workload: Workload) -> tuple[int, float]:
    """How many of OVERLAP_CALLS slow calls were held at once, and how many waits all took: the best of a few tries."""
    held, rounds = 0, float(OVERLAP_CALLS)
    for _ in range(OVERLAP_TRIES):
        seen, took_s = overlap(service, workload, OVERLAP_CALLS)
        held, rounds = max(held, seen), min(rounds, took_s / (OVERLAP_MS / 1000))
        if held == OVERLAP_CALLS and rounds < OVERLAP_ROUNDS:
            break
    return held, rounds


def overlap(service: Service, workload: Workload, calls: int, ms: int = OVERLAP_MS) -> tuple[int, float]:
    """How many of `calls` slow calls the service held at once, by its own count, and how long all took in seconds."""
    service.get(workload.path({"ms": 1}))
    service.reset_usage()
    path = workload.path({"ms": ms})
    ready = threading.Barrier(calls)
    took: list[float] = []

    def call() -> None:
        with Service(service.base_url, timeout_s=30) as own:
            try:
                own.get("/health")  # connected: what follows is the call alone
                ready.wait()
            except WaitbenchError:
                ready.abort()  # or the others would wait for this one for ever
                raise
            except threading.BrokenBarrierError:
                return
            began = time.perf_counter()
            own.get(path)
            took.append(time.perf_counter() - began)

    with ThreadPoolExecutor(calls) as callers:
        for done in [callers.submit(call) for _ in range(calls)]:
            done.result()
    return int(service.usage()["peak_in_flight"]), max(took) if took else 0.0


def _budget(service: Service, variant: Variant) -> Iterator[Finding]:
    info = service.info()
    for name, declared, found in differences(variant.budget, info.get("budget", {})):
        yield Finding("budget", f"{name} is {declared}", False, f"the running service has {found}")
    if not differences(variant.budget, info.get("budget", {})):
        yield Finding("budget", f"{len(variant.budget)} figures as declared", True)
    yield _runtime(variant, info)


def differences(declared: Budget, found: Budget) -> list[tuple[str, int | None, int | None]]:
    """Where a budget read back is not the one declared: name, declared, found."""
    names = [*declared, *(name for name in found if name not in declared)]
    return [(name, declared.get(name), found.get(name)) for name in names if declared.get(name) != found.get(name)]


def _runtime(variant: Variant, info: dict[str, Any]) -> Finding:
    """The concurrency model is really the one it says."""
    runtime = info.get("runtime", {})
    if variant.model == "gevent":
        missing = {"socket", "select", "time", "threading"} - set(runtime.get("gevent_patched", []))
        return Finding(
            "budget", "gevent has patched the standard library", not missing, f"not patched: {sorted(missing)}"
        )
    if variant.model == "asyncio":
        # uvicorn's own module about the parser, or, without a framework, the parser itself
        right = runtime.get("loop") == "uvloop" and runtime.get("http") in ("httptools_impl", "httptools")
        return Finding("budget", "the event loop is uvloop, the parser httptools", right, json.dumps(runtime))
    patched = runtime.get("gevent_patched")
    return Finding("budget", "threads are real threads", not patched, f"gevent has patched {patched}")


def _media_type(response: Any) -> str:
    return str(response.headers.get("content-type", "")).partition(";")[0]


def _short(found: tuple[int, str, str]) -> str:
    status, media_type, text = found
    return f"{status}, {media_type}, {text[:120]}{'…' if len(text) > 120 else ''}"
