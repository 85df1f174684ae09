"""`/upload`: a client that sends slowly."""

import re

from work.responses import LengthMissing, TooLarge, encode

_DIGITS = re.compile(r"[0-9]+")
LARGEST = 64 * 1024 * 1024


def content_length(given: str | None) -> int:
    """How many bytes an upload has, by its Content-Length."""
    if given is None or not _DIGITS.fullmatch(given):
        raise LengthMissing("an upload needs a Content-Length")
    digits = given.lstrip("0") or "0"
    if len(digits) > 9 or int(digits) > LARGEST:
        raise TooLarge(f"an upload may have at most {LARGEST} bytes")
    return int(digits)


def body(length: int, sha256: str) -> bytes:
    return encode({"workload": "upload", "bytes": length, "sha256": sha256})
