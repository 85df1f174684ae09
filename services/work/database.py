"""The query behind /db, the table it reads and the pool it goes by. Both colours of the work have exactly these."""

from typing import Any

from work.settings import settings

FAILED = "the database did not answer in time"

# autocommit: one round trip for a query, not three. prepare_threshold: each connection prepares at once.
_CONNECTION: dict[str, Any] = {"autocommit": True, "prepare_threshold": 1, "connect_timeout": 3}
POOL: dict[str, Any] = {
    "conninfo": settings.database_url,
    "kwargs": _CONNECTION,
    "min_size": settings.db_pool,
    "max_size": settings.db_pool,
    "timeout": settings.dependency_grace_s,
    "reconnect_timeout": 2,
    "open": False,
}

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
