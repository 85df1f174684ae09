"""`/upstream`: calls to the slow remote API."""

from collections.abc import Sequence
from typing import Any

from work.params import ms as ms
from work.params import whole
from work.responses import encode


def calls(given: Sequence[str]) -> int:
    """How many remote calls to make inside one request; by default 1."""
    return whole("calls", given, 1, 20) if given else 1


def serial(given: Sequence[str]) -> int:
    """1: the calls one after the other; 0 (default): concurrently."""
    return whole("serial", given, 0, 1) if given else 0


def body(ms: int, calls: list[dict[str, Any]]) -> bytes:
    return encode({"workload": "upstream", "ms": ms, "calls": calls})
