"""The bytes of binary bodies. Byte number i is i mod 251, a prime, so that a missing piece is detected."""

_PERIOD = bytes(range(251))


def pattern(count: int, begin: int = 0) -> bytes:
    """Return `count` bytes of the pattern, from byte number `begin` on."""
    start = begin % 251
    return (_PERIOD * ((start + count) // 251 + 1))[start : start + count]
