"""Writes files completely or not at all."""

import os
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write a file completely or not at all: no reader gets half a file, even after a kill. Makes its folder.

    Raises OSError; the file then stays as it was.
    """
    draft = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(exist_ok=True)
        draft.write_text(text, encoding="utf-8")
        os.replace(draft, path)
    except OSError:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
