"""Tests the locks of runs in containers, which show whether a run is still going on or was killed."""

import os
import stat
import subprocess
import sys
import tempfile
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from waitbench.errors import WaitbenchError
from waitbench.launch.leftovers import claimed, publisher, sweep


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def locks(folder: Path) -> Path:
    return folder / f"waitbench.{os.geteuid()}" / "containers"


def docker(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """Make a `docker` that is alone on the PATH and writes its arguments to a file. Returns that file."""
    (folder / "bin").mkdir()
    program, asked = folder / "bin" / "docker", folder / "asked"
    program.write_text(f'#!/bin/sh\necho "$@" >>{asked}\n{script}\n')
    program.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", str(folder / "bin"))
    return asked


def killed(folder: Path, project: str = "waitbench-7") -> Path:
    """Start a run that is killed. Returns the lock file that it left."""
    script = (
        "import os, sys, tempfile; from waitbench.launch.leftovers import claimed; tempfile.tempdir = sys.argv[1]\n"
    )
    script += "with claimed(sys.argv[2]): os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", script, str(folder), project])
    return locks(folder) / f"{project}.lock"


def test_the_project_of_a_killed_run_is_removed_and_this_is_shown(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = killed(temporary)
    assert lock.exists()
    asked, shown = docker(temporary, monkeypatch, "exit 0"), StringIO()
    sweep(Console(file=shown))
    assert asked.read_text() == "compose --project-name waitbench-7 down --volumes --timeout 5\n"
    assert "removed the containers of a run that was killed (waitbench-7)" in shown.getvalue()
    assert not lock.exists()


def test_the_project_of_a_run_that_goes_on_is_left_alone(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = docker(temporary, monkeypatch, "exit 0")
    with claimed("waitbench-8") as gone:
        sweep(Console(file=StringIO()))
        assert not asked.exists()
        gone()
    assert list(locks(temporary).iterdir()) == []


@pytest.mark.parametrize("project", ["", "waitbench", "mine", "waitbench-7 --all"])
def test_a_lock_that_names_no_project_of_a_run_removes_nothing(
    temporary: Path, monkeypatch: pytest.MonkeyPatch, project: str
) -> None:
    locks(temporary).mkdir(mode=0o700, parents=True)
    locks(temporary).parent.chmod(0o700)
    (locks(temporary) / "x.lock").write_text(project)
    asked = docker(temporary, monkeypatch, "exit 0")
    sweep(Console(file=StringIO()))
    assert not asked.exists()


@pytest.mark.fault(
    "processes",
    "the containers of a killed run can't be removed, because no Docker engine responds",
    "a run in containers is refused with the command to run; the lock stays for the next run",
)
def test_containers_that_cannot_be_removed_are_reported_with_the_command(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = killed(temporary)
    docker(temporary, monkeypatch, "echo Cannot connect >&2; exit 1")
    with pytest.raises(WaitbenchError, match=r"Cannot connect. Run `docker compose --project-name waitbench-7 down"):
        sweep(Console(file=StringIO()))
    assert lock.exists()


@pytest.mark.parametrize(
    ("prints", "says"),
    [
        (
            "printf 'web-1\\tweb\\n'",
            "container web-1 of the Compose project web. End it with `docker compose --project",
        ),
        ("printf 'lonely\\t\\n'", "container lonely. End it with `docker stop lonely`"),
        ("exit 1", ""),
    ],
    ids=["of a project", "by itself", "no engine"],
)
def test_the_container_that_uses_a_port_is_named_with_the_command_that_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prints: str, says: str
) -> None:
    monkeypatch.setenv("PATH", os.environ["PATH"])
    docker(tmp_path, monkeypatch, f"PATH=/usr/bin:/bin; {prints}")
    found = publisher(8089)
    assert found.startswith(says)
    assert bool(found) == bool(says)
