"""`/wait`: a plain wait."""

from work.params import ms as ms
from work.responses import encode


def body(ms: int) -> bytes:
    return encode({"workload": "wait", "ms": ms})
