"""Containers of runs that were killed: the next run removes them, and nobody else's.

Each run of containers holds a lock in a private folder, which names its Compose project. A lock that
nobody holds any more belongs to a run that was killed. A number of a process would not do: it may be another's by now.
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
    """Hold the lock of a Compose project. Call what this gives once its containers are gone: a lock that stays lets the
    next run remove them."""
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
    """Remove the containers, networks and volumes of runs that were killed. Raises WaitbenchError, with the command
    that does it, where Docker does not."""
    for path in sorted(_folder().glob("*.lock")):
        with suppress(OSError), path.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # OSError: its run goes on
            project = lock.read().strip()
            if _PROJECT.fullmatch(project):
                _remove(project)
                console.print(f"removed the containers of a run that was killed ({project})", highlight=False)
            path.unlink()


def _remove(project: str) -> None:
    command = ["docker", "compose", "--project-name", project, "down", "--volumes"]
    why = "there is no docker on this machine any more"
    if shutil.which("docker"):
        # Elsewhere than in a folder that may have a compose.yaml of its own: Docker goes by its labels.
        done = bounded([*command, "--timeout", "5"], DOWN_S, "`docker compose down`", cwd=_folder())
        if done.returncode == 0:
            return
        why = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
    raise WaitbenchError(
        f"the containers of a run that was killed can't be removed: {why}. Say `{' '.join(command)}`, or remove "
        f"{_folder() / project}.lock if they are gone"
    )


def publisher(port: int) -> str:
    """The container that has a port of this machine, in words, with the command that ends it; "" where none has."""
    if not shutil.which("docker"):
        return ""
    form = '{{.Names}}\t{{.Label "com.docker.compose.project"}}'
    try:
        done = bounded(["docker", "ps", "--filter", f"publish={port}", "--format", form], ASK_S)
    except WaitbenchError:  # an engine that hangs is nobody's reason not to be told about the port
        return ""
    for line in done.stdout.splitlines():
        name, _, project = line.partition("\t")
        if project:
            end = f"docker compose --project-name {project} down --volumes"
            return f"container {name} of the Compose project {project}. End it with `{end}`"
        return f"container {name}. End it with `docker stop {name}`"
    return ""


def _folder() -> Path:
    """One that no other user can enter: what is written there can't be led elsewhere."""
    folder = private_folder() / "containers"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
