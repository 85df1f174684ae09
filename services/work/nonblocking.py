"""How services on an event loop wait and work, by the asynchronous parts of blocking.py's libraries."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

import httpx2
import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from work import bodies, database, pattern, remote
from work.info import info as describe
from work.responses import DependencyFailed
from work.settings import settings
from work.threads import Result

_pool = AsyncConnectionPool(connection_class=database.AsyncConnection, **database.POOL)
_clients: asyncio.LifoQueue[httpx2.AsyncClient | None] = asyncio.LifoQueue(settings.upstream_connections)
for _ in range(settings.upstream_connections):
    _clients.put_nowait(None)  # a slot without a client yet
_work_threads = ThreadPoolExecutor(settings.work_threads or 1, thread_name_prefix="work")


@asynccontextmanager
async def lifespan(_: Any) -> AsyncIterator[None]:
    """Close the connections when the service ends."""
    yield
    await _pool.close()


async def wait(ms: int) -> None:
    await asyncio.sleep(ms / 1000)


async def remote_calls(ms: int, calls: int, serial: int) -> list[dict[str, Any]]:
    """Make `calls` remote calls, one after the other or concurrently, and return when all have ended."""
    if serial or calls == 1:
        return [await _call(ms, call) for call in range(calls)]
    return await asyncio.gather(*(_call(ms, call) for call in range(calls)))


async def _call(ms: int, call: int) -> dict[str, Any]:
    client = await _free_client()
    try:
        client = client or httpx2.AsyncClient(**remote.CLIENT)
        return remote.read(await client.get(remote.url(ms, call), timeout=remote.timeout(ms)))
    except httpx2.HTTPError as error:
        raise DependencyFailed(remote.FAILED) from error
    finally:
        _clients.put_nowait(client)


async def _free_client() -> httpx2.AsyncClient | None:
    """Return a client that is free now or in time. The first try has no timeout, which would cost far more."""
    try:
        return _clients.get_nowait()
    except asyncio.QueueEmpty:
        pass
    try:
        return await asyncio.wait_for(_clients.get(), settings.dependency_grace_s)
    except TimeoutError as error:
        raise DependencyFailed(remote.FAILED) from error


async def query(ms: int) -> list[dict[str, Any]]:
    """Return rows of an indexed read, from a query that waits `ms` in the database."""
    try:
        if _pool.closed:
            await _pool.open(wait=False)  # at the first query; of several concurrent ones, one opens it
        async with _pool.connection() as connection:
            connection.deadline_s = ms / 1000 + settings.dependency_grace_s
            async with connection.cursor(row_factory=dict_row) as cursor:
                try:
                    await cursor.execute(database.QUERY, database.arguments(ms))
                    return await cursor.fetchall()
                except psycopg.Error:
                    await connection.close()  # its state is unknown, so it must not be used again
                    raise
    except (psycopg.Error, PoolTimeout) as error:
        raise DependencyFailed(database.FAILED) from error


async def digest(pieces: AsyncIterator[bytes]) -> str:
    """Return the SHA-256 of a body, piece by piece as it comes."""
    found = sha256()
    async for piece in pieces:
        found.update(piece)
    return found.hexdigest()


async def digest_of_file(read: Callable[[int], bytes], length: int) -> str:
    """Return the SHA-256 of a body that has arrived in whole and is read like a file."""
    return await work(0, bodies.digest, read, length)


async def pieces(size: int) -> AsyncIterator[bytes]:
    for piece in pattern.pieces(size):
        yield piece


async def work(inline: int, function: Callable[..., Result], *args: Any) -> Result:
    """Work in a thread, so that the loop continues. With `inline`, work on the loop, which then stops."""
    if inline:
        return function(*args)
    return await asyncio.get_running_loop().run_in_executor(_work_threads, function, *args)


def info() -> dict[str, Any]:
    return describe(_pool.max_size, _clients.maxsize, None, _work_threads._max_workers)
