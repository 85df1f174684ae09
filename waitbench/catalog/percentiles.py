"""The percentiles that are reported, and how many values each needs."""

import math

PERCENTILES = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "p999": 99.9}

TAIL_SAMPLES = 10
"""A percentile needs this many samples beyond it."""


def samples_needed(percent: float) -> int:
    """The smallest sample that supports a percentile: ten values lie beyond it."""
    return math.ceil(round(TAIL_SAMPLES / (1 - percent / 100), 6))
