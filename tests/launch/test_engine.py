"""Tests whether containers can be run, with a made-up `docker` on the PATH."""

import stat
from pathlib import Path

import pytest

from waitbench.errors import WaitbenchError
from waitbench.launch.compose import require_engine

GOOD = "echo Server Version: 28\n"


def docker(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Make a `docker` that is the only program on the PATH."""
    program = folder / "docker"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", str(folder))


def test_without_docker_the_advice_is_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(WaitbenchError, match="install Docker, or run with --engine local"):
        require_engine()


@pytest.mark.parametrize(
    ("script", "says"),
    [
        (
            "echo Cannot connect. Is it running? >&2",
            "does not respond: Cannot connect. Is it running. Start it, or run with",
        ),
        ("exit 1", "engine does not respond: it printed nothing. Start it, or run with --engine local"),
        (
            f"{GOOD}[ $1 = info ] || {{ echo what? >&2; exit 1; }}",
            "Compose v2 is not available: what. Install it, or run",
        ),
    ],
    ids=["no engine", "no output", "no Compose"],
)
def test_what_is_missing_is_reported_with_advice(
    script: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker(tmp_path, monkeypatch, script)
    with pytest.raises(WaitbenchError) as caught:
        require_engine()
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("script", "timeout_s", "says"),
    [
        ("exec /bin/sleep 60", 0.5, "does not respond: `docker info` did not end within 0.5 s. Start it, or"),
        (f"{GOOD}[ $1 = info ] || exec /bin/sleep 60", 2.0, "`docker compose version` did not end within 2 s"),
    ],
    ids=["the engine", "Compose"],
)
@pytest.mark.fault(
    "hangs",
    "the Docker engine accepts calls and never responds",
    "exit code 1 with advice after 30 s",
)
def test_an_engine_that_hangs_is_reported_with_advice_in_time(
    script: str, timeout_s: float, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker(tmp_path, monkeypatch, script)
    with pytest.raises(WaitbenchError) as caught:
        require_engine(timeout_s)
    assert says in str(caught.value)


def test_an_engine_that_responds_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker(tmp_path, monkeypatch, GOOD)
    require_engine()
