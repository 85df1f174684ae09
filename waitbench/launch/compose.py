"""Starts a plan in containers with `docker compose up`, and watches it from outside."""

import os
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from waitbench.errors import WaitbenchError
from waitbench.launch.interrupts import deferred
from waitbench.launch.leftovers import claimed
from waitbench.launch.process import bounded
from waitbench.paths import COMPOSE

ENGINE_S = 30.0
"""The time limit for a call of Docker: an engine that hangs accepts calls and never responds."""
BUILD_S = 1800.0
START_S = 300.0
STOP_S = 60.0


class Containers:
    """One Compose project. A context: at its end, its containers, networks and volumes are removed.

    `settings` are the variables of compose.yaml. `console` shows each call of Docker while it lasts.
    """

    def __init__(self, console: Console, settings: dict[str, str]) -> None:
        self._console = console
        self._project = f"waitbench-{os.getpid()}"
        self._ending = ExitStack()
        self._environment = {**os.environ, **settings}

    def __enter__(self) -> "Containers":
        self._gone = self._ending.enter_context(claimed(self._project))
        return self

    def __exit__(self, *_: object) -> None:
        with self._ending, deferred():
            done = self._compose("down", "--volumes", "--remove-orphans", "--timeout", "5", timeout_s=STOP_S)
            if done.returncode == 0:
                self._gone()

    def start(self) -> None:
        """Build the images and start every container. Raises WaitbenchError with what Docker printed."""
        self._must("build the images", BUILD_S, "build")
        self._must("start the containers", START_S, "up", "--detach", "--no-build")

    def stop_load(self) -> None:
        """Ask the load container to end, and give it 30 s to report what was measured."""
        self._compose("stop", "--timeout", "30", "load", timeout_s=STOP_S)

    def exit_code(self) -> int | None:
        """Return the exit code of the load container; None while it runs. Raises WaitbenchError if it is gone."""
        shown = self._compose("ps", "--all", "--format", "{{.State}} {{.ExitCode}}", "load").stdout.split()
        if not shown:
            raise WaitbenchError("the load container is gone; something else removed it. Run again")
        return int(shown[1]) if shown[0] in ("exited", "dead") else None

    def last_words(self, service: str = "load", lines: int = 15) -> str:
        log = self._compose("logs", "--no-color", "--no-log-prefix", "--tail", str(lines), service).stdout
        return "\n".join(f"  | {line}" for line in log.strip().splitlines()) or "  | (it printed nothing)"

    def _must(self, what: str, timeout_s: float, *arguments: str) -> None:
        with self._console.status(f"Docker: {what}"):
            done = self._compose(*arguments, timeout_s=timeout_s)
        if done.returncode != 0:
            output = "\n".join(f"  | {line}" for line in done.stderr.strip().splitlines()[-15:])
            if 'service "results" didn\'t complete' in done.stderr:  # its own log has the reason
                output = self.last_words("results")
            raise WaitbenchError(f"Docker could not {what}; the end of its output:\n{output}")

    def _compose(self, *arguments: str, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
        command = ["docker", "compose", "--file", str(COMPOSE), "--project-name", self._project, *arguments]
        return bounded(command, timeout_s, f"`docker compose {arguments[0]}`", env=self._environment)


def require_engine(timeout_s: float = ENGINE_S) -> None:
    """Raise WaitbenchError with advice if this machine can't run containers."""
    if not shutil.which("docker"):
        raise WaitbenchError("the command `docker` was not found; install Docker, or run with --engine local")
    # `docker info` exits with 0 even if no engine responds, but then it prints no server version.
    for command, proof, what, advice in (
        (["docker", "info"], "Server Version", "the Docker engine does not respond", "Start it"),
        (["docker", "compose", "version"], "", "Docker Compose v2 is not available", "Install it"),
    ):
        if why := _lacking(command, proof, timeout_s):
            raise WaitbenchError(f"{what}: {why}. {advice}, or run with --engine local")


def _lacking(command: list[str], proof: str, timeout_s: float) -> str:
    """Return the last line of a command that fails or does not print `proof`; "" if it succeeds."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        return f"`{' '.join(command)}` did not end within {timeout_s:g} s"
    if done.returncode == 0 and proof in done.stdout:
        return ""
    lines = (done.stderr or done.stdout).strip().splitlines()
    return lines[-1].rstrip(".?!") if lines else "it printed nothing"


def settings(plan: Path, options: list[str], out: Path, ui_port: int, profiles: list[str]) -> dict[str, str]:
    """Return the variables of compose.yaml for a run from outside. `profiles` starts more services."""
    own = {"WAITBENCH_UID": str(os.getuid()), "WAITBENCH_GID": str(os.getgid())} if os.getuid() else {}
    return {
        "WAITBENCH_PLAN": plan.stem,
        "WAITBENCH_PLANS": str(plan.resolve().parent),
        "WAITBENCH_OPTIONS": " ".join(options),
        "WAITBENCH_RESULTS": str(out.resolve()),
        "WAITBENCH_UI_PORT": str(ui_port),
        **({"COMPOSE_PROFILES": ",".join(profiles)} if profiles else {}),
        **own,
    }
