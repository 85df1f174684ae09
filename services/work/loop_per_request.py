"""How coroutines that each have their own event loop for one request wait and work.

A WSGI framework runs them like this (asgiref's async_to_sync: a new loop in a new thread). A connection pool or an
HTTP client belongs to the loop on which it was opened, so it cannot be shared. Each request opens its own connections,
and the budget limits how many are open at once. That cost belongs to this model. In return nothing else runs on the
loop, so work that blocks it stops only its own request.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import psycopg
from psycopg.rows import dict_row

from work import bodies, database, remote
from work.info import info as describe
from work.pattern import pieces as pieces
from work.responses import DependencyFailed
from work.settings import settings
from work.threads import OwnThreads, Result


class Places:
    """Limits how many connections all loops have open at once.

    A request takes all that it needs before the next one takes any. Otherwise two that each had half of theirs would
    wait for each other.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._free = threading.Semaphore(count)
        self._turn = threading.Lock()

    @contextmanager
    def taken(self, wanted: int, failed: str) -> Iterator[None]:
        """Wait in the request's own thread. Raises DependencyFailed after the grace."""
        taken = 0
        try:
            if not self._turn.acquire(timeout=settings.dependency_grace_s):
                raise DependencyFailed(failed)
            try:
                while taken < wanted:
                    if not self._free.acquire(timeout=settings.dependency_grace_s):
                        raise DependencyFailed(failed)
                    taken += 1
            finally:
                self._turn.release()
            yield
        finally:
            if taken:
                self._free.release(taken)


_connections = Places(settings.db_pool or 1)
_remote_connections = Places(settings.upstream_connections or 1)
_work_threads = OwnThreads(settings.work_threads or 1)


async def wait(ms: int) -> None:
    await asyncio.sleep(ms / 1000)


async def remote_calls(ms: int, calls: int, serial: int) -> list[dict[str, Any]]:
    """Make `calls` remote calls, one after the other or concurrently, and return when all have ended."""
    places = 1 if serial else calls
    options = {**remote.CLIENT, "limits": httpx2.Limits(max_connections=places)}
    with _remote_connections.taken(places, remote.FAILED):
        async with httpx2.AsyncClient(**options) as client:
            if serial or calls == 1:
                return [await _call(client, ms, call) for call in range(calls)]
            return await asyncio.gather(*(_call(client, ms, call) for call in range(calls)))


async def _call(client: httpx2.AsyncClient, ms: int, call: int) -> dict[str, Any]:
    try:
        return remote.read(await client.get(remote.url(ms, call), timeout=remote.timeout(ms)))
    except httpx2.HTTPError as error:
        raise DependencyFailed(remote.FAILED) from error


async def query(ms: int) -> list[dict[str, Any]]:
    """Return rows of an indexed read, from a query that waits `ms` in the database."""
    with _connections.taken(1, database.FAILED):
        try:
            connection = await _connected()
            try:
                connection.deadline_s = ms / 1000 + settings.dependency_grace_s
                cursor = connection.cursor(row_factory=dict_row)
                await cursor.execute(database.QUERY, database.arguments(ms))
                return await cursor.fetchall()
            finally:
                await connection.close()
        except (psycopg.Error, TimeoutError) as error:
            raise DependencyFailed(database.FAILED) from error


async def _connected() -> database.AsyncConnection:
    async with asyncio.timeout(settings.dependency_grace_s):
        return await database.AsyncConnection.connect(settings.database_url, **database.CONNECTION)


async def digest(read: Callable[[int], bytes], length: int) -> str:
    """Return the SHA-256 of a body. Reading it from the server blocks."""
    return bodies.digest(read, length)


async def work(inline: int, function: Callable[..., Result], *args: Any) -> Result:
    """Work in the request's own thread, whose loop nothing else uses."""
    return _work_threads.run(inline, function, *args)


def info() -> dict[str, Any]:
    return describe(_connections.count, _remote_connections.count, None, _work_threads.count)
