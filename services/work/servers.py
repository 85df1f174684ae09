"""The live server of this service: its budget and how it runs, read from its own objects and not from its options."""

import asyncio
import gc
import os
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

from work.settings import settings

gunicorn_worker: Any = None
"""The live gunicorn worker, set by gunicorn.conf.py; None elsewhere."""

null_server: Any = None
"""The live null server, set by null_app; None elsewhere."""


def budget() -> dict[str, Any]:
    """The limits of the live server. A limit that it does not have is missing or None."""
    if gunicorn_worker:
        return _gunicorn_budget(gunicorn_worker)
    if null_server:
        return {"backlog": _backlog(), "keep_alive_s": null_server.keep_alive_s}
    return _granian_budget(granian) if (granian := _granian()) else _uvicorn_budget(_uvicorn())


def runtime() -> dict[str, Any]:
    """How the live server runs: its worker, its HTTP parser, its event loop or its threads, and what is patched."""
    if gunicorn_worker:
        own = {"worker": type(gunicorn_worker).__name__, "gevent_patched": _patched()}
    elif null_server:
        own = {"worker": "null", "http": str(null_server.parser.__module__.partition(".")[0])}
    elif granian := _granian():
        own = {"worker": f"granian {granian['interface']}", "http": "hyper"}
    else:
        own = {"worker": "uvicorn", "http": _uvicorn().config.http_protocol_class.__module__.rpartition(".")[2]}
    return own | {"loop": _loop(), "thread": threading.current_thread().name}


def _gunicorn_budget(worker: Any) -> dict[str, Any]:
    from gunicorn.workers.gasgi import ASGIWorker
    from gunicorn.workers.sync import SyncWorker

    if isinstance(worker, SyncWorker):  # it serves one request per connection, so nothing can be set
        return {"in_flight": 1, "backlog": _backlog(), "keep_alive_s": 0}
    threads = getattr(getattr(worker, "tpool", None), "_max_workers", None)
    return {
        "in_flight": None if isinstance(worker, ASGIWorker) else threads or worker.worker_connections,
        "connections": worker.worker_connections,
        "backlog": _backlog(),
        "keep_alive_s": worker.cfg.keepalive,
    }


def _uvicorn_budget(server: Any) -> dict[str, Any]:
    return {
        "in_flight": _threads_of_calls() if settings.model == "threads" else server.config.limit_concurrency,
        "connections": None,
        "backlog": _backlog(),
        "keep_alive_s": server.config.timeout_keep_alive,
    }


def _granian_budget(found: dict[str, Any]) -> dict[str, Any]:
    """granian closes a connection whose next request does not come in the time for reading a header."""
    http1 = found["http1_settings"]
    return {
        "in_flight": found["blocking_threads"] if found["interface"] == "wsgi" else None,
        "connections": found["backpressure"],
        "backlog": _backlog(),
        "keep_alive_s": http1.header_read_timeout // 1000 if http1.keep_alive else 0,
    }


def _granian() -> dict[str, Any] | None:
    """The arguments of the function that runs granian's worker, in the main thread; None if this is not granian.

    Its settings are passed on to compiled code, so no Python object has them.
    """
    for frame in _frames(sys._current_frames().get(threading.main_thread().ident or 0)):
        name = frame.f_code.co_name
        if frame.f_globals.get("__name__") == "granian.server.mp" and name.startswith("_spawn_"):
            return {**frame.f_locals, "interface": name.split("_")[2]}
    return None


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    while frame:
        yield frame
        frame = frame.f_back


def _uvicorn() -> Any:
    """The live server. uvicorn gives an application no way to reach it, so the garbage collector finds it."""
    import uvicorn

    return next(item for item in gc.get_objects() if isinstance(item, uvicorn.Server))


def _threads_of_calls() -> int:
    """Return how many concurrent calls the live event loop gives to threads. Runs in one of these threads."""
    from anyio import from_thread
    from anyio.to_thread import current_default_thread_limiter

    return int(from_thread.run_sync(current_default_thread_limiter).total_tokens)


def _backlog() -> int:
    """Return the kernel's own limit for the listener: tcpi_sacked of TCP_INFO, the 6th 32-bit word, in state LISTEN.

    The listener is found among the open files, because each server keeps it in another way.
    """
    for name in os.listdir("/proc/self/fd"):
        try:
            if not os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                continue
            with socket.socket(fileno=os.dup(int(name))) as copy:
                if copy.family in (socket.AF_INET, socket.AF_INET6) and copy.getsockopt(
                    socket.SOL_SOCKET, socket.SO_ACCEPTCONN
                ):
                    raw = copy.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
                    return int(struct.unpack_from("8B6I", raw)[8 + 5])
        except OSError:  # it was closed meanwhile
            continue
    raise RuntimeError("this process has no listener")


def _loop() -> str | None:
    """The module of the running event loop; None if requests have none."""
    try:
        return type(asyncio.get_running_loop()).__module__.partition(".")[0]
    except RuntimeError:
        return _loop_behind_threads()


def _loop_behind_threads() -> str | None:
    """The event loop that has given this call to a thread; None if none has."""
    try:
        from anyio import from_thread

        return from_thread.run_sync(_loop)
    except (ImportError, RuntimeError):
        return None


def _patched() -> list[str]:
    if "gevent.monkey" not in sys.modules:
        return []
    from gevent import monkey

    modules = ("socket", "ssl", "select", "threading", "time", "queue", "subprocess")
    return [name for name in modules if monkey.is_module_patched(name)]
