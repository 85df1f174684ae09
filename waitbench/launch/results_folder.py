"""Lets the load container write into the results folder, if that folder may be opened.

The container `results` of compose.yaml runs this once, as root: `python -m waitbench.launch.results_folder`. The module
imports nothing else of waitbench.
"""

import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

MADE_BY_DOCKER = 0o755
"""The mode of a folder that Docker makes as root if the folder to mount does not exist."""


class Refused(Exception):
    """The folder belongs to another user. The message has advice."""


def open_to_load(folder: Path, checkout: Path, uid: int, gid: int, name: str) -> str:
    """Make the folder writable for user `uid` of group `gid`. Returns what was done, or "" if nothing was needed.

    `checkout` is a file of this checkout; `name` is the folder's name in messages. A folder is opened if the owner of
    the checkout owns it, or if Docker has just made it. Otherwise this raises Refused and changes nothing.
    """
    found, ours = folder.stat(), checkout.stat().st_uid
    mode = stat.S_IMODE(found.st_mode)
    if _may_write(found, uid, gid):
        return ""
    new = found.st_uid == 0 and mode == MADE_BY_DOCKER and not any(folder.iterdir())
    if found.st_uid != ours and not new:
        raise Refused(
            f"the results folder {name} belongs to user {found.st_uid} (mode {mode:o}), but this checkout belongs to "
            f"user {ours}, so the folder was not opened. Name a folder of your own with WAITBENCH_RESULTS, or ask its "
            f"owner to let user {uid} write there"
        )
    folder.chmod(mode | 0o777)
    return f"{name}: mode {mode:o} became {mode | 0o777:o}, so that the load container can write there"


def _may_write(found: os.stat_result, uid: int, gid: int) -> bool:
    """Whether a user has all permissions, by the class that the kernel applies: owner, group or others."""
    shift = 6 if found.st_uid == uid else 3 if found.st_gid == gid else 0
    return found.st_mode >> shift & 0o7 == 0o7


def main(environment: Mapping[str, str] = os.environ) -> int:
    name = environment.get("WAITBENCH_RESULTS_OUTSIDE", "/results")
    uid, gid = (int(environment.get(f"WAITBENCH_{which}", "1000")) for which in ("UID", "GID"))
    try:
        done = open_to_load(Path("/results"), Path("/compose.yaml"), uid, gid, name)
    except Refused as why:
        sys.stderr.write(f"waitbench: {why}\n")
        return 1
    sys.stdout.write(f"{done}\n" if done else "")
    return 0


if __name__ == "__main__":
    sys.exit(main())
