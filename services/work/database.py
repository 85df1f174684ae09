"""The query behind /db, and the table it reads. Both colours of the work send exactly this."""

from typing import Any

FAILED = "the database did not answer in time"

# autocommit: one round trip for a query, not three. prepare_threshold: each connection prepares at once.
CONNECTION: dict[str, Any] = {"autocommit": True, "prepare_threshold": 1, "connect_timeout": 3}

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
