"""`/upstream`: calls to the slow remote API."""

from collections.abc import Sequence
from typing import Any

from work.params import ms as ms
from work.params import optional
from work.responses import encode


def calls(given: Sequence[str]) -> int:
    """How many remote calls to make inside one request; by default 1."""
    return optional("calls", given, 1, 20, default=1)


def serial(given: Sequence[str]) -> int:
    """1: the calls one after the other; 0 (default): concurrently."""
    return optional("serial", given, 0, 1, default=0)


def body(ms: int, calls: list[dict[str, Any]]) -> bytes:
    return encode({"workload": "upstream", "ms": ms, "calls": calls})
