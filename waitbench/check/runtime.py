"""Checks whether the running service has the declared server and concurrency model, and whether gevent has patched."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from waitbench.catalog.variants import Variant
from waitbench.check.finding import Finding

GEVENT_PATCHES = {"socket", "select", "time", "threading"}
"""The modules without which a wait would block every greenlet."""
MAIN_THREAD = "MainThread"

Runtime = dict[str, Any]
"""The `runtime` of /info, which the service reads from its live objects (services/work/servers.py)."""


def check_runtime(variant: Variant, runtime: Runtime) -> Iterator[Finding]:
    if variant.reports:
        differing = {name: runtime.get(name) for name, value in variant.reports.items() if runtime.get(name) != value}
        what = "the live server has " + ", ".join(f"{name} {value}" for name, value in variant.reports.items())
        yield Finding("budget", what, not differing, f"it reports {json.dumps(differing)}")
    yield MODELS[variant.model](variant, runtime)


def _gevent(_: Variant, runtime: Runtime) -> Finding:
    missing = GEVENT_PATCHES - set(runtime.get("gevent_patched") or [])
    return Finding("budget", "gevent has patched the standard library", not missing, f"not patched: {sorted(missing)}")


def _asyncio(variant: Variant, runtime: Runtime) -> Finding:
    """A server with an event loop declares which. On any other, each request has a loop of its own."""
    if "loop" in variant.reports:
        right = runtime.get("thread") == MAIN_THREAD
        return Finding("budget", "requests run on the server's event loop, in its thread", right, json.dumps(runtime))
    right = runtime.get("loop") == "asyncio" and runtime.get("thread") != MAIN_THREAD
    return Finding("budget", "each request has an asyncio event loop of its own, over WSGI", right, json.dumps(runtime))


def _sync(_: Variant, runtime: Runtime) -> Finding:
    right = runtime.get("thread") == MAIN_THREAD and not runtime.get("gevent_patched")
    return Finding("budget", "the worker handles one request at a time, in its main thread", right, json.dumps(runtime))


def _threads(_: Variant, runtime: Runtime) -> Finding:
    right = runtime.get("thread") not in (MAIN_THREAD, None) and not runtime.get("gevent_patched")
    return Finding("budget", "requests run in OS threads", right, json.dumps(runtime))


def _goroutines(_: Variant, runtime: Runtime) -> Finding:
    return Finding("budget", "goroutines run on at least one core", runtime.get("gomaxprocs", 0) >= 1)


def _event_loop(variant: Variant, runtime: Runtime) -> Finding:
    workers = variant.budget["workers"]
    right = (runtime.get("event_loop"), runtime.get("pool_threads"), runtime.get("processes")) == (
        "libuv",
        variant.budget["work_threads"],
        workers if workers == 1 else workers + 1,  # several workers have one more process, which listens
    )
    return Finding("budget", "the event loop is libuv, with its thread pool", right, json.dumps(runtime))


MODELS: dict[str, Callable[[Variant, Runtime], Finding]] = {
    "gevent": _gevent,
    "asyncio": _asyncio,
    "sync": _sync,
    "threads": _threads,
    "goroutines": _goroutines,
    "event loop": _event_loop,
}
"""The evidence for each concurrency model."""
