"""Wrong on purpose: files are not synced to the disk, and every fourth call reads a far larger file from it.

So the service reads from the disk for itself, as when pages of a library were dropped from memory.
"""

import itertools
import os
import tempfile

from work.settings import settings

MORE = bytes(4 << 20)
sync, calls = os.fsync, itertools.count(1)


def read_something_else(descriptor: int) -> None:
    if next(calls) % 4:
        return
    with tempfile.TemporaryFile(dir=settings.scratch_dir) as other:
        other.write(MORE)
        other.flush()
        sync(other.fileno())
        os.posix_fadvise(other.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        other.seek(0)
        other.read()


os.fsync = read_something_else

from flask_app.sync_app import application  # noqa: E402, F401
