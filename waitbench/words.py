"""Figures with their nouns, for whoever tells them: the console, the records and every report."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the generator tells loads too, and does without scipy
    from waitbench.statistics import Interval


def counted(number: float, one: str, several: str) -> str:
    """`1 rule`, `12 rules`."""
    return f"{number:g} {one if number == 1 else several}"


def load_words(model: str, size: float) -> str:
    """`500 users`, `1 user`, or `200 requests/s`."""
    return counted(size, "user", "users") if model == "closed" else f"{size:g} requests/s"


def with_bounds(ratio: "Interval") -> str:
    """`0.80 (0.75–0.86)`, or the mean alone where it has no interval."""
    return f"{ratio.mean:.2f} ({ratio.low:.2f}–{ratio.high:.2f})" if ratio.bounded else f"{ratio.mean:.2f}"


def listed(names: list[str], word: str = "and") -> str:
    """`a, b and c`."""
    return f" {word} ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
