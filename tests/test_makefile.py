"""The Makefile, where what it does is more than one command."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from waitbench.paths import PLANS, ROOT

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="needs make")

INTERPRETER = """#!/bin/sh
# A Python without the GIL, as far as make can tell. As the one of an environment, it can't do what it is told not to.
case "$*" in
"-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
*{fails}*) exit 1 ;;
esac
"""


def make(*arguments: str, cwd: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    """Without what a make above this one told it."""
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
    command = ["make", "--file", str(ROOT / "Makefile"), *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60)


def set_up(folder: Path, fails: str) -> int:
    interpreter = folder / "python3.14t"
    interpreter.write_text(INTERPRETER.format(fails=fails))
    interpreter.chmod(stat.S_IRWXU)
    return make("setup-free-threaded", f"INTERPRETER={interpreter}", cwd=folder).returncode


@pytest.mark.parametrize("fails", ["pip", "psycopg"])
def test_an_environment_without_the_gil_that_could_not_be_made_whole_is_not_there(fails: str, tmp_path: Path) -> None:
    assert set_up(tmp_path, fails) != 0
    assert not (tmp_path / ".venv-free-threaded").exists()
    assert set_up(tmp_path, "nothing") == 0
    assert (tmp_path / ".venv-free-threaded/bin/python").is_file()
    assert not (tmp_path / ".venv-free-threaded.half").exists()


def test_the_environment_without_the_gil_that_there_was_stays_until_another_is_whole(tmp_path: Path) -> None:
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
def test_the_references_are_set_up_for_the_plan_of_claims_however_it_is_named(plan: str, references: bool) -> None:
    told = make("--dry-run", "run", f"PLAN={plan}")
    assert told.returncode == 0, told.stderr
    assert f"waitbench run {plan}" in told.stdout
    assert ("services/go_app/build.sh" in told.stdout) == references
