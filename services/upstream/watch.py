"""Whether the database keeps up: a small query again and again, on a connection of its own."""

import asyncio
import contextlib
import time

import psycopg
from work import database
from work.settings import settings

EVERY_S = 0.1
LATE_S = 0.25
"""An answer that takes longer is late: the same as for the remote API's own timers."""


class DatabaseWatch:
    """Asks only between `start` and `stop`, since each question takes processor time from what is measured."""

    def __init__(self):
        self._task = None
        self._late_s = 0.0
        self._asked_at_s = None
        """Of the question that has no answer yet."""

    def start(self):
        if self._task is None:
            self._task = asyncio.create_task(self._ask_again_and_again())

    async def stop(self):
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = self._asked_at_s = None  # what is still open is of no later trial

    def late_s(self):
        """By how much answers took longer than LATE_S so far, all together; None while nothing is asked."""
        if self._task is None:
            return None
        waiting_s = 0.0 if self._asked_at_s is None else time.perf_counter() - self._asked_at_s
        return self._late_s + max(0.0, waiting_s - LATE_S)

    async def _ask_again_and_again(self):
        while True:
            self._asked_at_s = self._asked_at_s or time.perf_counter()  # a question that failed has no answer yet
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
