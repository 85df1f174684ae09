"""Runs child processes that do not outlive the harness, and keeps the end of their output."""

import contextlib
import ctypes
import os
import pwd
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from waitbench.errors import WaitbenchError
from waitbench.launch.interrupts import deferred

KILLED_S = 10.0
_PR_SET_PDEATHSIG = 1
_YIELDING = 10
"""The niceness of a process that yields to others: these get nine tenths of a core that both want."""
PLAIN = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR")
_LINUX = sys.platform == "linux"
_libc = ctypes.CDLL(None, use_errno=True) if _LINUX else None


class Process:
    """A child in a process group of its own, so that Ctrl-C reaches only the harness and the group ends as one.

    `cpus` pins it; `yielding` gives others priority on these cores. On Linux the kernel sends it `end_signal` when the
    harness dies, however that happens. With `user` it runs as that user, without our groups and variables.
    """

    # Nine parameters, because each is one option of the child and most callers pass a few by name.
    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        cpus: Sequence[int] = (),
        yielding: bool = False,
        environment: dict[str, str] | None = None,
        cwd: Path | None = None,
        user: pwd.struct_passwd | None = None,
        end_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name = name
        self.log = log
        self._end_signal = end_signal
        self._asked = False
        """Whether the end signal was sent. A second one makes some servers abort their requests."""
        with log.open("wb") as out:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**(plain() if user else os.environ), **(environment or {})},
                cwd=cwd,
                user=user.pw_uid if user else None,
                group=user.pw_gid if user else None,
                extra_groups=[] if user else None,
                start_new_session=True,
                preexec_fn=_before_exec(cpus, yielding, end_signal, os.getpid()),
            )

    @property
    def pid(self) -> int:
        return self._child.pid

    def exit_code(self) -> int | None:
        """Return the exit code; None while the child runs."""
        return self._child.poll()

    def last_words(self, lines: int = 12) -> str:
        """Return the end of its output, indented, for error messages."""
        try:
            text = self.log.read_text(errors="replace").strip()
        except OSError:
            text = ""
        tail = text.splitlines()[-lines:] or ["(it printed nothing)"]
        return "\n".join(f"  | {line}" for line in tail)

    def died(self) -> WaitbenchError:
        """Return the error that reports its end."""
        return WaitbenchError(
            f"{self.name} ended with {_ending(self.exit_code())}; the end of its output:\n{self.last_words()}"
        )

    def ask_to_end(self) -> None:
        """Send the end signal once, if the child still runs. A stopped child is resumed, so that it can react."""
        if not self._asked and self._child.poll() is None:
            self._asked = True
            with contextlib.suppress(ProcessLookupError, PermissionError):
                self._child.send_signal(self._end_signal)
                os.killpg(self._child.pid, signal.SIGCONT)

    def end(self, grace_s: float = 10.0) -> None:
        """Ask it to end, wait, then kill its whole group. A signal to the harness waits until that is done."""
        with deferred():
            self.ask_to_end()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(grace_s)
            end_group(self._child)


def end_group(child: "subprocess.Popen[Any]") -> None:
    """Kill a child that leads a process group, and the group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    # Nothing survives SIGKILL, but a process that waits for a broken disk ends only when the disk responds.
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(KILLED_S)


def bounded(
    command: Sequence[str], timeout_s: float, what: str = "", said: str = "", **options: Any
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end and return its output. It reads `said`. `options` are those of subprocess.Popen.

    It has a process group of its own, so Ctrl-C reaches only the harness. After `timeout_s`, or if the harness is
    interrupted, the whole group is killed. Raises WaitbenchError after `timeout_s`, and if there is no such program.
    """
    name = what or Path(command[0]).name
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if said else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=_before_exec((), False, signal.SIGKILL, os.getpid()),
            **options,
        )
    except OSError as error:
        raise WaitbenchError(f"{name} can't be run: {error.strerror}. Install it, or fix its permissions") from None
    try:
        out, err = child.communicate(said or None, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise WaitbenchError(f"{name} did not end within {timeout_s:g} s and was killed. Run again") from None
    finally:
        if child.returncode is None:
            end_group(child)
        for pipe in (child.stdout, child.stderr):
            if pipe is not None:
                pipe.close()
    return subprocess.CompletedProcess(list(command), child.returncode, out, err)


def plain() -> dict[str, str]:
    """Return the variables for a program that another user runs and can read: none that could hold a secret of ours."""
    return {name: os.environ[name] for name in PLAIN if name in os.environ}


def _ending(code: int | None) -> str:
    return f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"


def allow_many_sockets() -> None:
    """Raise this process's limit on open files, which its children inherit: each user is a socket."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _yield() -> None:
    """Give other processes priority, both in this session and in others.

    A kernel that schedules sessions as groups (autogroup, sched(7)) uses the niceness of the group.
    """
    os.nice(_YIELDING)
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(_YIELDING))


def _before_exec(
    cpus: Sequence[int], yielding: bool, end_signal: signal.Signals, parent: int
) -> Callable[[], None] | None:
    if not _LINUX:
        return None

    def tie() -> None:
        assert _libc is not None
        _libc.prctl(_PR_SET_PDEATHSIG, end_signal)
        if os.getppid() != parent:  # the harness died before the line above
            os._exit(1)
        if cpus:
            os.sched_setaffinity(0, cpus)
        if yielding:
            _yield()

    return tie
