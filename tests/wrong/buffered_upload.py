"""Wrong on purpose: holds a whole body in memory before it hashes it."""

from hashlib import sha256

from work import nonblocking


async def _digest(pieces):
    return sha256(b"".join([piece async for piece in pieces])).hexdigest()  # the mistake


nonblocking.digest = _digest

from fastapi_app.async_app import application  # noqa: E402, F401
