"""The query behind /db, its connections and their pool. Blocking and non-blocking work use exactly these."""

from typing import Any

import psycopg

from work.settings import settings

FAILED = "the database did not respond in time"

# autocommit: a query is one round trip instead of three. prepare_threshold: each connection prepares at once.
CONNECTION: dict[str, Any] = {"autocommit": True, "prepare_threshold": 1, "connect_timeout": 3}
# Not open from the start: twenty services with fifty connections each would take all that PostgreSQL has, even if
# nobody asks them for rows.
POOL: dict[str, Any] = {
    "conninfo": settings.database_url,
    "kwargs": CONNECTION,
    "min_size": settings.db_pool,
    "max_size": settings.db_pool,
    "timeout": settings.dependency_grace_s,
    "reconnect_timeout": 2,
    "open": False,
}


class Connection(psycopg.Connection[Any]):
    """A connection with a deadline for every exchange, so that a database that hangs is noticed."""

    deadline_s = settings.dependency_grace_s

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        return super().wait(gen, interval, self.deadline_s if timeout is None else timeout)


class AsyncConnection(psycopg.AsyncConnection[Any]):
    """The same for an event loop."""

    deadline_s = settings.dependency_grace_s

    async def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        return await super().wait(gen, interval, self.deadline_s if timeout is None else timeout)


SHELF = 7
QUERY = """
    WITH waited AS MATERIALIZED (SELECT pg_sleep(%(seconds)s))
    SELECT item.id, item.name, item.price_cents
    FROM waited, item
    WHERE item.shelf = %(shelf)s
    ORDER BY item.id
"""


def arguments(ms: int) -> dict[str, Any]:
    return {"seconds": ms / 1000, "shelf": SHELF}
