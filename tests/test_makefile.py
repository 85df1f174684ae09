"""Targets of the Makefile that do more than run one command."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from waitbench.paths import PLANS, ROOT

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="needs make")

INTERPRETER = """#!/bin/sh
# Make takes this for a Python without the GIL. In an environment, commands that contain {fails} fail.
case "$*" in
"-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
*{fails}*) exit 1 ;;
esac
"""


def make(*arguments: str, cwd: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    """Run make without the options that it would inherit from a make that runs the tests."""
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
    command = ["make", "--file", str(ROOT / "Makefile"), *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60)


def set_up(folder: Path, fails: str) -> int:
    interpreter = folder / "python3.14t"
    interpreter.write_text(INTERPRETER.format(fails=fails))
    interpreter.chmod(stat.S_IRWXU)
    return make("setup-free-threaded", f"INTERPRETER={interpreter}", cwd=folder).returncode


@pytest.mark.parametrize("fails", ["pip", "psycopg"])
def test_an_incomplete_environment_without_the_gil_is_not_kept(fails: str, tmp_path: Path) -> None:
    assert set_up(tmp_path, fails) != 0
    assert not (tmp_path / ".venv-free-threaded").exists()
    assert set_up(tmp_path, "nothing") == 0
    assert (tmp_path / ".venv-free-threaded/bin/python").is_file()
    assert not (tmp_path / ".venv-free-threaded.half").exists()


def test_an_old_environment_without_the_gil_stays_until_another_is_complete(tmp_path: Path) -> None:
    old = tmp_path / ".venv-free-threaded/old"
    old.mkdir(parents=True)
    assert set_up(tmp_path, "pip") != 0
    assert old.exists()
    assert set_up(tmp_path, "nothing") == 0
    assert not old.exists()


@pytest.mark.parametrize(
    ("plan", "references"),
    [
        ("claims", True),
        ("loadtests/plans/claims.toml", True),
        ("./loadtests/plans/../plans/claims.toml", True),
        (str(PLANS / "claims.toml"), True),
        ("quick", False),
        ("elsewhere/claims.toml", False),
    ],
)
def test_the_references_are_set_up_for_every_name_of_the_plan_of_claims(plan: str, references: bool) -> None:
    shown = make("--dry-run", "run", f"PLAN={plan}")
    assert shown.returncode == 0, shown.stderr
    assert f"waitbench run {plan}" in shown.stdout
    assert ("services/go_app/build.sh" in shown.stdout) == references
