"""`/db`: a slow PostgreSQL query."""

from typing import Any

from work.params import ms as ms
from work.responses import encode


def body(ms: int, rows: list[dict[str, Any]]) -> bytes:
    return encode({"workload": "db", "ms": ms, "rows": rows})
