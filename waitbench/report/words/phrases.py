"""Phrases about figures that the texts of a report share."""

from waitbench.analysis.statistics import Interval
from waitbench.report.figures import interval


def with_bounds(ratio: Interval) -> str:
    """`0.80 (0.75–0.86)`, or the mean alone if it has no interval."""
    return f"{ratio.mean:.2f} ({ratio.low:.2f}–{ratio.high:.2f})" if ratio.bounded else f"{ratio.mean:.2f}"


def times(ratio: Interval) -> str:
    """`0.80x`."""
    return f"{ratio.mean:.2f}x"


def confidence(ratio: Interval) -> str:
    """`95 % CI 0.75–0.86`, or "" without an interval."""
    return f"95 % CI {interval(ratio, 2)}" if ratio.bounded else ""


def in_brackets(*parts: str) -> str:
    """` (p99 12 ms, 95 % CI 0.75–0.86)` with a leading blank, or "" if all parts are empty."""
    given = ", ".join(filter(None, parts))
    return f" ({given})" if given else ""


def ms(value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:,.1f}" if value < 10 else f"{value:,.0f}"
