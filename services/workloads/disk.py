"""`/disk`: a file that is written, forced to the disk, and read back from there."""

import os
import tempfile
from collections.abc import Sequence
from hashlib import sha256

from work import pattern
from work.params import inline as inline
from work.params import whole
from work.responses import DependencyFailed, encode
from work.settings import settings

FAILED = "the file could not be written to the disk and read back"


def kib(given: Sequence[str]) -> int:
    """How much to write and read back, in KiB."""
    return whole("kib", given, 1, 4096)


def body(kib: int, sha256: str) -> bytes:
    return encode({"workload": "disk", "kib": kib, "sha256": sha256})


def write_and_read_back(kib: int) -> str:
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
