"""Percentiles of numbers in memory."""

from typing import Any

import numpy as np

from waitbench.records.rank import nearest_rank

Numbers = np.ndarray[Any, np.dtype[np.int64]]


def percentile(ordered: Numbers | list[int], percent: int) -> int | None:
    """The smallest value that `percent` of the ordered values do not exceed; None if there are no values."""
    return int(ordered[nearest_rank(len(ordered), percent) - 1]) if len(ordered) else None


def percentile_of_unordered(values: Numbers, percent: int) -> int | None:
    """The same for values in any order. It does not sort them, which takes longer."""
    if not len(values):
        return None
    index = nearest_rank(len(values), percent) - 1
    return int(np.partition(values, index)[index])


def interquartile_mean(ordered: Numbers) -> int | None:
    """The mean without a quarter of the values at either end; None if there are no values.

    If two processes serve one half each, one of them faster, a median jumps between them by chance.
    """
    cut = len(ordered) // 4
    return round(float(ordered[cut : len(ordered) - cut].mean())) if len(ordered) else None


def lag_percentile_ms(lags_s: list[float], percent: int) -> float:
    """A percentile of lags in seconds, in milliseconds."""
    ordered = sorted(int(lag * 1e6) for lag in lags_s)
    return (percentile(ordered, percent) or 0) / 1000
