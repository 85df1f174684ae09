"""Allows one measurement at a time on a machine, and one run at a time in a results folder.

Each command that uses the machine announces itself by a file in a private folder, and keeps that file locked while it
works. The kernel drops the lock of a process that dies, so a file without a lock is ignored.
"""

import errno
import json
import os
import secrets
import shlex
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from waitbench.errors import Unwritable, WaitbenchError

try:
    import fcntl
except ImportError:  # pragma: no cover - not on Windows
    fcntl = None  # type: ignore[assignment]
from waitbench.launch.private_folder import private_folder

GUARD_S = 10.0
"""How long to wait for another command that is reading or writing the announcements."""

_NO_LINK = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True)
class Work:
    """The use of this machine that a command announces."""

    serves: int = 0
    """The port of the service that the command keeps up; 0 if the command measures."""
    measures: frozenset[int] = frozenset()
    """The ports of this machine that its plan names as [[external]]."""

    def goes_with(self, other: "Work") -> bool:
        """Whether both may run at the same time: neither measures, or one measures the service of the other."""
        if self.serves and other.serves:
            return True
        return bool({self.serves, other.serves} & (self.measures | other.measures))


@dataclass(frozen=True)
class _Announcement:
    pid: int
    command: str
    work: Work

    def conflict(self) -> WaitbenchError:
        end = f"Wait for it, or end it with `kill {self.pid}`"
        if not self.work.serves:
            return WaitbenchError(
                f"`{self.command}` is measuring on this machine (process {self.pid}); two measurements would disturb "
                f"each other. {end}"
            )
        return WaitbenchError(
            f"`{self.command}` keeps a service up (process {self.pid}), and its load would be measured too. End it "
            f"with `kill {self.pid}`, or measure that service: a plan that names it under [[external]] with base_url "
            f'"http://127.0.0.1:{self.work.serves}" may run at the same time'
        )


@contextmanager
def sole_run(out: Path, work: Work) -> Iterator[Callable[[], None]]:
    """Hold the machine and a results folder for one run. Raises WaitbenchError.

    Containers do not see the announcements of others, but they share the results folder. The function that this yields
    releases both before the context ends.
    """
    with announced(work) as withdraw, sole_writer(out) as unlock:

        def release() -> None:
            withdraw()
            unlock()

        yield release


@contextmanager
def announced(work: Work) -> Iterator[Callable[[], None]]:
    """Announce this command to others of the same user. Raises WaitbenchError if a conflicting one is running.

    The function that this yields withdraws the announcement before the context ends.
    """
    folder = private_folder()
    with _guarded(folder):
        for other in _others(folder):
            if not work.goes_with(other.work):
                raise other.conflict()
        path = folder / f"{os.getpid()}-{secrets.token_hex(4)}"
        lock = _opened(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = shlex.join(["waitbench", *sys.argv[1:]])
        content = {"pid": os.getpid(), "command": command, "serves": work.serves, "measures": sorted(work.measures)}
        os.write(lock, json.dumps(content).encode())

    def withdraw() -> None:
        path.unlink(missing_ok=True)

    try:
        yield withdraw
    finally:
        withdraw()
        os.close(lock)


@contextmanager
def sole_writer(out: Path) -> Iterator[Callable[[], None]]:
    """Hold a results folder, which is made if it does not exist. Raises WaitbenchError.

    Others may write into that folder, as containers do, so nothing is ever written into its lock file.
    """
    path = out / ".lock"
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = _results_lock(path)
    except OSError as error:
        raise Unwritable.because(out, error) from None
    try:
        if not stat.S_ISREG(os.fstat(lock).st_mode):
            raise WaitbenchError(f"{path} is not a file, so it can't be locked. Remove it")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WaitbenchError(
                f"another run is writing to {out}: one in containers, or of another user. Wait for it, or choose "
                "another folder with --out"
            ) from None
        yield lambda: fcntl.flock(lock, fcntl.LOCK_UN)
    finally:
        os.close(lock)


def _results_lock(path: Path) -> int:
    try:
        return _opened(path, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError as error:
        if not path.exists():
            raise error from None  # there is no lock file, and none can be made
        try:  # it may belong to another user, such as a container's: it can still be locked
            return _opened(path, os.O_RDONLY)
        except PermissionError:
            raise WaitbenchError(
                f"{path} belongs to another user and can't be read, so it can't be locked. Remove it, or choose "
                "another folder with --out"
            ) from None
    except IsADirectoryError:
        raise WaitbenchError(f"{path} is not a file, so it can't be locked. Remove it") from None


def _opened(path: Path, flags: int, mode: int = 0o666) -> int:
    """Open a file. Returns its descriptor. A symbolic link is refused, because its maker chose where it leads."""
    try:
        return os.open(path, flags | _NO_LINK, mode)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise WaitbenchError(f"{path} is a symbolic link, so a lock would be on another file. Remove it") from None
        raise


@contextmanager
def _guarded(folder: Path) -> Iterator[None]:
    """Hold the right to read and write the announcements. Raises WaitbenchError after GUARD_S."""
    guard = _opened(folder / "guard", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + GUARD_S
        while not _locked(guard):
            if time.monotonic() > deadline:
                raise WaitbenchError(
                    f"another waitbench process has kept {folder / 'guard'} locked for {GUARD_S:.0f} s. It may be "
                    "suspended; end it"
                )
            time.sleep(0.01)
        yield
    finally:
        os.close(guard)


def _locked(file: int) -> bool:
    """Try to lock the file. Returns whether that worked."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _others(folder: Path) -> Iterator[_Announcement]:
    """Yield the commands that are running. The file of a command that has died is removed."""
    for path in folder.glob("*-*"):
        file = _opened(path, os.O_RDWR)
        try:
            if _locked(file):
                path.unlink(missing_ok=True)
            elif announcement := _read(file):
                yield announcement
        finally:
            os.close(file)


def _read(file: int) -> _Announcement | None:
    """Read an announcement. Returns None if it is not readable, which only another version of waitbench can cause."""
    try:
        content = json.loads(os.read(file, 65536))
        work = Work(content["serves"], frozenset(content["measures"]))
        return _Announcement(content["pid"], content["command"], work)
    except (ValueError, KeyError, TypeError):
        return None
