"""The waits and the work for services on an event loop. The same libraries as in blocking.py, in their other colour."""

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

from work import bodies, database, pattern, processor, remote, scratch
from work.answers import DependencyFailed
from work.info import info as describe
from work.settings import settings

_pool = AsyncConnectionPool(connection_class=database.AsyncConnection, **database.POOL)
_clients: asyncio.LifoQueue[httpx2.AsyncClient | None] = asyncio.LifoQueue(settings.upstream_connections)
for _ in range(settings.upstream_connections):
    _clients.put_nowait(None)  # a place not yet used
_work_threads = ThreadPoolExecutor(settings.work_threads or 1, thread_name_prefix="work")


@asynccontextmanager
async def lifespan(_: Any) -> AsyncIterator[None]:
    """Part in good order when the service ends."""
    yield
    await _pool.close()


async def wait(ms: int) -> None:
    await asyncio.sleep(ms / 1000)


async def upstream(ms: int, calls: int, serial: int) -> list[dict[str, Any]]:
    """`calls` remote calls, one after the other or all at once; returns when the last is back. One is simply made."""
    if serial or calls == 1:
        return [await _call(ms, call) for call in range(calls)]
    return await asyncio.gather(*(_call(ms, call) for call in range(calls)))


async def _call(ms: int, call: int) -> dict[str, Any]:
    client = await _taken()
    try:
        client = client or httpx2.AsyncClient(**remote.CLIENT)
        return remote.read(await client.get(remote.url(ms, call), timeout=remote.timeout(ms)))
    except httpx2.HTTPError as error:
        raise DependencyFailed(remote.FAILED) from error
    finally:
        _clients.put_nowait(client)


async def _taken() -> httpx2.AsyncClient | None:
    """A client that is free, or is so in time. At once where one is: a time-out costs far more than the client."""
    try:
        return _clients.get_nowait()
    except asyncio.QueueEmpty:
        pass
    try:
        return await asyncio.wait_for(_clients.get(), settings.dependency_grace_s)
    except TimeoutError as error:
        raise DependencyFailed(remote.FAILED) from error


async def db(ms: int) -> list[dict[str, Any]]:
    """Rows by an indexed read, from a query that waits `ms` in the database."""
    try:
        if _pool.closed:
            await _pool.open(wait=False)  # at the first query; of several at once, one opens it
        async with _pool.connection() as connection:
            connection.deadline_s = ms / 1000 + settings.dependency_grace_s
            async with connection.cursor(row_factory=dict_row) as cursor:
                try:
                    await cursor.execute(database.QUERY, database.arguments(ms))
                    return await cursor.fetchall()
                except psycopg.Error:
                    await connection.close()  # in an unknown state: not to be handed out again
                    raise
    except (psycopg.Error, PoolTimeout) as error:
        raise DependencyFailed(database.FAILED) from error


async def disk(kib: int, inline: int) -> str:
    """SHA-256 of a file that was on the disk and is read back."""
    return str(await _work(inline, scratch.keep_and_read_back, kib))


async def upload(pieces: AsyncIterator[bytes]) -> str:
    """SHA-256 of a body, piece by piece as it comes."""
    digest = sha256()
    async for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


async def upload_read(read: Callable[[int], bytes], length: int) -> str:
    """The same of a body that is all there and is read like a file."""
    return str(await _work(0, bodies.upload, read, length))


async def download(kib: int) -> AsyncIterator[bytes]:
    for piece in pattern.pieces(kib * 1024):
        yield piece


async def cpu(ksteps: int, inline: int) -> int:
    return int(await _work(inline, processor.plain, ksteps))


async def cpu_native(n: int, inline: int) -> int:
    return int(await _work(inline, processor.native, n))


async def _work(inline: int, work: Callable[..., Any], *args: Any) -> Any:
    """In a thread of its own, so that the loop goes on; inline, on the loop, which then stands still."""
    if inline:
        return work(*args)
    return await asyncio.get_running_loop().run_in_executor(_work_threads, work, *args)


def info() -> dict[str, Any]:
    return describe(_pool.max_size, _clients.maxsize, None, _work_threads._max_workers)
