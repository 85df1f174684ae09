"""The content of files and downloads: byte i is i mod 251, a prime, so a missing or moved piece is noticed."""

from collections.abc import Iterator

PERIOD = 251
PIECE = 64 * 1024
"""Bytes of a body or file that are read or written at once."""

_CONTENT = bytes(i % PERIOD for i in range(PERIOD + PIECE))


def pieces(size: int) -> Iterator[bytes]:
    """Yield the first `size` bytes, piece by piece."""
    for offset in range(0, size, PIECE):
        start = offset % PERIOD
        yield _CONTENT[start : start + min(PIECE, size - offset)]
