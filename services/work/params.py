"""Query parameters and lengths, by one rule for all variants, since each framework parses differently."""

import re
from collections.abc import Sequence

from work.answers import BadInput, LengthMissing, TooLarge

# [0-9], because \d accepts the digits of every script. No sign, no blank, at most nine digits.
_WHOLE = re.compile(r"[0-9]{1,9}")
_DIGITS = re.compile(r"[0-9]+")

MS_MAX = 60_000
CALLS_MAX = 20
DISK_KIB_MAX = 4096
DOWNLOAD_KIB_MAX = 65_536
KSTEPS_MAX = 10_000
N_MAX = 1000
UPLOAD_MAX = 64 * 1024 * 1024


def _whole(name: str, given: Sequence[str], low: int, high: int) -> int:
    if len(given) != 1 or not _WHOLE.fullmatch(given[0]) or not low <= int(given[0]) <= high:
        raise BadInput(f"{name} must be given once, a whole number from {low} to {high}")
    return int(given[0])


def ms(given: Sequence[str]) -> int:
    """How long to wait, in milliseconds."""
    return _whole("ms", given, 0, MS_MAX)


def calls(given: Sequence[str]) -> int:
    """How many remote calls to make inside one request; by default 1."""
    return _whole("calls", given, 1, CALLS_MAX) if given else 1


def serial(given: Sequence[str]) -> int:
    """1: the calls one after the other; 0 (default): concurrently."""
    return _whole("serial", given, 0, 1) if given else 0


def disk_kib(given: Sequence[str]) -> int:
    """How much to write and read back, in KiB."""
    return _whole("kib", given, 1, DISK_KIB_MAX)


def download_kib(given: Sequence[str]) -> int:
    """How much to send, in KiB."""
    return _whole("kib", given, 0, DOWNLOAD_KIB_MAX)


def ksteps(given: Sequence[str]) -> int:
    """How many thousand steps to compute."""
    return _whole("ksteps", given, 1, KSTEPS_MAX)


def n(given: Sequence[str]) -> int:
    """How many rows and columns the matrices have."""
    return _whole("n", given, 1, N_MAX)


def inline(given: Sequence[str]) -> int:
    """1: work where the request is handled; 0 (default): where the concurrency model does such work."""
    return _whole("inline", given, 0, 1) if given else 0


def content_length(given: str | None) -> int:
    """How many bytes an upload has, by its Content-Length."""
    if given is None or not _DIGITS.fullmatch(given):
        raise LengthMissing("an upload says its Content-Length")
    digits = given.lstrip("0") or "0"
    if len(digits) > 9 or int(digits) > UPLOAD_MAX:
        raise TooLarge(f"an upload has at most {UPLOAD_MAX} bytes")
    return int(digits)
