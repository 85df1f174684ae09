"""CPU work: in plain Python, which holds the GIL, and in a library that releases it."""

from functools import lru_cache
from typing import Any

import numpy


def plain(ksteps: int) -> int:
    """Do thousands of steps of a linear congruential generator, and return the last value."""
    x = 1
    for _ in range(ksteps * 1000):
        x = (x * 1103515245 + 12345) % 2**31
    return x


def native(n: int) -> int:
    """Return the sum of a product of two n x n matrices. It is exact: all are whole numbers below 2**53."""
    a, b = _matrices(n)
    return int((a @ b).sum())


@lru_cache(2)
def _matrices(n: int) -> tuple[Any, Any]:
    """Return A and B: A[i,k] = (i + k) mod 7 and B[k,j] = (k * j) mod 5."""
    index = numpy.arange(n, dtype=numpy.float64)
    return numpy.add.outer(index, index) % 7, numpy.multiply.outer(index, index) % 5
