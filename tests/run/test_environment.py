"""Tests the commit that a run records."""

import shutil
import subprocess
from pathlib import Path

import pytest

from waitbench.run.environment import git_commit

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="needs git")


def git(folder: Path, *arguments: str) -> str:
    own = ["-c", "user.name=test", "-c", "user.email=test", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", str(folder), *own, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git repository with one commit. No environment variable sets the commit to report."""
    for name in ("WAITBENCH_GIT_COMMIT", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    git(tmp_path, "init", "--quiet")
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "--quiet", "--message", "one")
    return tmp_path


def test_a_checkout_reports_its_commit_and_a_plus_for_changes(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("waitbench.run.environment.ROOT", repository)
    commit = git(repository, "rev-parse", "HEAD")
    assert git_commit() == commit
    (repository / "file").write_text("two")
    assert git_commit() == f"{commit}+"


def test_a_package_in_a_repository_s_virtual_environment_reports_no_commit(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = repository / ".venv/lib/python3.11/site-packages/waitbench/bundle"
    bundle.mkdir(parents=True)
    monkeypatch.setattr("waitbench.run.environment.ROOT", bundle)
    assert git_commit() is None


def test_a_container_reports_the_commit_it_was_given(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("waitbench.run.environment.ROOT", repository)
    monkeypatch.setenv("WAITBENCH_GIT_COMMIT", "abc")
    assert git_commit() == "abc"
