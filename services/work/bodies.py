"""Reading and sending of bodies where it may block: the same in every service that has a thread for it."""

from collections.abc import Callable, Iterator
from hashlib import sha256

from work import answers, pattern
from work.answers import BadInput


def upload(read: Callable[[int], bytes], length: int) -> str:
    """Return the SHA-256 of a body, read piece by piece as it comes."""
    digest = sha256()
    while length:
        try:
            piece = read(min(pattern.PIECE, length))
        except OSError as error:
            raise BadInput(answers.CUT_SHORT) from error
        if not piece:
            raise BadInput(answers.CUT_SHORT)
        digest.update(piece)
        length -= len(piece)
    return digest.hexdigest()


def download(kib: int) -> Iterator[bytes]:
    return pattern.pieces(kib * 1024)
