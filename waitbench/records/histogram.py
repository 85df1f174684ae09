"""Latency histograms: HdrHistogram, microseconds, three significant digits."""

import base64
import operator
import struct
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
from waitbench.records.rank import nearest_rank

LOWEST_US, HIGHEST_US, DIGITS = 1, 600_000_000, 3
ENCODED_MAX, DECODED_MAX = 2**19, 2**18
"""Letters and bytes. Ours has 21,504 counts of at most nine bytes each. A few kilobytes of zlib can hold gigabytes."""
_ENVELOPE, _HEADER = 8, struct.Struct(">IIIIQQd")
"""The bytes before the zlib part, and the header inside it: cookie, length, offset, digits, range, ratio."""


def new() -> HdrHistogram:
    return HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)


def of(latencies_us: Iterable[int]) -> HdrHistogram:
    return of_counts(Counter(latencies_us).items())


def of_counts(counted_us: Iterable[tuple[int, int]]) -> HdrHistogram:
    """Return the histogram of values that come with their counts."""
    histogram = new()
    for value, count in counted_us:
        histogram.record_value(min(max(value, LOWEST_US), HIGHEST_US), count)
    return histogram


def encode(histogram: HdrHistogram) -> str:
    encoded: bytes = histogram.encode()
    return encoded.decode("ascii")


def merged(encoded: Iterable[str]) -> HdrHistogram:
    """Return the sum of histograms. Percentiles are taken from this, never averaged."""
    total = new()
    for text in encoded:
        if fault := _add(total, text):
            raise WaitbenchError(f"a trial file holds a damaged histogram: {fault}")
    return total


def _add(total: HdrHistogram, encoded: str) -> str:
    """Add an encoded histogram to `total`. Return why that is not possible; "" if it was done."""
    if fault := _fault(encoded):
        return fault
    try:
        total.decode_and_add(encoded.encode("ascii"))
    except (HdrLengthException, HdrCookieException, LookupError, ValueError, ArithmeticError) as error:
        return str(error) or type(error).__name__
    return ""


def _fault(encoded: str) -> str:
    """Return why an encoded histogram is not ours; "" if it may be. Unpacks no more than ours can hold."""
    if len(encoded) > ENCODED_MAX:
        return f"it has {len(encoded):,} letters; at most {ENCODED_MAX:,} are possible"
    try:
        packed = base64.b64decode(encoded, validate=True)[_ENVELOPE:]
    except ValueError:
        return "it is not base64"
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(packed, DECODED_MAX)
    except zlib.error as error:
        return str(error)
    if not unpacker.eof:
        big = len(data) == DECODED_MAX
        return f"it unpacks to more than {DECODED_MAX:,} bytes" if big else "it is cut short"
    if len(data) < _HEADER.size:
        return "its header is incomplete"
    _, _, offset, digits, lowest, highest, _ = _HEADER.unpack_from(data)
    if (offset, digits, lowest, highest) != (0, DIGITS, LOWEST_US, HIGHEST_US):
        return f"it covers {lowest} to {highest} µs with {digits} digits, not {LOWEST_US} to {HIGHEST_US} with {DIGITS}"
    return ""


def disagreement(encoded: str, count: int, sum_us: int, least_us: int, most_us: int) -> str:
    """Return the field that contradicts the histogram of the same values, and how; "" if all agree.

    A histogram keeps three digits, so each of its values represents a short range.
    """
    histogram = new()
    if fault := _add(histogram, encoded):
        return f"histogram: {fault}"
    counts = _counts(histogram)
    used = np.flatnonzero(counts)
    if (recorded := int(counts.sum())) != count:
        return f"count: it is {count}, and the histogram holds {recorded}"
    lows = [histogram.get_value_from_index(index) for index in used.tolist()]
    highs = [_value_us(histogram, index) for index in used.tolist()]
    times = counts[used].tolist()
    least, most = max(least_us, LOWEST_US), min(most_us, HIGHEST_US)
    if not lows[0] <= least <= highs[0]:
        return f"min_us: it is {least_us}, and the histogram begins at {lows[0]} to {highs[0]}"
    if not lows[-1] <= most <= highs[-1]:
        return f"max_us: it is {most_us}, and the histogram ends at {lows[-1]} to {highs[-1]}"
    low, high = (sum(map(operator.mul, times, values)) for values in (lows, highs))
    if most_us <= HIGHEST_US and not low <= max(sum_us, 1) <= high:
        return f"sum_us: it is {sum_us}, and the histogram allows {low} to {high}"
    return ""


def percentile_us(histogram: HdrHistogram, percent: float) -> int:
    """Return the lowest value that `percent` (0 to 100) of the values do not exceed, by nearest rank; 0 if empty."""
    return percentiles_us(histogram, [percent])[0]


def percentiles_us(histogram: HdrHistogram, percents: Sequence[float]) -> list[int]:
    """Return many percentiles in one pass over the histogram.

    The library's own function walks over the counts in Python. It also rounds the rank to the nearest whole number,
    which may be the one below: with 28 slow responses among 551, it returns a fast one as the p95.
    """
    if not (count := histogram.get_total_count()):
        return [0] * len(percents)
    ranks = [nearest_rank(count, percent) for percent in percents]
    indices = np.searchsorted(np.cumsum(_counts(histogram)), ranks)
    return [_value_us(histogram, index) for index in indices.tolist()]


@lru_cache(1024)
def percentile_of_us(encoded: str, percent: float) -> int:
    """Return a percentile of an encoded histogram. It is cached, because rules, tables and charts ask for it again."""
    return percentile_us(merged([encoded]), percent)


def count_up_to(encoded: str, latency_us: float) -> int:
    """Return how many values do not exceed a latency in microseconds, to the histogram's three digits."""
    return sum(count for value, count in _recorded(encoded) if value <= latency_us * 1.001)


def beyond_us(encoded: str, latency_us: float) -> float:
    """Return by how many microseconds all values together exceed a latency. Values below it add nothing."""
    return float(sum(count * max(0, value - latency_us) for value, count in _recorded(encoded)))


def _recorded(encoded: str) -> Iterator[tuple[int, int]]:
    """Yield each recorded value with its count. The library's own iterator visits all possible values, some 20,000."""
    histogram = merged([encoded])
    counts = _counts(histogram)
    for index in np.flatnonzero(counts).tolist():
        yield _value_us(histogram, index), int(counts[index])


def _counts(histogram: HdrHistogram) -> npt.NDArray[Any]:
    """Return the count of each value, in order of value: the histogram's own memory, not a copy."""
    return np.ctypeslib.as_array(histogram.counts)


def _value_us(histogram: HdrHistogram, index: int) -> int:
    """Return the highest of the values that are counted at an index."""
    return int(histogram.get_highest_equivalent_value(histogram.get_value_from_index(index)))
