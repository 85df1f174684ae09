"""CI: the workflow names only commands that exist, and `.ci/run` handles machines that differ from this one.

Here, stand-ins that record how they were called replace the programs that `.ci/run` starts.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from waitbench.paths import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
STAND_IN = """#!/bin/sh
name=$(basename "$0")
echo "$name $*" >>"$CALLS"
[ "$name $1" != "$FAILS" ] || exit 1
case "$name $*" in
"docker info "*) echo 28.2.2 ;;
"id -u") echo 1000 ;;
"sudo "*) exec "$@" ;;
esac
"""
PRESENT = ("apt-get", "chromium", "docker", "id", "make", "npm", "python3", "sudo")
REAL = ("bash", "basename", "cat", "dirname", "env", "mktemp", "rm", "sh")


class Machine:
    """A machine with a clone. Every program is a stand-in, except for a few harmless ones."""

    def __init__(self, folder: Path) -> None:
        self.clone, self.programs, self.calls = folder / "clone", folder / "programs", folder / "calls"
        shutil.copytree(ROOT / ".ci", self.clone / ".ci")
        self.programs.mkdir()
        for name in REAL:
            (self.programs / name).symlink_to(str(shutil.which(name)))
        for name in PRESENT:
            self.has(name)
        (self.clone / ".venv/bin").mkdir(parents=True)
        (self.clone / ".venv/bin/python").symlink_to(self.programs / "python3")

    def has(self, name: str) -> None:
        (self.programs / name).write_text(STAND_IN)
        (self.programs / name).chmod(0o755)

    def lacks(self, name: str) -> None:
        (self.programs / name).unlink()

    def run(self, fails: str = "") -> "subprocess.CompletedProcess[str]":
        """Run `.ci/run`. `fails` is a program with its first argument, which exits with 1."""
        environment = {"PATH": str(self.programs), "HOME": str(self.clone), "CALLS": str(self.calls), "FAILS": fails}
        command = [str(self.programs / "bash"), str(self.clone / ".ci/run")]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    def called(self, program: str) -> list[str]:
        calls = self.calls.read_text().splitlines() if self.calls.exists() else []
        return [call for call in calls if call.startswith(f"{program} ")]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_it_sets_up_and_then_lints_and_tests_in_this_order(machine: Machine) -> None:
    ended = machine.run()
    assert ended.returncode == 0, ended.stderr
    assert machine.called("make") == [
        "make --jobs=2 setup-dev setup-references",
        "make lint",
        "make test",
        "make test-compose",
    ]
    assert "docker compose --profile references build --quiet" in machine.called("docker")
    assert re.search(r"everything took \d+ s", ended.stdout)


@pytest.mark.parametrize(
    "part", ["apt-get update", "python -m", "docker compose", "make --jobs=2", "make lint", "make test"]
)
def test_it_fails_when_a_part_fails_and_runs_no_test_after_it(part: str, machine: Machine) -> None:
    assert machine.run(fails=part).returncode != 0
    assert "make test-compose" not in machine.called("make")


def test_without_an_engine_it_says_what_is_missing_in_one_line(machine: Machine) -> None:
    ended = machine.run(fails="docker info")
    assert ended.returncode != 0
    [line] = ended.stderr.splitlines()
    assert "no Docker engine responds" in line
    assert "../shared/engine/start" in line
    assert machine.called("make") == []


def test_without_an_engine_it_starts_the_one_in_the_folder_next_to_it(machine: Machine) -> None:
    start = machine.clone.parent / "shared/engine/start"
    start.parent.mkdir(parents=True)
    shutil.copy2(machine.programs / "make", start)
    assert machine.run(fails="docker info").returncode == 0
    assert machine.called("start") == ["start python:3.13-slim postgres:18 golang:1.27 node:26-slim"]


def test_an_engine_that_answers_is_left_alone(machine: Machine) -> None:
    start = machine.clone.parent / "shared/engine/start"
    start.parent.mkdir(parents=True)
    shutil.copy2(machine.programs / "make", start)
    assert machine.run().returncode == 0
    assert machine.called("start") == []


def test_installed_programs_are_not_installed_again(machine: Machine) -> None:
    assert machine.run().returncode == 0
    assert machine.called("apt-get") == ["apt-get update -qq"]


def test_missing_system_packages_are_installed_by_sudo(machine: Machine) -> None:
    machine.lacks("chromium")
    machine.lacks("npm")
    assert machine.run().returncode == 0
    [call] = [call for call in machine.called("sudo") if "install" in call]
    assert call.endswith("apt-get install -y -qq --no-install-recommends chromium npm")


def test_without_sudo_it_says_what_needs_it(machine: Machine) -> None:
    machine.lacks("sudo")
    ended = machine.run()
    assert ended.returncode != 0
    assert "needs root or sudo for: apt-get update" in ended.stderr


def test_a_browser_that_does_not_start_is_not_taken_for_one(machine: Machine) -> None:
    assert machine.run(fails="chromium --version").returncode == 0
    assert [call for call in machine.called("sudo") if call.endswith(" chromium")]
    machine.has("google-chrome")
    machine.calls.unlink()
    assert machine.run(fails="chromium --version").returncode == 0
    assert not [call for call in machine.called("sudo") if "install" in call]


def test_it_looks_for_the_browsers_that_the_tests_use() -> None:
    from tests.browsing import BROWSERS

    assert f"for name in {' '.join(BROWSERS)}; do" in (ROOT / ".ci/run").read_text()


def steps(workflow: Path) -> list[dict[str, Any]]:
    return [step for job in yaml.safe_load(workflow.read_text())["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
class TestWorkflow:
    def test_its_commands_exist(self, workflow: Path) -> None:
        commands = [step["run"] for step in steps(workflow) if "run" in step]
        assert commands
        for command in commands:
            program, *arguments = command.split()
            if program == "make":
                assert set(arguments) <= TARGETS, command
            elif program.startswith("."):
                assert os.access(ROOT / program, os.X_OK), command

    def test_it_may_read_the_code_and_nothing_else(self, workflow: Path) -> None:
        described = yaml.safe_load(workflow.read_text())
        assert described["permissions"] == {"contents": "read"}
        assert [name for name, job in described["jobs"].items() if "permissions" in job] == []

    def test_its_jobs_end_and_newer_runs_replace_older_ones(self, workflow: Path) -> None:
        described = yaml.safe_load(workflow.read_text())
        assert described["concurrency"]["cancel-in-progress"] is True
        assert all(0 < job["timeout-minutes"] <= 60 for job in described["jobs"].values())

    def test_its_actions_have_a_major_version(self, workflow: Path) -> None:
        actions = [step["uses"] for step in steps(workflow) if "uses" in step]
        assert actions
        assert [action for action in actions if not re.fullmatch(r"actions/[a-z-]+@v\d+", action)] == []


def test_the_hooks_of_pre_commit_are_local_and_their_programs_exist() -> None:
    [repository] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        assert hook["language"] == "system"
        program = hook["entry"].split()[0]
        assert program.startswith(".venv/bin/") or os.access(ROOT / program, os.X_OK), program
