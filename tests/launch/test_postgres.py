"""Tests what another user of the machine can do with the PostgreSQL of a local run."""

import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest

from tests import processes
from waitbench.launch.client import Service
from waitbench.launch.local import LocalStack

pytestmark = pytest.mark.live

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="acts as another user, which takes root")
STRANGERS = (65534, 54321)
"""The users `nobody` and one that the machine does not know."""


@dataclass
class Running:
    stack: LocalStack
    place: Path
    url: str
    """The address, with the services' role and its password."""

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0

    def connect(self, user: str = "", password: str | None = None, database: str = "waitbench") -> None:
        """Connect to PostgreSQL. Raises psycopg.OperationalError if it refuses."""
        own = urlsplit(self.url)
        with psycopg.connect(
            host="127.0.0.1",
            port=own.port,
            user=user or own.username,
            password=own.password if password is None else password,
            dbname=database,
            connect_timeout=10,
        ):
            pass


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    place = Path(tempfile.mkdtemp(prefix="wbpg-"))
    place.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(place))
        patch.setattr(tempfile, "tempdir", str(place))
        with LocalStack() as stack:
            stack.start(["fastapi-asyncio"], workloads={"db"})
            url = psutil.Process(stack.processes["fastapi-asyncio"].pid).environ()["WAITBENCH_DATABASE_URL"]
            yield Running(stack, place, url)
    processes.end(processes.mentioning(str(place)))
    shutil.rmtree(place, ignore_errors=True)


def as_user(uid: int, code: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run Python code as another user with the system's Python, because this user's may be in a home folder."""
    python = shutil.which("python3", path="/usr/local/bin:/usr/bin")
    if not python:
        pytest.skip("there is no python3 in /usr/bin, and another user may be unable to run this one")
    return subprocess.run(
        [python, "-I", "-c", code, *arguments],
        user=uid, group=uid, extra_groups=[], cwd="/", env={}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


SESSION = """
import socket, struct, sys
port, user = int(sys.argv[1]), sys.argv[2].encode()
s = socket.create_connection(("127.0.0.1", port), timeout=10)
body = struct.pack("!I", 196608) + b"user\\0" + user + b"\\0database\\0waitbench\\0\\0"
s.sendall(struct.pack("!I", len(body) + 4) + body)
reply = b""
while not reply.startswith((b"E",)) and len(reply) < 9:
    reply += s.recv(4096)
print(reply[:1].decode(), struct.unpack("!I", reply[5:9])[0] if reply[:1] == b"R" else reply.decode("latin-1"))
"""
"""Begins a session in PostgreSQL's protocol: "R 0" is a session without a password, "R 10" asks for SCRAM."""


@as_root
@pytest.mark.parametrize("uid", STRANGERS)
@pytest.mark.fault(
    "security",
    "another user of the machine connects to a run's PostgreSQL, and runs programs by COPY ... FROM PROGRAM",
    "refused: every connection needs a random password (SCRAM), and the superuser has none over TCP",
)
def test_another_user_gets_no_session(running: Running, uid: int) -> None:
    found = {name: as_user(uid, SESSION, str(running.port), name) for name in ("waitbench", "waitbench_reader", "any")}
    assert found["waitbench_reader"].stdout.split() == ["R", "10"], found["waitbench_reader"].stderr
    for name in ("waitbench", "any"):
        assert "no pg_hba.conf entry" in found[name].stdout, found[name].stderr


READ = """
import os, sys
for folder, names, files in os.walk(sys.argv[1]):
    for name in files:
        try:
            open(os.path.join(folder, name), "rb").close()
            print("read", os.path.join(folder, name))
        except OSError:
            pass
for pid in sys.argv[2:]:
    try:
        print("environment of", pid, open(f"/proc/{pid}/environ").read())
    except OSError:
        pass
"""


@as_root
@pytest.mark.fault(
    "security",
    "another user reads the files of a run in the temporary folder, or the environment of its processes",
    "only the list of who may connect to PostgreSQL can be read, which holds no secret",
)
def test_another_user_reads_none_of_the_files_of_a_run(running: Running) -> None:
    pids = [str(process.pid) for process in running.stack.processes.values()]
    found = as_user(54321, READ, str(running.place), *pids).stdout.splitlines()
    assert [line for line in found if not line.endswith("/pg_hba.conf")] == []
    # PostgreSQL itself is run by `nobody`, so `nobody` can read its data, but no file of root.
    output = as_user(65534, READ, str(running.place), *pids).stdout
    for line in output.splitlines():
        assert re.search(r"/(data|socket)/|/pg_hba.conf$|^environment of", line), line
    assert str(urlsplit(running.url).password) not in output


@as_root
@pytest.mark.fault(
    "security",
    "under root, PostgreSQL keeps root's groups",
    "it runs as `nobody`, with the group of `nobody` and no other, and without root's environment",
)
def test_postgresql_has_no_group_and_no_variable_of_root(running: Running) -> None:
    pid = running.stack.processes["postgres"].pid
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    status = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
    nobody = pwd.getpwnam("nobody")
    assert set(status["Uid"]) == {str(nobody.pw_uid)}
    assert set(status["Gid"]) == {str(nobody.pw_gid)}
    assert status["Groups"] == []
    assert "HOME" not in psutil.Process(pid).environ()


@pytest.mark.parametrize(
    ("user", "password", "database"),
    [
        pytest.param("waitbench", "waitbench", "waitbench", id="the superuser"),
        pytest.param("waitbench", "", "waitbench", id="the superuser without a password"),
        pytest.param("", "waitbench", "waitbench", id="a guess"),
        pytest.param("", None, "postgres", id="another database"),
    ],
)
def test_a_connection_is_refused(running: Running, user: str, password: str | None, database: str) -> None:
    running.connect()
    with pytest.raises(psycopg.OperationalError, match=r"no pg_hba.conf entry|password authentication failed"):
        running.connect(user, password, database)


@pytest.mark.parametrize(
    "statement",
    [
        "COPY item FROM PROGRAM 'id'",
        "INSERT INTO item VALUES (0, 0, '', 0)",
        "DELETE FROM item",
        "CREATE TABLE mine ()",
        "CREATE TEMPORARY TABLE mine ()",
        "CREATE ROLE mine",
        "SELECT pg_read_file('postgresql.conf')",
        "SELECT rolpassword FROM pg_authid",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()",
    ],
)
@pytest.mark.fault(
    "security",
    "a service runs any SQL it likes",
    "its role may read one table: no writing, no creating, no files, no programs",
)
def test_the_role_of_the_services_may_only_read(running: Running, statement: str) -> None:
    refused = pytest.raises(psycopg.errors.InsufficientPrivilege)
    with psycopg.connect(running.url, autocommit=True) as session, refused:
        session.execute(statement)


def test_the_service_can_still_read_its_rows(running: Running) -> None:
    with Service(running.stack.base_urls["fastapi-asyncio"]) as service:
        assert service.get("/db?ms=1").status_code == 200


def test_no_password_is_on_a_command_line_or_in_a_file(running: Running) -> None:
    secret = urlsplit(running.url).password
    assert secret
    assert len(secret) >= 32
    for process in psutil.Process().children(recursive=True):
        assert secret not in " ".join(process.cmdline())
    for path in running.place.rglob("*"):
        if path.is_file() and "data" not in path.parts:
            assert secret.encode() not in path.read_bytes(), path
            assert stat.S_IMODE(path.stat().st_mode) & 0o002 == 0
    assert not any("password" in path.name for path in running.place.rglob("*"))
