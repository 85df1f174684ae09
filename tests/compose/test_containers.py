"""The product in real containers, as `docker compose up` and `--engine compose` start it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.bench import NOISE
from waitbench.analysis.loading import load_comparison
from waitbench.launch.local import free_port
from waitbench.paths import ROOT
from waitbench.records.folder import RunFolder

pytestmark = [pytest.mark.compose, pytest.mark.timeout(900)]

BUILD_S, RUN_S = 600.0, 180.0


class Project:
    """A Compose project of the test's own, with its own results folder and web UI port."""

    def __init__(self, name: str, results: Path) -> None:
        self.name = f"waitbench-test-{name}-{os.getpid()}"
        self.results = results
        self.port = free_port()

    def compose(self, *arguments: str, timeout_s: float = 120.0, **variables: str) -> str:
        environment = {
            **os.environ,
            "WAITBENCH_RESULTS": str(self.results),
            "WAITBENCH_UI_PORT": str(self.port),
            "WAITBENCH_PLAN": "smoke",
            **variables,
        }
        command = ["docker", "compose", "--project-name", self.name, *arguments]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=timeout_s)
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout

    def load_exit_code(self) -> int | None:
        state, code = self.compose("ps", "--all", "--format", "{{.State}} {{.ExitCode}}", "load").split()
        return int(code) if state == "exited" else None

    def page(self, path: str) -> tuple[int, bytes]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as response:
            return response.status, response.read()

    def left(self) -> list[str]:
        """Every container, network and volume of this project."""
        label = f"label=com.docker.compose.project={self.name}"
        kinds = (["ps", "--all"], ["network", "ls"], ["volume", "ls"])
        return [line for kind in kinds for line in docker(*kind, "--quiet", "--filter", label).split()]


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True, timeout=60).stdout


def until(condition: Callable[[], Any], timeout_s: float, what: str) -> Any:
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {timeout_s:.0f} s: {what}"
        time.sleep(0.5)
    return found


def responds(project: Project, path: str) -> bool:
    try:
        return project.page(path)[0] == 200
    except OSError:
        return False


def exit_code(folder: RunFolder) -> int:
    """The exit code of a run that ended by itself. Checks that only a busy machine made trials invalid."""
    comparison = load_comparison(folder)
    assert {code for cell in comparison.cells for code in cell.invalid_codes} <= NOISE
    return 0 if comparison.all_valid else 3


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def project(results: Path) -> Iterator[Project]:
    """`docker compose up` with the smoke plan and every default."""
    project = Project("up", results)
    try:
        project.compose("up", "--detach", "--build", timeout_s=BUILD_S)
        yield project
    finally:
        project.compose("down", "--volumes", "--timeout", "5")


@pytest.fixture(scope="module")
def folder(project: Project) -> RunFolder:
    """The run's folder, once its report is there. Checks that the web UI responds during the run."""
    live = until(lambda: next(project.results.glob("*/live.json"), None), RUN_S, "the run began")
    assert responds(project, "/"), "the web UI responds during the run"
    until(lambda: (live.parent / "report.html").exists(), RUN_S, "the run ended with a report")
    return RunFolder(live.parent.resolve())


def test_the_run_is_complete_and_every_request_is_accounted_for(folder: RunFolder) -> None:
    run = folder.read_run()
    assert (run.status, run.engine) == ("complete", "attached")
    trials = folder.read_trials(run)
    assert len(trials) == len(run.trials) == 12
    for trial in trials:
        assert trial.usage.before is not None
        assert trial.usage.after is not None
        assert trial.sent == trial.usage.after.requests_answered - trial.usage.before.requests_answered


def test_no_more_is_started_than_the_three_contenders_and_what_they_need(project: Project, folder: RunFolder) -> None:
    started = set(project.compose("ps", "--all", "--format", "{{.Service}}").split())
    assert started == {"flask-threads", "django-gevent", "fastapi-asyncio", "upstream", "postgres", "results", "load"}
    assert set(folder.read_run().targets) == {"flask-threads", "django-gevent", "fastapi-asyncio"}


def test_calls_overlap_and_files_reach_the_disk_in_containers_too(folder: RunFolder) -> None:
    run = folder.read_run()
    for target in run.targets.values():
        assert {name: proof.says for name, proof in target.proofs.items() if not proof.good} == {}
    disk = [trial for trial in folder.read_trials(run) if trial.spec.workload == "disk"]
    assert len(disk) == 3
    for trial in disk:
        before, after = trial.usage.before, trial.usage.after
        assert before is not None
        assert after is not None
        wanted = trial.sent * trial.spec.params["kib"] * 1024
        assert after.disk_read_bytes is not None
        assert before.disk_read_bytes is not None
        assert after.disk_read_bytes - before.disk_read_bytes >= wanted


def test_the_web_ui_stays_with_the_finished_trials_and_the_report(project: Project, folder: RunFolder) -> None:
    stats = json.loads(project.page("/stats/requests")[1])
    rows = next(tab["data"] for tab in stats["extended_stats"] if tab["key"] == "waitbench-trials")
    assert len(rows) == 12
    assert project.page("/waitbench/report")[1] == (folder.path / "report.html").read_bytes()
    assert project.load_exit_code() is None


def test_the_log_says_where_the_report_is(project: Project, folder: RunFolder) -> None:
    until(lambda: "report: " in project.compose("logs", "load"), 30, "the log names the report")
    assert f"report: {project.results / folder.path.name / 'report.html'}" in project.compose("logs", "load")


def test_everyone_can_read_and_remove_what_the_run_wrote(folder: RunFolder) -> None:
    for path in [folder.path, *folder.path.rglob("*")]:
        wanted = 0o777 if path.is_dir() else 0o666
        assert path.stat().st_mode & 0o777 == wanted, path


def test_containers_run_locked_down_and_not_as_root(project: Project, folder: RunFolder) -> None:
    for name in project.compose("ps", "--format", "{{.Name}}").split():
        [found] = json.loads(docker("inspect", name))
        host = found["HostConfig"]
        assert found["Config"]["User"].split(":")[0] not in ("", "0", "root"), name
        assert host["ReadonlyRootfs"], name
        assert host["CapDrop"] == ["ALL"], name
        assert not host["CapAdd"], name
        assert host["Memory"] > 0, name
        assert host["CpusetCpus"], name


ATTEMPTS = """
import os, psycopg
url = os.environ["WAITBENCH_DATABASE_URL"]
other = url.replace("waitbench_reader:", "waitbench:")
once = other.replace(":waitbench@", ":only-while-it-is-filled@")
for address in (url, other, once, url[: url.rindex("/")] + "/postgres"):
    try:
        psycopg.connect(address, connect_timeout=10).close()
        print("connected")
    except psycopg.OperationalError as error:
        print("password" if "password authentication failed" in str(error) else error)
try:
    psycopg.connect(url).execute("COPY item FROM PROGRAM 'id'")
except psycopg.errors.InsufficientPrivilege:
    print("no programs")
"""


@pytest.mark.fault(
    "security",
    "a container connects to PostgreSQL as its superuser, and runs programs there",
    "the superuser has no password, and the services' role may read one table",
)
def test_the_database_lets_a_service_read_its_table_and_do_nothing_else(project: Project, folder: RunFolder) -> None:
    printed = project.compose("exec", "-T", "fastapi-asyncio", "python", "-c", ATTEMPTS).splitlines()
    assert printed[:3] == ["connected", "password", "password"]
    assert "permission denied for database" in printed[3]
    assert printed[-1] == "no programs"


def test_a_results_folder_of_another_user_is_refused_and_left_as_it_is(project: Project, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir(mode=0o700)
    if os.geteuid() != 0:
        pytest.skip("gives a folder to another user, which needs root")
    os.chown(theirs, 54321, 54321)
    other = Project("theirs", theirs)
    try:
        with pytest.raises(AssertionError, match='service "results" didn\'t complete successfully'):
            other.compose("up", "--detach", timeout_s=BUILD_S)
        assert "belongs to user 54321 (mode 700)" in other.compose("logs", "--no-log-prefix", "results")
        assert (theirs.stat().st_mode & 0o777, list(theirs.iterdir())) == (0o700, [])
    finally:
        other.compose("down", "--volumes", "--timeout", "5")
    assert other.left() == []


def test_ending_it_is_no_failure_and_leaves_nothing_behind(project: Project, folder: RunFolder) -> None:
    project.compose("stop", "--timeout", "30", "load")
    assert project.load_exit_code() == exit_code(folder)
    project.compose("down", "--volumes", "--timeout", "5")
    assert project.left() == []


@pytest.mark.fault(
    "hangs",
    "the container of a service is killed in the middle of a run",
    "the run ends with 1 and names it; finished trials are reported",
)
def test_a_service_that_dies_ends_the_run_and_what_was_measured_is_kept(results: Path) -> None:
    project = Project("dies", results)
    before = set(results.glob("*/run.json"))
    try:
        project.compose("up", "--detach", timeout_s=BUILD_S)
        begun = until(lambda: set(results.glob("*/run.json")) - before, RUN_S, "the run began")
        folder = RunFolder(begun.pop().parent)
        until(lambda: len(list(folder.trials.glob("*.json"))) >= 4, RUN_S, "four trials are done")
        project.compose("kill", "flask-threads")
        assert until(
            lambda: project.load_exit_code() is not None and [project.load_exit_code()], RUN_S, "it ended"
        ) == [1]
        assert "http://flask-threads:8000" in project.compose("logs", "load")
        assert folder.read_run().status == "failed"
        assert "missing:" in (folder.path / "report.md").read_text()
    finally:
        project.compose("down", "--volumes", "--timeout", "5")
    assert project.left() == []


def test_references_that_are_started_join_the_plan_and_are_shown_next_to_the_ranking(tmp_path: Path) -> None:
    """Run `docker compose --profile references up` to its end, with every workload of the plan.

    A reference has to reach everything that it needs from its own image.
    """
    project = Project("references", tmp_path)
    try:
        project.compose(
            *("--profile", "references", "up", "--detach", "--build"), timeout_s=BUILD_S, WAITBENCH_OPTIONS=""
        )
        ended = until(lambda: project.load_exit_code() is not None and [project.load_exit_code()], RUN_S, "it ended")
        assert ended[0] in (0, 3), project.compose("logs", "load")
        folder = RunFolder(next(tmp_path.glob("*/run.json")).parent)
        assert ended[0] == exit_code(folder)
        run = folder.read_run()
        references = {name for name, target in run.targets.items() if target.kind == "reference"}
        assert references == {"go", "node", "node-cluster"}
        assert len(run.targets) == 6
        for name in references:
            assert run.targets[name].budget_read == run.targets[name].budget
            # Only counts are checked: how many rounds the calls took depends on the machine too, and has a rule.
            assert all(proof.good or proof.held == proof.calls for proof in run.targets[name].proofs.values())
        played = {(trial.spec.variant, trial.spec.workload) for trial in folder.read_trials(run)}
        assert played == {(name, workload) for name in run.targets for workload in ("wait", "upstream", "db", "disk")}
        titles = tuple(f"| {run.targets[name].title} |" for name in references)
        ours = tuple(f"| {target.title} |" for name, target in run.targets.items() if name not in references)
        tables = [table.splitlines() for table in (folder.path / "report.md").read_text().split("\n\n")]
        assert sum(row.startswith(titles) for table in tables for row in table) == 12
        for table in tables:
            # If a busy machine leaves no contender that counts, the references are compared with each other.
            if any(row.startswith(ours) and "not counted: " not in row for row in table):
                rows = [row for row in table if row.startswith(titles)]
                assert all(re.search(r"\| (reference|not counted: )[^|]*\|$", row) for row in rows), rows
    finally:
        project.compose("--profile", "references", "down", "--volumes", "--timeout", "5")
    assert project.left() == []


def test_a_run_from_outside_ends_with_its_folder_and_leaves_nothing(tmp_path: Path) -> None:
    before = docker("ps", "--all", "--quiet"), docker("network", "ls", "--quiet")
    command = [sys.executable, "-m", "waitbench", "run", "smoke", "--engine", "compose", "--workload", "wait"]
    project = Project("outside", tmp_path)
    options = ["--out", str(tmp_path), "--seed", "1", "--ui-port", str(project.port)]
    # A variant with a profile starts if it is named, and Locust workers are more processes in the load container.
    names = ["null", "fastapi-asyncio", "django-asyncio", "gevent-unpatched"]
    options += [*(word for name in names for word in ("--variant", name)), "--locust-workers", "2"]
    done = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, timeout=BUILD_S)
    assert done.returncode in (0, 3), done.stderr
    folder = RunFolder(Path(done.stdout.splitlines()[-1]))
    assert done.returncode == exit_code(folder)
    trials = folder.read_trials(folder.read_run())
    assert {trial.spec.variant for trial in trials} == set(names)
    assert {trial.generator.processes for trial in trials} == {2}
    assert folder.read_run().environment["git_commit"]
    assert (docker("ps", "--all", "--quiet"), docker("network", "ls", "--quiet")) == before


def run_in_containers(project: Project, *options: str) -> "subprocess.Popen[str]":
    """Start `waitbench run` with one workload of the null service, and with the project's own folder and port."""
    command = [sys.executable, "-m", "waitbench", "run", "smoke", "--workload", "wait", "--variant", "null"]
    where = ["--out", str(project.results), "--ui-port", str(project.port), "--seed", "1"]
    return subprocess.Popen(
        [*command, *where, *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(project.results.parent)},
    )


def begun(project: Project, started: "subprocess.Popen[str]") -> None:
    project.name = f"waitbench-{started.pid}"
    live = project.results.glob
    until(lambda: next(live("*/live.json"), None) or started.poll() is not None, BUILD_S, "the run began")
    assert started.poll() is None, started.communicate()


def end(project: Project) -> None:
    subprocess.run(["docker", "compose", "--project-name", project.name, "down", "--volumes"], timeout=120, cwd="/")


@pytest.mark.fault(
    "processes",
    "the harness of a run in containers is killed (SIGKILL)",
    "the next run removes its containers, networks and volumes, says so, and goes on",
)
def test_the_next_run_removes_the_containers_of_a_killed_one(tmp_path: Path) -> None:
    project = Project("killed", tmp_path / "results")
    started = run_in_containers(project, "--engine", "compose")
    try:
        begun(project, started)
        started.kill()
        started.communicate()
        assert project.left()
        following = run_in_containers(project, "--engine", "local")
        out, err = following.communicate(timeout=RUN_S)
        assert following.returncode in (0, 3), err
        assert f"removed the containers of a run that was killed ({project.name})" in err
        assert Path(out.strip()).is_dir()
        assert project.left() == []
        assert list(tmp_path.glob("waitbench.*/containers/*")) == []
    finally:
        end(project)


@pytest.mark.fault(
    "processes",
    "the port of the web UI belongs to a `docker compose up` that somebody started",
    "it is named, with the command that ends it, and left alone",
)
def test_containers_of_somebody_else_are_named_and_left_alone(tmp_path: Path) -> None:
    project = Project("mine", tmp_path / "results")
    name = f"waitbench-test-theirs-{os.getpid()}"
    label = ["--label", f"com.docker.compose.project={name}", "--publish", f"127.0.0.1:{project.port}:8089"]
    docker("run", "--detach", "--name", name, *label, "--entrypoint", "sleep", "waitbench-services", "300")
    try:
        for engine in ("local", "compose"):
            started = run_in_containers(project, "--engine", engine)
            _, err = started.communicate(timeout=RUN_S)
            assert started.returncode == 1
            assert f"is taken by container {name} of the Compose project {name}. End it with `docker compose" in err
        assert docker("ps", "--quiet", "--filter", f"name={name}")
    finally:
        docker("rm", "--force", name)


@pytest.mark.fault(
    "processes",
    "Ctrl-C, twice, while a run in containers is going on",
    "no container, network or volume is left behind",
)
def test_ctrl_c_of_a_run_in_containers_leaves_nothing(tmp_path: Path) -> None:
    project = Project("interrupted", tmp_path / "results")
    started = run_in_containers(project, "--engine", "compose")
    try:
        begun(project, started)
        started.send_signal(signal.SIGINT)
        started.send_signal(signal.SIGINT)
        _, err = started.communicate(timeout=RUN_S)
        assert started.returncode == 130, err
        assert "Traceback" not in err
        assert project.left() == []
        assert RunFolder(next(project.results.glob("*/run.json")).parent).read_run().status == "interrupted"
    finally:
        end(project)
