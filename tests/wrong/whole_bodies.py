"""Wrong on purpose: a whole body is in memory before it is hashed or sent."""

from hashlib import sha256

from work import blocking, pattern

blocking.digest = lambda read, length: sha256(read(length)).hexdigest()
blocking.pieces = lambda size: iter([b"".join(pattern.pieces(size))])

from flask_app.sync_app import application  # noqa: E402, F401
