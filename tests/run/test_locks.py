"""Tests that a machine has one measurement at a time, and that locks touch no other files."""

import os
import re
import shlex
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import pytest

from waitbench.errors import WaitbenchError
from waitbench.launch.client import wait_until
from waitbench.launch.local import free_port
from waitbench.paths import ROOT
from waitbench.run.locks import Work, announced, sole_run

MEASURES = Work()


@pytest.fixture(autouse=True)
def temporary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A temporary folder that every user may write to, as /tmp is."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    folder.chmod(0o1777)
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Path]:
    """A private file whose content and mode must be unchanged after the test."""
    file = tmp_path / "victim"
    file.write_text("precious")
    file.chmod(0o600)
    yield file
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("precious", 0o600)


def own(temporary: Path) -> Path:
    return temporary / f"waitbench.{os.geteuid()}"


@pytest.mark.fault(
    "security",
    "a symbolic link at the lock of a world-writable results folder leads to another file",
    "the file is neither emptied nor opened to others, and the run is refused",
)
def test_a_symbolic_link_at_the_lock_of_a_results_folder_is_refused(tmp_path: Path, victim: Path) -> None:
    out = tmp_path / "results"
    out.mkdir()
    out.chmod(0o777)
    (out / ".lock").symlink_to(victim)
    with pytest.raises(WaitbenchError, match=r"\.lock is a symbolic link.*Remove it"), sole_run(out, MEASURES):
        pass


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("waitbench.{}.lock", nullcontext()),  # the lock is no longer there
        ("waitbench.{}", pytest.raises(WaitbenchError, match=r"is not a folder.*Remove it")),
        ("waitbench.{}/guard", pytest.raises(WaitbenchError, match=r"is a symbolic link.*Remove it")),
    ],
)
@pytest.mark.fault(
    "security",
    "another user makes a symbolic link where the machine's lock is, or was",
    "the file that it leads to is not touched: the lock is in a private folder, whose owner and mode are checked",
)
def test_a_symbolic_link_in_the_temporary_folder_leads_nowhere(
    tmp_path: Path, temporary: Path, victim: Path, name: str, refused: AbstractContextManager[object]
) -> None:
    link = temporary / name.format(os.geteuid())
    if not link.parent.exists():
        link.parent.mkdir(mode=0o700)
    link.symlink_to(victim)
    with refused, sole_run(tmp_path / "results", MEASURES):
        pass


@pytest.mark.parametrize("kind", ["fifo", "folder", "hard link"])
def test_a_lock_that_is_not_a_regular_file_of_its_own_harms_nothing(tmp_path: Path, victim: Path, kind: str) -> None:
    out = tmp_path / "results"
    out.mkdir()
    lock = out / ".lock"
    {"fifo": os.mkfifo, "folder": os.mkdir, "hard link": lambda path: os.link(victim, path)}[kind](lock)
    if kind == "hard link":  # locking it writes nothing
        with sole_run(out, MEASURES):
            return
    with pytest.raises(WaitbenchError, match=r"\.lock is not a file, so it can't be locked. Remove it"):
        sole_run(out, MEASURES).__enter__()


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a folder to another user, which takes root")
@pytest.mark.fault(
    "security",
    "the private folder for locks belongs to another user",
    "refused with advice, and nothing is written into it",
)
def test_a_folder_of_another_user_is_refused(tmp_path: Path, temporary: Path) -> None:
    own(temporary).mkdir(mode=0o700)
    os.chown(own(temporary), 65534, 65534)
    with pytest.raises(WaitbenchError, match=r"belongs to another user \(65534\).*TMPDIR"), announced(MEASURES):
        pass
    assert list(own(temporary).iterdir()) == []


@pytest.mark.fault(
    "security", "others may write into the private folder for locks", "refused with advice, and its mode is not changed"
)
def test_a_folder_that_others_may_enter_is_refused(temporary: Path) -> None:
    own(temporary).mkdir()
    own(temporary).chmod(0o777)
    with pytest.raises(WaitbenchError, match=r"other users may enter it \(mode 777\). Remove it"), announced(MEASURES):
        pass


def test_the_folder_and_its_files_are_private(temporary: Path) -> None:
    with announced(MEASURES):
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in own(temporary).iterdir()}
        assert stat.S_IMODE(own(temporary).stat().st_mode) == 0o700
        assert len(modes) == 2
        assert set(modes.values()) == {0o600}


class TestRule:
    """Tests which commands may run at the same time on one machine."""

    @pytest.mark.parametrize("release", [False, True])
    def test_two_measurements_exclude_each_other_but_may_follow_each_other(self, tmp_path: Path, release: bool) -> None:
        with sole_run(tmp_path, MEASURES) as release_early:
            if release:
                release_early()
            else:
                with pytest.raises(WaitbenchError, match=rf"is measuring .*\(process {os.getpid()}\)"):
                    sole_run(tmp_path, MEASURES).__enter__()
        with sole_run(tmp_path, MEASURES):
            pass

    def test_two_runs_into_one_results_folder_exclude_each_other_though_neither_sees_the_other(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Two containers are like this: they share the folder but no temporary files."""
        with sole_run(tmp_path, MEASURES):
            (tmp_path / "other").mkdir()
            monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "other"))
            with pytest.raises(WaitbenchError, match=rf"another run is writing to {tmp_path}.*--out"):
                sole_run(tmp_path, MEASURES).__enter__()

    def test_two_services_may_be_kept_up(self) -> None:
        with announced(Work(serves=1)), announced(Work(serves=2)):
            pass

    def test_a_service_that_is_kept_up_excludes_a_measurement_unless_it_measures_that_service(self) -> None:
        with announced(Work(serves=9000)):
            for other in (MEASURES, Work(measures=frozenset({9001}))):
                with pytest.raises(WaitbenchError, match=r"keeps a service up .*\[\[external\]\].*:9000"):
                    announced(other).__enter__()
            with announced(Work(measures=frozenset({9000, 9001}))):
                with pytest.raises(WaitbenchError, match="is measuring"):
                    announced(Work(serves=9002)).__enter__()
                with pytest.raises(WaitbenchError, match="is measuring"):
                    announced(Work(measures=frozenset({9000}))).__enter__()

    def test_the_announcement_of_a_killed_command_is_ignored(self, temporary: Path) -> None:
        code = (
            "import os; from waitbench.run.locks import Work, announced; held = announced(Work()); held.__enter__(); "
        )
        code += "print(flush=True); os.read(0, 1)"
        pipe = subprocess.PIPE
        with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdin=pipe, stdout=pipe) as other:
            assert other.stdout is not None
            other.stdout.readline()
            with pytest.raises(WaitbenchError, match=f"process {other.pid}"):
                announced(MEASURES).__enter__()
            other.kill()
            other.wait()
        with announced(MEASURES):
            assert len(list(own(temporary).iterdir())) == 2  # the killed command's file was removed

    @pytest.mark.parametrize("content", ["not an announcement", "\x00"])
    def test_an_unreadable_announcement_causes_no_error(self, temporary: Path, content: str) -> None:
        own(temporary).mkdir(mode=0o700)
        (own(temporary) / "1-x").write_text(content)
        with announced(MEASURES):
            pass


@contextmanager
def command(words: str, folder: Path) -> "Iterator[subprocess.Popen[str]]":
    """Start `waitbench` as a user does, and end it as a user does."""
    with subprocess.Popen(
        [sys.executable, "-m", "waitbench", *shlex.split(words)],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as started:
        try:
            yield started
        finally:
            started.send_signal(signal.SIGINT)
            started.communicate(timeout=60)


@pytest.mark.live
@pytest.mark.parametrize("words", ["run smoke --no-ui --out {}", "check null", "calibrate --out {}"])
@pytest.mark.fault(
    "numbers",
    "`run`, `check` or `calibrate` is started while another of them is measuring",
    "refused with the other's command and process: the two would disturb each other",
)
def test_a_measurement_is_refused_while_another_is_going_on(temporary: Path, tmp_path: Path, words: str) -> None:
    with announced(MEASURES), command(words.format(tmp_path / "out"), temporary) as refused:
        _, err = refused.communicate(timeout=60)
    assert refused.returncode == 1
    assert re.search(rf"`.*` is measuring on this machine \(process {os.getpid()}\)", err)
    assert "Wait for it, or end it" in err
    assert "Traceback" not in err


@pytest.mark.live
@pytest.mark.fault(
    "numbers",
    "a measurement is started while `serve` keeps a service up",
    "refused, unless the plan names that service under [[external]]",
)
def test_a_service_that_is_kept_up_announces_itself(temporary: Path) -> None:
    port = free_port()
    with command(f"serve null --port {port}", temporary) as served:
        assert served.stdout is not None
        assert wait_until(lambda: bool(list(own(temporary).glob("*-*"))), 60)
        with pytest.raises(WaitbenchError, match=rf"`waitbench serve null --port {port}` keeps a service up"):
            announced(MEASURES).__enter__()
        with announced(Work(measures=frozenset({port}))):
            pass


@pytest.mark.live
def test_a_service_is_not_started_during_a_measurement(temporary: Path) -> None:
    with announced(MEASURES), command(f"serve null --port {free_port()}", temporary) as refused:
        _, err = refused.communicate(timeout=60)
    assert refused.returncode == 1
    assert f"(process {os.getpid()})" in err


EXTERNAL = """
title = "The service that is kept up"
repeats = 1
spare = 0
warmup_s = 0.3
measure_s = 0.5
variants = ["null"]
[[cells]]
workload = "wait"
params = {{ ms = 20 }}
users = [2]
[[external]]
name = "mine"
base_url = "http://127.0.0.1:{port}"
paths = {{ wait = "/wait?ms={{ms}}" }}
"""


@pytest.mark.live
def test_a_plan_that_names_a_service_that_is_kept_up_measures_it(temporary: Path, tmp_path: Path) -> None:
    port = free_port()
    plan = tmp_path / "mine.toml"
    plan.write_text(EXTERNAL.format(port=port))
    words = f"run {plan} --variant mine --no-ui --out {tmp_path / 'out'}"
    with command(f"serve null --port {port}", temporary) as served:
        assert served.stdout is not None
        assert "null is up" in served.stdout.readline()
        with command(words, temporary) as run:
            out, err = run.communicate(timeout=120)
    assert run.returncode in (0, 3), err
    assert (Path(out.strip()) / "report.html").exists()
