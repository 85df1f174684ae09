"""`/cpu`: work in plain Python, which holds the GIL."""

from collections.abc import Sequence

from work.params import inline as inline
from work.params import whole
from work.responses import encode


def ksteps(given: Sequence[str]) -> int:
    """How many thousand steps to compute."""
    return whole("ksteps", given, 1, 10_000)


def body(ksteps: int, result: int) -> bytes:
    return encode({"workload": "cpu", "ksteps": ksteps, "result": result})


def compute(ksteps: int) -> int:
    """Do thousands of steps of a linear congruential generator, and return the last value."""
    x = 1
    for _ in range(ksteps * 1000):
        x = (x * 1103515245 + 12345) % 2**31
    return x
