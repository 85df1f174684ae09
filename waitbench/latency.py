"""Latency histograms: HdrHistogram, microseconds, three significant digits."""

import math
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from hdrh.codec import HdrCookieException, HdrLengthException
from hdrh.histogram import HdrHistogram

from waitbench.errors import WaitbenchError

LOWEST_US, HIGHEST_US, DIGITS = 1, 600_000_000, 3


def new() -> HdrHistogram:
    return HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)


def of(latencies_us: Iterable[int]) -> HdrHistogram:
    return of_counts(Counter(latencies_us).items())


def of_counts(counted_us: Iterable[tuple[int, int]]) -> HdrHistogram:
    """Of values, each with how often it came."""
    histogram = new()
    for value, count in counted_us:
        histogram.record_value(min(max(value, LOWEST_US), HIGHEST_US), count)
    return histogram


def encode(histogram: HdrHistogram) -> str:
    encoded: bytes = histogram.encode()
    return encoded.decode("ascii")


def merged(encoded: Iterable[str]) -> HdrHistogram:
    """The sum of histograms: percentiles are taken from this, never averaged."""
    total = new()
    for text in encoded:
        try:
            total.decode_and_add(text.encode("ascii"))
        except (HdrLengthException, HdrCookieException, ValueError, zlib.error) as error:
            raise WaitbenchError(f"a trial file holds a damaged histogram: {error or type(error).__name__}") from None
    return total


def percentile_us(histogram: HdrHistogram, percent: float) -> int:
    """By nearest rank: the least value that `percent` (0 to 100) of the values do not exceed; 0 of no values."""
    return percentiles_us(histogram, [percent])[0]


def percentiles_us(histogram: HdrHistogram, percents: Sequence[float]) -> list[int]:
    """The same for many of them, in one pass over the histogram.

    The library's own walks over the counts in Python, and rounds the rank to the nearest whole one, which may be the
    one below: of 551 answers, 28 of them slow, it calls a fast one the p95.
    """
    if not (count := histogram.get_total_count()):
        return [0] * len(percents)
    # 99.9 % of 1,000 is a hair more than 999 in binary
    ranks = [max(math.ceil(round(count * percent / 100, 6)), 1) for percent in percents]
    indices = np.searchsorted(np.cumsum(_counts(histogram)), ranks)
    return [_value_us(histogram, index) for index in indices.tolist()]


@lru_cache(1024)
def percentile_of_us(encoded: str, percent: float) -> int:
    """The same of one histogram as a trial file holds it; kept, since rules, tables and charts ask for it again."""
    return percentile_us(merged([encoded]), percent)


def count_up_to(encoded: str, latency_us: float) -> int:
    """How many values do not exceed so many microseconds, to the histogram's three digits."""
    return sum(count for value, count in _recorded(encoded) if value <= latency_us * 1.001)


def beyond_us(encoded: str, latency_us: float) -> float:
    """By how much all values together exceed so many microseconds: those below it add nothing."""
    return float(sum(count * max(0, value - latency_us) for value, count in _recorded(encoded)))


def _recorded(encoded: str) -> Iterator[tuple[int, int]]:
    """Each value that came, and how often. The library's own iterator goes by all that might have come, some 20,000."""
    histogram = merged([encoded])
    counts = _counts(histogram)
    for index in np.flatnonzero(counts).tolist():
        yield _value_us(histogram, index), int(counts[index])


def _counts(histogram: HdrHistogram) -> npt.NDArray[Any]:
    """How often each value came, in order of value: the histogram's own memory, not a copy."""
    return np.ctypeslib.as_array(histogram.counts)


def _value_us(histogram: HdrHistogram, index: int) -> int:
    """The greatest of the values that are counted there."""
    return int(histogram.get_highest_equivalent_value(histogram.get_value_from_index(index)))
