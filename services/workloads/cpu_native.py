"""`/cpu_native`: work in a library that releases the GIL."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy
from work.params import inline as inline
from work.params import whole
from work.responses import encode


def n(given: Sequence[str]) -> int:
    """How many rows and columns the matrices have."""
    return whole("n", given, 1, 1000)


def body(n: int, total: int) -> bytes:
    return encode({"workload": "cpu_native", "n": n, "sum": total})


def multiply(n: int) -> int:
    """Return the sum of a product of two n x n matrices. It is exact: all are whole numbers below 2**53."""
    a, b = _matrices(n)
    return int((a @ b).sum())


@lru_cache(2)
def _matrices(n: int) -> tuple[Any, Any]:
    """Return A and B: A[i,k] = (i + k) mod 7 and B[k,j] = (k * j) mod 5."""
    index = numpy.arange(n, dtype=numpy.float64)
    return numpy.add.outer(index, index) % 7, numpy.multiply.outer(index, index) % 5
