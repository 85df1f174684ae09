"""Query parameters, by one rule for all variants, since each framework parses differently."""

import re
from collections.abc import Sequence

from work.responses import BadInput

# [0-9], because \d accepts the digits of every script. No sign, no blank, at most nine digits.
_WHOLE = re.compile(r"[0-9]{1,9}")


def whole(name: str, given: Sequence[str], low: int, high: int) -> int:
    """Return a whole number from `low` to `high` that is given exactly once. Raises BadInput otherwise."""
    if len(given) != 1 or not _WHOLE.fullmatch(given[0]) or not low <= int(given[0]) <= high:
        raise BadInput(f"{name} must be given once, a whole number from {low} to {high}")
    return int(given[0])


def ms(given: Sequence[str]) -> int:
    """How long to wait, in milliseconds."""
    return whole("ms", given, 0, 60_000)


def inline(given: Sequence[str]) -> int:
    """1: work where the request is handled; 0 (default): where the concurrency model does such work."""
    return whole("inline", given, 0, 1) if given else 0
