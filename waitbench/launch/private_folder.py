"""Makes a folder in the temporary folder that no other user can enter."""

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from waitbench.errors import WaitbenchError

try:
    import fcntl
except ImportError:  # pragma: no cover - not on Windows
    fcntl = None  # type: ignore[assignment]


def private_folder() -> Path:
    """Return a folder for locks that no other user can enter. Raises WaitbenchError.

    It is in the temporary folder, not in $XDG_RUNTIME_DIR. A shell has that variable, but cron and `su` do not, and two
    commands of one user have to find each other.
    """
    folder = Path(tempfile.gettempdir()) / f"waitbench.{os.geteuid()}"
    advice = "Remove it, or name another temporary folder with TMPDIR"
    try:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
    except OSError as error:
        raise WaitbenchError(
            f"{folder}, the folder for locks, can't be created: {error.strerror}. Name another temporary folder with "
            "TMPDIR"
        ) from None
    if not stat.S_ISDIR(found.st_mode):
        raise WaitbenchError(f"{folder} is not a folder, but waitbench needs it for locks. {advice}")
    if found.st_uid != os.geteuid():
        raise WaitbenchError(f"{folder}, the folder for locks, belongs to another user ({found.st_uid}). {advice}")
    if found.st_mode & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        raise WaitbenchError(
            f"{folder}, the folder for locks, is open: other users may enter it (mode {mode:o}). {advice}"
        )
    return folder
