"""Lets the load container write into the results folder, where that folder is ours to open.

Run once, as root, by the container `results` (compose.yaml): `python -m waitbench.launch.results_folder`. It imports
nothing else of waitbench.
"""

import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

MADE_BY_DOCKER = 0o755
"""The mode of a folder that Docker makes, for root, where there is none to mount."""


class Refused(Exception):
    """The folder belongs to somebody else; the message is advice."""


def open_to_load(folder: Path, checkout: Path, uid: int, gid: int, name: str) -> str:
    """Make the folder writable for user `uid` of group `gid`; what was done, or "" where nothing had to be.

    `checkout` is a file of this checkout: who owns it may open a folder that they own too. Raises Refused, and changes
    nothing, where the folder is neither theirs nor a new one of Docker's. `name` is what the caller calls it.
    """
    found, ours = folder.stat(), checkout.stat().st_uid
    mode = stat.S_IMODE(found.st_mode)
    if _may_write(found, uid, gid):
        return ""
    new = found.st_uid == 0 and mode == MADE_BY_DOCKER and not any(folder.iterdir())
    if found.st_uid != ours and not new:
        raise Refused(
            f"the results folder {name} belongs to user {found.st_uid} (mode {mode:o}), and this checkout to user "
            f"{ours}, so it is left as it is. Name a folder of your own with WAITBENCH_RESULTS, or have its owner let "
            f"user {uid} write there"
        )
    folder.chmod(mode | 0o777)
    return f"{name}: mode {mode:o} became {mode | 0o777:o}, so that the load container can write there"


def _may_write(found: os.stat_result, uid: int, gid: int) -> bool:
    """By the class of permissions that the kernel looks at: owner, group or others."""
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
