"""Removes the containers of runs that were killed, and no others. The next run does this.

Each run in containers holds a lock file in a private folder, which names its Compose project. A lock file that is no
longer locked belongs to a run that was killed. A process number would not do: another process may have it by now.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.console import Console

from waitbench.errors import Unwritable, WaitbenchError
from waitbench.launch.private_folder import private_folder
from waitbench.launch.process import bounded

try:
    import fcntl
except ImportError:  # pragma: no cover - not on Windows
    fcntl = None  # type: ignore[assignment]

_PROJECT = re.compile(r"waitbench-\d+")
DOWN_S = 60.0
ASK_S = 10.0


@contextmanager
def claimed(project: str) -> Iterator[Callable[[], None]]:
    """Hold the lock of a Compose project.

    Call the function that this yields once the project's containers are gone. If the lock file stays, the next run
    removes them.
    """
    path = _folder() / f"{project}.lock"
    draft = path.with_suffix(".part")
    try:
        lock = draft.open("w")
    except OSError as error:
        raise Unwritable.because(draft.parent, error) from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        lock.write(project)
        lock.flush()
        draft.replace(path)  # only now can another run see it
        yield lambda: path.unlink(missing_ok=True)


def sweep(console: Console) -> None:
    """Remove the containers, networks and volumes of runs that were killed.

    Raises WaitbenchError with the command to run if Docker does not remove them.
    """
    for path in sorted(_folder().glob("*.lock")):
        with suppress(OSError), path.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # OSError: its run is still going on
            project = lock.read().strip()
            if _PROJECT.fullmatch(project):
                _remove(project)
                console.print(f"removed the containers of a run that was killed ({project})", highlight=False)
            path.unlink()


def _remove(project: str) -> None:
    command = ["docker", "compose", "--project-name", project, "down", "--volumes"]
    why = "the command `docker` was not found"
    if shutil.which("docker"):
        # In a folder without a compose.yaml, so Docker finds the containers by their labels.
        done = bounded([*command, "--timeout", "5"], DOWN_S, "`docker compose down`", cwd=_folder())
        if done.returncode == 0:
            return
        why = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
    raise WaitbenchError(
        f"the containers of a run that was killed can't be removed: {why}. Run `{' '.join(command)}`, or remove "
        f"{_folder() / project}.lock if they are gone"
    )


def publisher(port: int) -> str:
    """Name the container that uses a port of this machine, with the command that ends it; "" if none does."""
    if not shutil.which("docker"):
        return ""
    form = '{{.Names}}\t{{.Label "com.docker.compose.project"}}'
    try:
        done = bounded(["docker", "ps", "--filter", f"publish={port}", "--format", form], ASK_S)
    except WaitbenchError:  # an engine that hangs must not hide the message about the port
        return ""
    for line in done.stdout.splitlines():
        name, _, project = line.partition("\t")
        if project:
            end = f"docker compose --project-name {project} down --volumes"
            return f"container {name} of the Compose project {project}. End it with `{end}`"
        return f"container {name}. End it with `docker stop {name}`"
    return ""


def _folder() -> Path:
    """The folder of the locks. No other user can enter it, so no link in it can redirect a write."""
    folder = private_folder() / "containers"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
