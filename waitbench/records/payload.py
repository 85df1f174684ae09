"""The bytes of every body that is bytes: byte number i is i mod 251, a prime, so that a piece left out shows."""

_PERIOD = bytes(range(251))


def pattern(count: int, begin: int = 0) -> bytes:
    """`count` bytes of it, from byte number `begin` on."""
    start = begin % 251
    return (_PERIOD * ((start + count) // 251 + 1))[start : start + count]
