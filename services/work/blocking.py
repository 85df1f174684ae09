"""How services that block wait and work: on threads, or on gevent, which makes the same calls cooperative."""

import queue
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import psycopg
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

from work import database, remote
from work.bodies import digest as digest
from work.info import info as describe
from work.pattern import pieces as pieces
from work.responses import DependencyFailed, Refusal
from work.settings import settings
from work.threads import NativeThreads, OwnThreads, attempt

_pool = ConnectionPool(connection_class=database.Connection, **database.POOL)
_clients: queue.LifoQueue[httpx2.Client | None] = queue.LifoQueue(settings.upstream_connections)
for _ in range(settings.upstream_connections):
    _clients.put(None)  # a slot without a client yet
_threads = ThreadPoolExecutor(settings.upstream_threads or 1, thread_name_prefix="upstream")
_work_threads = (NativeThreads if settings.model == "gevent" else OwnThreads)(settings.work_threads or 1)


@asynccontextmanager
async def lifespan(_: Any) -> AsyncIterator[None]:
    """On an event loop that gives each call to a thread, allow `in_flight` threads instead of anyio's 40."""
    from anyio.to_thread import current_default_thread_limiter

    if settings.in_flight:
        current_default_thread_limiter().total_tokens = settings.in_flight
    yield
    _pool.close()


def wait(ms: int) -> None:
    time.sleep(ms / 1000)


def remote_calls(ms: int, calls: int, serial: int) -> list[dict[str, Any]]:
    """Make `calls` remote calls, one after the other or concurrently, and return when all have ended."""
    if serial or calls == 1:
        return [_call(ms, call) for call in range(calls)]
    return _gather(lambda call: _call(ms, call), calls)


def _call(ms: int, call: int) -> dict[str, Any]:
    try:
        client = _clients.get(timeout=settings.dependency_grace_s)
    except queue.Empty as error:
        raise DependencyFailed(remote.FAILED) from error
    try:
        client = client or httpx2.Client(**remote.CLIENT)
        return remote.read(client.get(remote.url(ms, call), timeout=remote.timeout(ms)))
    except httpx2.HTTPError as error:
        raise DependencyFailed(remote.FAILED) from error
    finally:
        _clients.put(client)


def _gather_by_threads(work: Callable[[int], Any], count: int) -> list[Any]:
    return list(_threads.map(work, range(count)))


def _gather_by_greenlets(work: Callable[[int], Any], count: int) -> list[Any]:
    from gevent.pool import Pool

    results = []
    for result in Pool(count).imap(lambda index: attempt(work, index), range(count)):
        if isinstance(result, Refusal):
            raise result
        results.append(result)
    return results


_gather = _gather_by_greenlets if settings.model == "gevent" else _gather_by_threads


def query(ms: int) -> list[dict[str, Any]]:
    """Return rows of an indexed read, from a query that waits `ms` in the database."""
    try:
        if _pool.closed:
            _pool.open(wait=False)  # at the first query; of several concurrent ones, one opens it
        with _pool.connection() as connection:
            connection.deadline_s = ms / 1000 + settings.dependency_grace_s
            with connection.cursor(row_factory=dict_row) as cursor:
                try:
                    return cursor.execute(database.QUERY, database.arguments(ms)).fetchall()
                except psycopg.Error:
                    connection.close()  # its state is unknown, so it must not be used again
                    raise
    except (psycopg.Error, PoolTimeout) as error:
        raise DependencyFailed(database.FAILED) from error


work = _work_threads.run
"""Do work that cannot be awaited: `work(inline, function, *arguments)` returns the function's result."""


def info() -> dict[str, Any]:
    threads = None if settings.model == "gevent" else _threads._max_workers
    return describe(_pool.max_size, _clients.maxsize, threads, _work_threads.count)
