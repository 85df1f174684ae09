"""Runs whose results go to a disk with little or no free space."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.bench import NULL, WAIT, WAITS, Bench, Ended, plan
from waitbench.records.folder import RunFolder

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can mount a small disk"),
]


@pytest.fixture
def disk(bench: Bench) -> Iterator[Callable[[int], Path]]:
    """A function that mounts a disk of 2 MiB as the bench's results folder, with the given KiB free."""

    def with_free(kib: int) -> Path:
        bench.out.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(bench.out)]
        mounted = subprocess.run(command, capture_output=True, text=True)
        if mounted.returncode:
            pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
        filling = bench.out / "filling"
        fill(filling)
        os.truncate(filling, max(0, filling.stat().st_size - kib * 1024))
        return filling

    yield with_free
    subprocess.run(["umount", "--lazy", str(bench.out)], capture_output=True)


def fill(filling: Path) -> None:
    """Append to the file until the disk has no space for another page."""
    with filling.open("ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


def advises(ended: Ended) -> None:
    assert ended.code == 1
    assert "Free some space there" in ended.err


@pytest.mark.fault(
    "hangs",
    "the disk with the results is full in the middle of a run",
    "the run ends with 1 and says what to do; finished trials are kept, and their figures printed",
)
def test_a_disk_that_fills_up_ends_the_run_with_advice(bench: Bench, disk: Callable[[int], Path]) -> None:
    filling = disk(2048)
    started = bench.start(plan(WAITS, variants=(NULL,)))
    bench.wait_for(started, bench.measuring(after=1))
    fill(filling)
    ended = bench.end(started)
    advises(ended)
    folder = bench.folder()
    assert folder
    # live.json says so if there is still space for it, else the exit code does.
    assert f"the generator could not write to {folder.path}" in ended.err or ".json can't be written to" in ended.err
    assert "cannot write the report to" in ended.err
    assert len(bench.trial_files()) >= 1
    assert list(bench.out.rglob("*.part")) == []
    assert bench.left_behind() == []
    filling.unlink()
    again = bench.end(bench.command("report", str(folder.path)))
    assert again.code == 0
    assert len(again.rows()) == len(bench.trial_files())


@pytest.mark.parametrize(
    ("kib", "promise"),
    [
        pytest.param(0, "", id="no space", marks=pytest.mark.fault(
            "data", "the disk with the results is full before the run",
            "exit code 1, one message, nothing is left behind")),
        pytest.param(4, "", id="4 KiB", marks=pytest.mark.fault(
            "data", "the disk with the results has 4 KiB free", "exit code 1, one message, nothing is left behind")),
    ],
)  # fmt: skip
def test_a_disk_without_space_for_a_run_is_refused(
    bench: Bench, disk: Callable[[int], Path], kib: int, promise: str
) -> None:
    disk(kib)
    ended = bench.run(plan(WAIT, variants=(NULL,)))
    advises(ended)
    assert ended.err.count("waitbench: ") == 1
    assert sorted(path.name for path in bench.out.iterdir()) == [".lock", "filling"]
    assert bench.left_behind() == []


@pytest.mark.fault(
    "data",
    "the disk with the results has space for the trials, but not for the report",
    "the figures are printed; no file of the report is half written; exit code 1",
)
@pytest.mark.slow  # only this shows a disk that is full for the report alone
def test_without_disk_space_for_the_report_a_run_prints_the_figures(bench: Bench, disk: Callable[[int], Path]) -> None:
    filling = disk(2048)
    started = bench.start(plan(WAIT, variants=(NULL,)), "--variant", NULL, "--variant", NULL)
    # live.json is removed when the report begins, and drawing its charts takes at least half a second.
    bench.wait_for(started, lambda: bool(bench.trial_files()) and not (bench.out / "latest" / "live.json").exists())
    fill(filling)
    ended = bench.end(started)
    advises(ended)
    assert "cannot write the report to" in ended.err
    assert "waitbench report" in ended.err
    folder = RunFolder((bench.out / "latest").resolve())
    assert len(folder.read_trials(folder.read_run())) == 2
    files = [path for path in folder.path.rglob("*") if path.is_file() and path.suffix != ".log"]
    assert all(path.stat().st_size for path in files)
    assert "compared with itself, A/A" in " ".join(ended.err.split())
    assert list(bench.out.rglob("*.part")) == []
    assert bench.left_behind() == []
