"""The file behind /disk: written, forced to the disk, and read back from there."""

import os
import tempfile
from hashlib import sha256

from work import pattern
from work.answers import DependencyFailed
from work.settings import settings

FAILED = "the disk did not take the file, or did not give it back"


def keep_and_read_back(kib: int) -> str:
    """Return the SHA-256 of what the disk gave back. The file never has a name, so it cannot be left behind."""
    size = kib * 1024
    digest = sha256()
    try:
        with tempfile.TemporaryFile(dir=settings.scratch_dir) as file:
            for piece in pattern.pieces(size):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
            # Only data on the disk can be dropped from memory, and only dropped data is read from the disk.
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            file.seek(0)
            for piece in pattern.pieces(size):
                found = file.read(len(piece))
                if found != piece:
                    raise DependencyFailed(FAILED)
                digest.update(found)
    except OSError as error:
        raise DependencyFailed(FAILED) from error
    return digest.hexdigest()
