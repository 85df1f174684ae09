"""Percentiles by nearest rank, the only kind in use: the lowest value that so many of the values do not exceed."""

import math


def nearest_rank(count: int, percent: float) -> int:
    """Return which of `count` ordered values is a percentile (0 to 100), counted from 1."""
    return max(math.ceil(round(count * percent / 100, 6)), 1)  # 99.9 % of 1,000 is slightly more than 999 in binary
