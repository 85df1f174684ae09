"""`/pause`: a wait, then a sum."""

from collections.abc import Sequence

from work.params import ms as ms
from work.params import whole
from work.responses import encode


def terms(given: Sequence[str]) -> int:
    """How many numbers to add."""
    return whole("terms", given, 1, 1000)


def body(ms: int, terms: int, total: int) -> bytes:
    return encode({"workload": "pause", "ms": ms, "terms": terms, "sum": total})


def add(terms: int) -> int:
    """Return the sum of the numbers from 1 to `terms`."""
    return sum(range(1, terms + 1))
