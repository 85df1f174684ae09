"""Checks whether the database keeps up: a small query again and again, on a connection of its own."""

import asyncio
import contextlib
import time

import psycopg
from work import database
from work.settings import settings

EVERY_S = 0.1
LATE_S = 0.25
"""A longer response is late. The limit is the same as for the remote API's own timers."""


class DatabaseWatch:
    """Queries only between `start` and `stop`, since each query takes CPU time from what is measured."""

    def __init__(self):
        self._task = None
        self._late_s = 0.0
        self._asked_at_s = None
        """When the query that has no response yet was sent; None if there is none."""

    def start(self):
        if self._task is None:
            self._task = asyncio.create_task(self._ask_again_and_again())

    async def stop(self):
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = self._asked_at_s = None  # a query that is still open does not count for a later trial

    def late_s(self):
        """Return how much longer than LATE_S the responses took so far, in total; None if there are no queries."""
        if self._task is None:
            return None
        waiting_s = 0.0 if self._asked_at_s is None else time.perf_counter() - self._asked_at_s
        return self._late_s + max(0.0, waiting_s - LATE_S)

    async def _ask_again_and_again(self):
        while True:
            self._asked_at_s = self._asked_at_s or time.perf_counter()  # a query that failed has no response yet
            with contextlib.suppress(psycopg.Error, OSError):
                connection = await database.AsyncConnection.connect(settings.database_url, **database.CONNECTION)
                async with connection:
                    await self._ask(connection)
            await asyncio.sleep(EVERY_S)

    async def _ask(self, connection):
        while True:
            self._asked_at_s = self._asked_at_s or time.perf_counter()
            await connection.execute("SELECT 1")
            self._late_s += max(0.0, time.perf_counter() - self._asked_at_s - LATE_S)
            self._asked_at_s = None
            await asyncio.sleep(EVERY_S)
