"""A folder in the temporary folder that no other user can enter."""

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
    """A folder for locks that no other user can enter. Raises WaitbenchError.

    It is in the temporary folder, and not in $XDG_RUNTIME_DIR: a shell has that, and cron or `su` has not, and two
    commands of one user have to meet.
    """
    folder = Path(tempfile.gettempdir()) / f"waitbench.{os.geteuid()}"
    advice = "Remove it, or name another temporary folder with TMPDIR"
    try:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
    except OSError as error:
        raise WaitbenchError(
            f"{folder}, which locks the machine, can't be made: {error.strerror}. Name another temporary folder with "
            "TMPDIR"
        ) from None
    if not stat.S_ISDIR(found.st_mode):
        raise WaitbenchError(f"{folder}, which locks the machine, is no folder. {advice}")
    if found.st_uid != os.geteuid():
        raise WaitbenchError(f"{folder}, which locks the machine, belongs to another user ({found.st_uid}). {advice}")
    if found.st_mode & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        raise WaitbenchError(f"{folder} locks the machine, but other users may enter it (mode {mode:o}). {advice}")
    return folder
