"""Checks whether the running service has the declared budget and concurrency model."""

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
        yield Finding("budget", f"{len(variant.budget)} values are as declared", True)
    if not variant.gil:
        why = "the GIL is on: this Python is not free-threaded, or a module switched the GIL on"
        yield Finding("budget", "the GIL is off", not info.get("gil", True), why)
    yield _runtime(variant, info)


def _runtime(variant: Variant, info: dict[str, Any]) -> Finding:
    """Compare the declared concurrency model with what the service reports about its runtime."""
    runtime = info.get("runtime", {})
    patched, worker = runtime.get("gevent_patched"), runtime.get("worker")
    if variant.model == "gevent":
        missing = {"socket", "select", "time", "threading"} - set(patched or [])
        return Finding(
            "budget", "gevent has patched the standard library", not missing, f"not patched: {sorted(missing)}"
        )
    if variant.model == "asyncio" and variant.server.startswith("gunicorn"):
        right = worker == "ThreadWorker" and runtime.get("loop") == "asyncio"
        return Finding(
            "budget", "each request has an asyncio event loop of its own, over WSGI", right, json.dumps(runtime)
        )
    if variant.model == "asyncio":
        # uvicorn reports its module for the parser; a service without a framework reports the parser
        right = runtime.get("loop") == "uvloop" and runtime.get("http") in ("httptools_impl", "httptools")
        return Finding("budget", "the event loop is uvloop and the parser is httptools", right, json.dumps(runtime))
    if variant.model == "goroutines":
        return Finding("budget", "goroutines run on at least one core", runtime.get("gomaxprocs", 0) >= 1)
    if variant.model == "event loop":
        workers = variant.budget["workers"]
        right = (runtime.get("event_loop"), runtime.get("pool_threads"), runtime.get("processes")) == (
            "libuv",
            variant.budget["work_threads"],
            workers if workers == 1 else workers + 1,  # several workers have one more process, which listens
        )
        return Finding("budget", "the event loop is libuv, with its thread pool", right, json.dumps(runtime))
    if variant.model == "sync":
        right = worker == "SyncWorker" and not patched
        return Finding("budget", "the worker handles one request at a time", right, json.dumps(runtime))
    if "http" in runtime:
        right = runtime.get("thread") == "AnyIO worker thread" and runtime["http"] == "httptools_impl"
        return Finding("budget", "calls run in worker threads of the event loop", right, json.dumps(runtime))
    right = worker == "ThreadWorker" and not patched
    return Finding("budget", "requests run in OS threads", right, json.dumps(runtime))
