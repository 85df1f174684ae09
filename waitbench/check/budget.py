"""Whether the running service has the budget and the concurrency model that were declared."""

import json
from collections.abc import Iterator
from typing import Any

from waitbench.catalog.variants import Variant, budget_differences
from waitbench.check.finding import Finding
from waitbench.launch.client import Service


def check_budget(service: Service, variant: Variant) -> Iterator[Finding]:
    info = service.info()
    differing = budget_differences(variant.budget, info.get("budget", {}))
    for name, declared, found in differing:
        yield Finding("budget", f"{name} is {declared}", False, f"the running service has {found}")
    if not differing:
        yield Finding("budget", f"{len(variant.budget)} figures as declared", True)
    if not variant.gil:
        yield Finding(
            "budget", "no GIL", not info.get("gil", True), "it is on: no free-threaded build, or brought back"
        )
    yield _runtime(variant, info)


def _runtime(variant: Variant, info: dict[str, Any]) -> Finding:
    """The concurrency model is really the one it says."""
    runtime = info.get("runtime", {})
    patched, worker = runtime.get("gevent_patched"), runtime.get("worker")
    if variant.model == "gevent":
        missing = {"socket", "select", "time", "threading"} - set(patched or [])
        return Finding(
            "budget", "gevent has patched the standard library", not missing, f"not patched: {sorted(missing)}"
        )
    if variant.model == "asyncio" and variant.server.startswith("gunicorn"):
        right = worker == "ThreadWorker" and runtime.get("loop") == "asyncio"
        return Finding("budget", "each request has a loop of asyncio's own, over WSGI", right, json.dumps(runtime))
    if variant.model == "asyncio":
        # uvicorn's own module about the parser, or, without a framework, the parser itself
        right = runtime.get("loop") == "uvloop" and runtime.get("http") in ("httptools_impl", "httptools")
        return Finding("budget", "the event loop is uvloop, the parser httptools", right, json.dumps(runtime))
    if variant.model == "goroutines":
        return Finding("budget", "goroutines run on a processor at least", runtime.get("gomaxprocs", 0) >= 1)
    if variant.model == "event loop":
        workers = variant.budget["workers"]
        right = (runtime.get("event_loop"), runtime.get("pool_threads"), runtime.get("processes")) == (
            "libuv",
            variant.budget["work_threads"],
            workers if workers == 1 else workers + 1,  # several have a process before them, which listens
        )
        return Finding("budget", "the event loop is libuv, with its pool of threads", right, json.dumps(runtime))
    if variant.model == "sync":
        right = worker == "SyncWorker" and not patched
        return Finding("budget", "the worker is one that takes a request at a time", right, json.dumps(runtime))
    if "http" in runtime:
        right = runtime.get("thread") == "AnyIO worker thread" and runtime["http"] == "httptools_impl"
        return Finding("budget", "calls are in threads of the event loop's", right, json.dumps(runtime))
    right = worker == "ThreadWorker" and not patched
    return Finding("budget", "threads are real threads", right, json.dumps(runtime))
