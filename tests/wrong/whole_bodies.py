"""Wrong on purpose: a whole body is in memory before it is hashed or sent."""

from hashlib import sha256

from work import blocking, pattern

blocking.upload = lambda read, length: sha256(read(length)).hexdigest()
blocking.download = lambda kib: iter([b"".join(pattern.pieces(kib * 1024))])

from flask_app.sync_app import application  # noqa: E402, F401
