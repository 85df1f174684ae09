"""Figures with their nouns, as the console, the records and the reports show them."""


def counted(number: float, one: str, several: str) -> str:
    """`1 rule`, `12 rules`."""
    return f"{number:g} {one if number == 1 else several}"


def load_words(model: str, size: float) -> str:
    """`500 users`, `1 user`, or `200 requests/s`."""
    return counted(size, "user", "users") if model == "closed" else f"{size:g} requests/s"


def listed(names: list[str], word: str = "and") -> str:
    """`a, b and c`."""
    return f" {word} ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def duration(seconds: float) -> str:
    """`45 s`, `3.5 min`."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
