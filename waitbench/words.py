"""Figures with their nouns, for whoever tells them: the console, the records and every report."""


def counted(number: float, one: str, several: str) -> str:
    """`1 rule`, `12 rules`."""
    return f"{number:g} {one if number == 1 else several}"


def load_words(model: str, size: float) -> str:
    """`500 users`, `1 user`, or `200 requests/s`."""
    return counted(size, "user", "users") if model == "closed" else f"{size:g} requests/s"


def with_bounds(mean: float, low: float | None, high: float | None) -> str:
    """`0.80 (0.75–0.86)`, or the mean alone where it has no interval."""
    return f"{mean:.2f}" if low is None or high is None else f"{mean:.2f} ({low:.2f}–{high:.2f})"


def listed(names: list[str], word: str = "and") -> str:
    """`a, b and c`."""
    return f" {word} ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
