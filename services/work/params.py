"""Query parameters: one rule for all variants, since each framework parses a little differently."""

import re
from collections.abc import Sequence

from work.answers import BadInput

# [0-9], not \d: that would take the digits of every script. No sign, no blank, at most nine digits.
_WHOLE = re.compile(r"[0-9]{1,9}")

MS_MAX = 60_000
CALLS_MAX = 20


def _whole(name: str, given: Sequence[str], low: int, high: int) -> int:
    if len(given) != 1 or not _WHOLE.fullmatch(given[0]) or not low <= int(given[0]) <= high:
        raise BadInput(f"{name} must be given once, a whole number from {low} to {high}")
    return int(given[0])


def ms(given: Sequence[str]) -> int:
    """How long to wait, in milliseconds."""
    return _whole("ms", given, 0, MS_MAX)


def calls(given: Sequence[str]) -> int:
    """How many remote calls to make inside one request; 1 when not said."""
    return _whole("calls", given, 1, CALLS_MAX) if given else 1
