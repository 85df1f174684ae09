"""Reads files that others may have written: whole, up to a limit, and never without end."""

import os
import stat
from pathlib import Path

MIB = 2**20


class Unreadable(Exception):
    """A file cannot be read. The message is the end of a sentence with the reason."""


def read_bounded(path: Path, limit: int) -> bytes:
    """Return the content of a regular file of at most `limit` bytes. Raises Unreadable.

    A FIFO without a writer would block an ordinary open, and /dev/zero has no end.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise Unreadable(error.strerror or type(error).__name__) from None
    except ValueError:  # a NUL in the path
        raise Unreadable("no file can have this name") from None
    try:
        found = os.fstat(descriptor)
        if stat.S_ISDIR(found.st_mode):
            raise Unreadable("it is a directory")
        if not stat.S_ISREG(found.st_mode):
            raise Unreadable("it is a device or a pipe, not a file")
        if found.st_size > limit:
            raise Unreadable(f"it has {found.st_size / MIB:,.1f} MiB; the limit is {limit / MIB:g} MiB")
        with os.fdopen(os.dup(descriptor), "rb") as file:
            return file.read(limit)
    except OSError as error:
        raise Unreadable(error.strerror or type(error).__name__) from None
    finally:
        os.close(descriptor)
