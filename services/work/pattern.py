"""The content of files and downloads: byte number i is i mod 251, a prime, so that a piece left out or moved shows."""

from collections.abc import Iterator

PERIOD = 251
PIECE = 64 * 1024
"""What is read or written in one go, of any body or file."""

_CONTENT = bytes(i % PERIOD for i in range(PERIOD + PIECE))


def pieces(size: int) -> Iterator[bytes]:
    """The first `size` bytes, piece by piece."""
    for offset in range(0, size, PIECE):
        start = offset % PERIOD
        yield _CONTENT[start : start + min(PIECE, size - offset)]
