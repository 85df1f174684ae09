"""/disk reaches a disk, as counted by the kernel and never timed, and leaves nothing there."""

import dataclasses
import errno
import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pytest
from work.responses import DependencyFailed
from work.settings import settings
from workloads import disk

from tests.conftest import EVERY_WAY, installed
from waitbench.errors import WaitbenchError
from waitbench.launch.client import Service, wait_until
from waitbench.launch.local import LocalStack

pytestmark = pytest.mark.live

VARIANTS = EVERY_WAY
variants = pytest.mark.parametrize("variant", VARIANTS)

REQUESTS, KIB = 20, 256
CROWD = 60
"""Concurrent requests: more than a service has threads."""
PATIENCE_S = 30.0


def right(kib: int) -> bytes:
    digest = sha256(bytes(i % 251 for i in range(kib * 1024))).hexdigest()
    return f'{{"workload":"disk","kib":{kib},"sha256":"{digest}"}}'.encode()


def flushes(folder: Path) -> int | None:
    """Return how often the device under a folder had to flush its own cache; None if the kernel does not count that.

    It is the 16th figure of the device's line, counted only for whole disks (Documentation/admin-guide/iostats.rst). A
    disk without a write cache gets no flushes.
    """
    device = os.stat(folder).st_dev
    place = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve()
    if (place / "partition").exists():
        place = place.parent
    try:
        cache, figures = (place / "queue/write_cache").read_text().strip(), (place / "stat").read_text().split()
    except OSError:
        return None
    return int(figures[15]) if cache == "write back" and len(figures) > 15 else None


@variants
@pytest.mark.parametrize("inline", [0, 1])
def test_every_byte_is_written_to_the_disk_and_read_from_it(stack: LocalStack, variant: str, inline: int) -> None:
    """Data that was not synced could not be dropped from memory, and would be read from there."""
    with Service(stack.base_urls[variant]) as service:
        before = service.usage()
        for _ in range(REQUESTS):
            assert service.get(f"/disk?kib={KIB}&inline={inline}").content == right(KIB)
        after = service.usage()
    for figure in ("disk_read_bytes", "disk_written_bytes"):
        assert after[figure] - before[figure] >= REQUESTS * KIB * 1024


@pytest.mark.slow  # only this shows that the disk flushes its own cache; another test's flushes would count too
@variants
def test_the_disk_flushes_its_cache_for_every_file(stack: LocalStack, variant: str) -> None:
    with Service(stack.base_urls[variant]) as service:
        before = flushes(stack.scratch)
        for _ in range(REQUESTS):
            assert service.get(f"/disk?kib={KIB}").status_code == 200
        after = flushes(stack.scratch)
    if after is None or before is None:
        pytest.skip("this kernel does not count flushes of the scratch folder's device")
    assert after - before >= REQUESTS


@variants
def test_more_concurrent_requests_than_threads_are_all_served(stack: LocalStack, variant: str) -> None:
    def ask(kib: int) -> bool:
        with Service(stack.base_urls[variant], timeout_s=PATIENCE_S) as service:
            return service.get(f"/disk?kib={kib}").content == right(kib)

    with ThreadPoolExecutor(CROWD) as callers:
        assert all(callers.map(ask, range(1, CROWD + 1)))
    assert list(stack.scratch.iterdir()) == []


@pytest.mark.fault("processes", "a service is killed while it writes to the scratch folder", "no file is left")
def test_a_service_that_is_killed_while_writing_leaves_no_file() -> None:
    with LocalStack() as own:
        own.start(installed(VARIANTS), workloads={"disk"})
        for variant in installed(VARIANTS):
            _kill_while_writing(own, variant)
        assert list(own.scratch.iterdir()) == []


def _kill_while_writing(stack: LocalStack, variant: str) -> None:
    def ask(_: int) -> None:
        with Service(stack.base_urls[variant], timeout_s=PATIENCE_S) as service, suppress(WaitbenchError):
            while True:
                service.get("/disk?kib=4096")

    with ThreadPoolExecutor(8) as callers, Service(stack.base_urls[variant], timeout_s=PATIENCE_S) as service:
        callers.map(ask, range(8))
        assert wait_until(lambda: service.usage()["disk_written_bytes"] > 32 * 1024 * 1024, PATIENCE_S)
        os.killpg(stack.processes[variant].pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def without_folder() -> Iterator[LocalStack]:
    """Services whose scratch folder does not exist."""
    with LocalStack(environment={"WAITBENCH_SCRATCH_DIR": "/nowhere"}) as own:
        own.start(installed(VARIANTS), workloads={"disk"})
        yield own


class TestWithoutFolder:
    @pytest.mark.fault("input", "the scratch folder is missing", "503, and other requests are served")
    @variants
    @pytest.mark.parametrize("inline", [0, 1])
    def test_a_missing_scratch_folder_leads_to_503_and_no_traceback(
        self, without_folder: LocalStack, variant: str, inline: int
    ) -> None:
        with Service(without_folder.base_urls[variant]) as service:
            response = service.get(f"/disk?kib=4&inline={inline}")
            assert (response.status_code, response.headers["content-type"]) == (503, "application/problem+json")
            assert json.loads(response.content)["detail"] == disk.FAILED
            assert service.get("/fast").status_code == 200
        assert "Traceback" not in without_folder.processes[variant].log.read_text()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scratch folder of this test, for this process."""
    monkeypatch.setattr(disk, "settings", dataclasses.replace(settings, scratch_dir=str(tmp_path)))
    return tmp_path


def test_the_disk_gives_back_what_was_written_and_no_file_is_left(folder: Path) -> None:
    for kib in (1, 63, 64, 65, 200):
        assert right(kib).decode().count(disk.write_and_read_back(kib)) == 1
    assert list(folder.iterdir()) == []


@pytest.mark.fault("input", "the disk of the scratch folder is full", "503, and no file is left")
def test_a_full_disk_is_a_failed_dependency(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DependencyFailed, match="could not be written to the disk and read back"):
        disk.write_and_read_back(1)
    assert list(folder.iterdir()) == []


@pytest.mark.fault("numbers", "the disk gives back other bytes than were written", "503, and not a good response")
@pytest.mark.parametrize("at", [0, 70_000, 100 * 1024 - 1])
def test_a_disk_that_gives_back_other_bytes_is_a_failed_dependency(
    folder: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    monkeypatch.setattr(os, "fsync", lambda number: os.pwrite(number, b"\xff", at))
    with pytest.raises(DependencyFailed):
        disk.write_and_read_back(100)


@pytest.mark.fault("numbers", "the disk gives back fewer bytes than were written", "503, and not a good response")
@pytest.mark.parametrize("to", [0, 70_000, 100 * 1024 - 1])
def test_a_disk_that_gives_back_fewer_bytes_is_a_failed_dependency(
    folder: Path, monkeypatch: pytest.MonkeyPatch, to: int
) -> None:
    monkeypatch.setattr(os, "fsync", lambda number: os.truncate(number, to))
    with pytest.raises(DependencyFailed):
        disk.write_and_read_back(100)
