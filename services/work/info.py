"""The description of a service. The budget is read from the live objects, not from the request for them."""

import asyncio
import contextlib
import gc
import os
import platform
import socket
import struct
import sys
import threading
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from work import cores, counters
from work.settings import settings

gunicorn_worker: Any = None
"""The live gunicorn worker, set by gunicorn.conf.py; None elsewhere."""

null_server: Any = None
"""The live null server, set by null_app; None elsewhere."""

PACKAGES = (
    "anyio", "asgiref", "django", "fastapi", "flask", "gevent", "gunicorn", "httptools", "httpx2", "numpy",
    "psycopg", "psycopg-pool", "starlette", "uvicorn", "uvloop", "werkzeug",
)  # fmt: skip


def info(
    db_pool: int | None = None,
    upstream_connections: int | None = None,
    upstream_threads: int | None = None,
    work_threads: int | None = None,
) -> dict[str, Any]:
    """Return the body of /info. The caller reads each argument from its live objects.

    None means that the service has no such thing.
    """
    budget = {
        "workers": len(counters.worker_pids()),
        **_server_budget(),
        "db_pool": db_pool,
        "upstream_connections": upstream_connections,
        "upstream_threads": upstream_threads,
        "work_threads": work_threads,
    }
    return {
        "variant": settings.variant,
        "framework": settings.framework,
        "server": settings.server,
        "model": settings.model,
        "pid": os.getpid(),
        "cores": sorted(cores.cores()),
        "python": platform.python_version(),
        "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
        "versions": _versions(),
        "runtime": _runtime(),
        "budget": {name: value for name, value in budget.items() if value is not None},
    }


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _server_budget() -> dict[str, Any]:
    if gunicorn_worker:
        return _gunicorn_budget()
    return _null_budget() if null_server else _uvicorn_budget()


def _gunicorn_budget() -> dict[str, Any]:
    from gunicorn.workers.sync import SyncWorker

    worker = gunicorn_worker
    if isinstance(worker, SyncWorker):  # it serves one request per connection, so nothing can be set
        return {"in_flight": 1, "backlog": _backlog(worker.sockets[0]), "keep_alive_s": 0}
    threads = getattr(getattr(worker, "tpool", None), "_max_workers", None)
    return {
        "in_flight": threads or worker.worker_connections,
        "connections": worker.worker_connections,
        "backlog": _backlog(worker.sockets[0]),
        "keep_alive_s": worker.cfg.keepalive,
    }


def _uvicorn_budget() -> dict[str, Any]:
    server = _uvicorn_server()
    return {
        "in_flight": _threads_of_calls() if settings.model == "threads" else server.config.limit_concurrency,
        "connections": None,
        "backlog": _backlog(server.servers[0].sockets[0]),
        "keep_alive_s": server.config.timeout_keep_alive,
    }


def _null_budget() -> dict[str, Any]:
    return {"backlog": _backlog(null_server.listener), "keep_alive_s": null_server.keep_alive_s}


def _threads_of_calls() -> int:
    """Return how many concurrent calls the live event loop gives to threads. Runs in one of these threads."""
    from anyio import from_thread
    from anyio.to_thread import current_default_thread_limiter

    return int(from_thread.run_sync(current_default_thread_limiter).total_tokens)


def _uvicorn_server() -> Any:
    """Return the live server. uvicorn gives an application no way to reach it, so the garbage collector finds it."""
    import uvicorn

    return next(item for item in gc.get_objects() if isinstance(item, uvicorn.Server))


def _backlog(listener: Any) -> int:
    """Return the kernel's own limit for this listener: tcpi_sacked of TCP_INFO, the 6th 32-bit word, in state LISTEN.

    It is read from a duplicate, because uvloop's and gevent's sockets offer getsockopt differently.
    """
    with socket.socket(fileno=os.dup(listener.fileno())) as copy:
        raw = copy.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return int(struct.unpack_from("8B6I", raw)[8 + 5])


def _runtime() -> dict[str, Any]:
    """Return evidence of the concurrency model: the running loop, this thread, the worker and what is patched."""
    if gunicorn_worker:
        worker = type(gunicorn_worker).__name__
        if settings.model == "asyncio":
            return {"worker": worker, "loop": _loop()}
        return {"worker": worker, "gevent_patched": _patched()}
    if settings.model == "threads":
        return {"thread": threading.current_thread().name, "http": _http_parser()}
    return {"loop": _loop(), "http": _http_parser()}


def _loop() -> str:
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]


def _patched() -> list[str]:
    if "gevent.monkey" not in sys.modules:
        return []
    from gevent import monkey

    modules = ("socket", "ssl", "select", "threading", "time", "queue", "subprocess")
    return [name for name in modules if monkey.is_module_patched(name)]


def _http_parser() -> str:
    if null_server:
        return str(null_server.parser.__module__.partition(".")[0])
    return str(_uvicorn_server().config.http_protocol_class.__module__.rpartition(".")[2])
