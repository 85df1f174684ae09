"""The description of a service. The budget is read from the live objects, not from the request for them."""

import contextlib
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from work import cores, counters, servers
from work.settings import settings

PACKAGES = (
    "anyio", "asgiref", "django", "fastapi", "flask", "gevent", "granian", "gunicorn", "h11", "httptools", "httpx2",
    "numpy", "psycopg", "psycopg-pool", "starlette", "uvicorn", "uvloop", "werkzeug",
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
        **servers.budget(),
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
        "runtime": {name: value for name, value in servers.runtime().items() if value is not None},
        "budget": {name: value for name, value in budget.items() if value is not None},
    }


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
