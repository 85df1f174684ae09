"""Reading of bodies where it may block: the same in every service that has a thread for it."""

from collections.abc import Callable
from hashlib import sha256

from work import pattern, responses
from work.responses import BadInput


def digest(read: Callable[[int], bytes], length: int) -> str:
    """Return the SHA-256 of a body, read piece by piece as it comes."""
    found = sha256()
    while length:
        try:
            piece = read(min(pattern.PIECE, length))
        except OSError as error:
            raise BadInput(responses.CUT_SHORT) from error
        if not piece:
            raise BadInput(responses.CUT_SHORT)
        found.update(piece)
        length -= len(piece)
    return found.hexdigest()
