"""`/download`: a client that reads slowly."""

from collections.abc import Sequence

from work.params import whole


def kib(given: Sequence[str]) -> int:
    """How much to send, in KiB."""
    return whole("kib", given, 0, 65_536)
