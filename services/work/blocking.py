"""The waits for services whose code blocks: on threads, or on gevent, which makes the same calls cooperate."""

import queue
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import psycopg
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

from work import database, remote
from work.answers import DependencyFailed
from work.info import info as describe
from work.settings import settings


class _Connection(psycopg.Connection[Any]):
    """A connection whose every exchange has a deadline, so that a database that hangs is found out."""

    deadline_s = settings.dependency_grace_s

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        return super().wait(gen, interval, self.deadline_s if timeout is None else timeout)


_pool = ConnectionPool(
    settings.database_url,
    connection_class=_Connection,
    kwargs=database.CONNECTION,
    min_size=settings.db_pool,
    max_size=settings.db_pool,
    timeout=settings.dependency_grace_s,
    reconnect_timeout=2,
    open=False,
)
_clients: queue.LifoQueue[httpx2.Client | None] = queue.LifoQueue(settings.upstream_connections)
for _ in range(settings.upstream_connections):
    _clients.put(None)  # a place not yet used
_threads = ThreadPoolExecutor(settings.upstream_threads or 1, thread_name_prefix="upstream")


def open_pool() -> None:
    """Connect in the background; the first query waits for a connection if none is there yet."""
    _pool.open(wait=False)


def wait(ms: int) -> None:
    time.sleep(ms / 1000)


def upstream(ms: int, calls: int) -> list[dict[str, Any]]:
    """`calls` remote calls at once; returns when the slowest is back."""
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

    def attempt(index: int) -> Any:
        try:
            return work(index)
        except DependencyFailed as failure:
            return failure  # as a value: gevent prints a traceback for whatever a greenlet raises

    results = []
    for result in Pool(count).imap(attempt, range(count)):
        if isinstance(result, DependencyFailed):
            raise result
        results.append(result)
    return results


_gather = _gather_by_greenlets if settings.model == "gevent" else _gather_by_threads


def db(ms: int) -> list[dict[str, Any]]:
    """Rows by an indexed read, from a query that waits `ms` in the database."""
    try:
        with _pool.connection() as connection:
            connection.deadline_s = ms / 1000 + settings.dependency_grace_s
            with connection.cursor(row_factory=dict_row) as cursor:
                try:
                    return cursor.execute(database.QUERY, database.arguments(ms)).fetchall()
                except psycopg.Error:
                    connection.close()  # in an unknown state: not to be handed out again
                    raise
    except (psycopg.Error, PoolTimeout) as error:
        raise DependencyFailed(database.FAILED) from error


def info() -> dict[str, Any]:
    threads = _threads._max_workers if settings.model == "threads" else None
    return describe(_pool, _clients.maxsize, threads)
