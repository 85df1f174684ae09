"""Tests that a local stack starts everything and leaves nothing behind."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

import psutil
import pytest

from tests import processes
from waitbench.catalog.variants import load_variants
from waitbench.catalog.workloads import WORKLOADS
from waitbench.errors import UsageError, WaitbenchError
from waitbench.launch.client import Service, wait_until
from waitbench.launch.local import SCRATCH, LocalStack, free_port, require_free, sweep
from waitbench.paths import VARIANTS
from waitbench.plan.contender import Contender


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A separate folder for temporary files. PostgreSQL's user may enter it, and its name is short."""
    tmp_path_factory.getbasetemp()  # pytest makes its own folders first, so they stay where they are
    folder = Path(tempfile.mkdtemp(prefix="wbtest-"))
    folder.chmod(0o755)
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    processes.end(processes.mentioning(str(folder)))
    shutil.rmtree(folder, ignore_errors=True)


def left_in(folder: Path) -> list[str]:
    """List the folders of stacks, whose names all begin with waitbench-."""
    return [path.name for path in folder.iterdir() if path.name.startswith("waitbench-")]


def broken_variants(folder: Path) -> Path:
    """Make a list of variants in which FastAPI's application can't be imported."""
    file = folder / "variants.toml"
    file.write_text(VARIANTS.read_text().replace("fastapi_app.async_app:application", "no_such_app.app:application"))
    return file


@pytest.mark.live
class TestStack:
    def test_it_serves_and_leaves_no_process_and_no_folder_behind(self, temporary: Path) -> None:
        with LocalStack() as stack:
            stack.start(["fastapi-asyncio"])
            pids = [process.pid for process in stack.processes.values()]
            assert set(stack.processes) == {"postgres", "upstream", "fastapi-asyncio"}
            with Service(stack.base_urls["fastapi-asyncio"]) as service:
                assert service.get("/db?ms=1").status_code == 200
                assert service.get("/upstream?ms=1&calls=2").status_code == 200
            assert stack.died() is None
            assert len(left_in(temporary)) == 2  # one of the stack, and PostgreSQL's
            assert stack.scratch.parent == Path(SCRATCH)
        assert not stack.scratch.exists()
        assert [pid for pid in pids if processes.alive(pid)] == []
        assert processes.none_mentioning(str(temporary))
        assert left_in(temporary) == []

    def test_without_a_disk_for_scratch_files_they_are_in_the_temporary_folder(
        self, temporary: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("waitbench.launch.local.SCRATCH", str(temporary / "nowhere"))
        with LocalStack() as stack:
            assert temporary in stack.scratch.parents
        assert left_in(temporary) == []

    def test_a_named_folder_for_scratch_files_is_used(
        self, temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("WAITBENCH_SCRATCH_DIR", str(tmp_path))
        with LocalStack() as stack:
            assert stack.scratch.parent == tmp_path
        assert left_in(tmp_path) == []

    def test_a_named_folder_for_scratch_files_that_does_not_exist_is_refused(
        self, temporary: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("WAITBENCH_SCRATCH_DIR", str(temporary / "nowhere"))
        with pytest.raises(UsageError, match=r"nowhere: no folder can be created there: No such file.*Name a folder"):
            LocalStack().__enter__()
        assert left_in(temporary) == []

    @pytest.mark.parametrize(
        ("names", "workloads"), [([], WORKLOADS), (["null"], WORKLOADS), (["flask-threads"], {"wait", "cpu"})]
    )
    def test_a_dependency_that_nothing_needs_is_not_started(
        self, temporary: Path, names: list[str], workloads: Collection[str]
    ) -> None:
        with LocalStack() as stack:
            stack.start(names, workloads=workloads)
            assert (set(stack.processes), stack.upstream_url) == (set(names), "")

    def test_services_that_start_later_share_the_running_dependencies(self, temporary: Path) -> None:
        with LocalStack() as stack:
            stack.start(["null"])
            stack.start(["flask-threads"])
            first = stack.processes["postgres"].pid, stack.upstream_url
            stack.start(["fastapi-asyncio"])
            assert (stack.processes["postgres"].pid, stack.upstream_url) == first
            for name in ("flask-threads", "fastapi-asyncio"):
                with Service(stack.base_urls[name]) as service:
                    assert [service.get(path).status_code for path in ("/db?ms=1", "/upstream?ms=1")] == [200, 200]

    @pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores")
    def test_a_form_of_a_variant_has_its_processes_and_its_cores(self, temporary: Path) -> None:
        """A form is ready only with all its processes. The first of them responds for the others."""
        forms = [
            Contender("flask-threads", "flask-threads"),
            Contender("flask-threads-3w-2cpu", "flask-threads", workers=3, cpus=2),
            Contender("fastapi-asyncio-2w", "fastapi-asyncio", workers=2),
        ]
        with LocalStack() as stack:
            stack.start_contenders(forms, workloads={"fast"})
            found = {}
            for who in forms:
                with Service(stack.base_urls[who.label]) as service:
                    budget, pid = service.info()["budget"], service.info()["pid"]
                    found[who.label] = (budget["workers"], len(os.sched_getaffinity(pid)), psutil.Process(pid).nice())
        # Of two cores the second is the generator's, so a service yields there.
        nice = 10 if len(os.sched_getaffinity(0)) == 2 else 0
        assert found == {
            "flask-threads": (1, 1, 0),
            "flask-threads-3w-2cpu": (3, 2, nice),
            "fastapi-asyncio-2w": (2, 1, 0),
        }

    def test_another_budget_is_read_back_from_the_running_service(self, temporary: Path) -> None:
        """gevent counts connections, so both of its limits change."""
        forms = [
            Contender("flask-threads-36in-flight", "flask-threads", changed=(("in_flight", 36),)),
            Contender("django-gevent-36in-flight", "django-gevent", changed=(("in_flight", 36),)),
            Contender("fastapi-asyncio-9db-pool", "fastapi-asyncio", changed=(("db_pool", 9),)),
        ]
        with LocalStack() as stack:
            stack.start_contenders(forms, workloads={"wait"})
            found = {}
            for who in forms:
                with Service(stack.base_urls[who.label]) as service:
                    found[who.variant] = service.info()["budget"]
        declared = load_variants()
        assert found == {who.variant: declared[who.variant].resized(dict(who.changed)) for who in forms}
        assert found["django-gevent"]["connections"] == found["flask-threads"]["in_flight"] == 36

    def test_more_cores_than_there_are_is_refused_before_anything_starts(self, temporary: Path) -> None:
        with LocalStack() as stack:
            with pytest.raises(WaitbenchError, match="service_cpus = 999"):
                stack.start_contenders([Contender("null-999cpu", "null", cpus=999)])
            assert stack.processes == {}

    @pytest.mark.fault(
        "processes",
        "a service dies as it starts",
        "the error has the end of its output; nothing stays",
    )
    def test_a_service_that_dies_at_its_start_is_reported_with_its_output_and_nothing_stays(
        self, temporary: Path, tmp_path: Path
    ) -> None:
        with pytest.raises(WaitbenchError) as caught, LocalStack(broken_variants(tmp_path)) as stack:
            stack.start(["fastapi-asyncio"], workloads={"upstream"})
        message = str(caught.value)
        assert message.startswith("fastapi-asyncio ended with exit code 1; the end of its output:")
        assert "no_such_app" in message
        assert processes.none_mentioning(str(temporary))
        assert left_in(temporary) == []

    @pytest.mark.fault(
        "hangs",
        "the remote API is killed (SIGKILL) while services run",
        "it is found dead, by name",
    )
    def test_a_service_that_dies_later_is_noticed(self, temporary: Path) -> None:
        with LocalStack() as stack:
            stack.start(["fastapi-asyncio"], workloads={"upstream"})
            assert stack.died() is None
            processes.end([stack.processes["upstream"].pid])
            assert wait_until(lambda: stack.died() is not None, 20)
            assert "upstream ended with signal SIGKILL" in str(stack.died())

    @pytest.mark.fault(
        "input",
        "the port of a service is in use",
        "it is refused with advice before the service starts; nothing stays",
    )
    def test_a_port_in_use_is_refused_with_advice_before_the_service_starts(self, temporary: Path) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            with (
                pytest.raises(WaitbenchError, match=f"port {port} for flask-threads is not available.*Free it"),
                LocalStack() as stack,
            ):
                stack.start(["flask-threads"], ports={"flask-threads": port}, workloads={"fast"})
        assert left_in(temporary) == []


class TestPort:
    def test_a_port_where_something_listens_is_refused(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            with pytest.raises(WaitbenchError, match=r"Address already in use\. Free it, or choose another"):
                require_free(taken.getsockname()[1], "a test")

    def test_a_free_port_is_free(self) -> None:
        require_free(free_port(), "a test")


class TestSweep:
    def owned(self, temporary: Path, pid: int) -> Path:
        folder = temporary / f"waitbench-{pid}-abc"
        (folder / "state").mkdir(parents=True)
        return folder

    def test_scratch_folders_are_swept_too(self, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("waitbench.launch.local.SCRATCH", temporary / "disk")
        with subprocess.Popen([sys.executable, "-c", "pass"]) as ended:
            pass
        dead, mine = (self.owned(temporary / "disk", pid) for pid in (ended.pid, os.getpid()))
        sweep()
        assert (dead.exists(), mine.exists()) == (False, True)

    def test_only_folders_whose_owner_is_dead_are_removed(self, temporary: Path) -> None:
        with subprocess.Popen([sys.executable, "-c", "pass"]) as ended:
            pass
        dead, mine, parent = (self.owned(temporary, pid) for pid in (ended.pid, os.getpid(), os.getppid()))
        others = [temporary / name for name in ("waitbench-notes", "waitbench-7", "else-1-abc")]
        for folder in others:
            folder.mkdir()
        sweep()
        assert not dead.exists()
        assert [folder.exists() for folder in (mine, parent, *others)] == [True] * 5

    @pytest.mark.live
    @pytest.mark.fault(
        "processes",
        "a killed harness left its temporary folders",
        "the next one removes them, and no others",
    )
    def test_the_next_stack_removes_what_a_killed_one_left(self, temporary: Path) -> None:
        with subprocess.Popen([sys.executable, "-c", "pass"]) as ended:
            pass
        dead = self.owned(temporary, ended.pid)
        with LocalStack():
            assert not dead.exists()
