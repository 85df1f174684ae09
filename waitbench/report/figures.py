"""Figures as text, in the same way in every format."""

from collections.abc import Mapping

from waitbench.analysis.statistics import Interval


def number(value: float | None, digits: int) -> str:
    """Plain digits; "" for an unknown value."""
    return "" if value is None else f"{value:.{digits}f}"


def number_as_given(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def params(given: Mapping[str, int | str]) -> str:
    return ";".join(f"{name}={value}" for name, value in given.items())


def span(low: str, high: str) -> str:
    """`low–high`, or "" without an interval."""
    return f"{low}–{high}" if low and high else ""


def interval(value: Interval | None, digits: int) -> str:
    """`low–high`, or "" without an interval."""
    if value is None or value.low is None or value.high is None:
        return ""
    return f"{value.low:.{digits}f}–{value.high:.{digits}f}"


def bounds(name: str, value: Interval | None, digits: int, mean: str = "") -> dict[str, str]:
    return {
        mean or name: number(value.mean if value else None, digits),
        f"{name}_low": number(value.low if value else None, digits),
        f"{name}_high": number(value.high if value else None, digits),
    }
