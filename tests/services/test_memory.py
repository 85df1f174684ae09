"""Every worker of a service gives back free memory before a trial, before the response to the reset."""

import asyncio
import gc
import os
import signal
import struct
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from upstream.app import TICK_S, lag, respond
from work import counters, memory

from waitbench.launch.client import Service
from waitbench.launch.local import LocalStack
from waitbench.plan.contender import Contender

SERVERS = ("flask-threads", "flask-sync", "django-gevent", "fastapi-asyncio")
"""One variant on each server that may have several workers."""


class Circle:
    """Refers to itself, so only a garbage collection frees it."""

    def __init__(self) -> None:
        self.self = self


@pytest.fixture(scope="module")
def pairs() -> Iterator[LocalStack]:
    """Services of two workers each."""
    with LocalStack() as own:
        own.start_contenders([Contender(name, name, workers=2) for name in SERVERS], workloads={"fast"})
        yield own


def _times_given_back(service: psutil.Process) -> dict[int, int]:
    """Return how often each worker has given back memory for another one, from its file of counts."""
    folder = Path(service.environ()["WAITBENCH_STATE_DIR"])
    return {int(file.name): struct.unpack("5q", file.read_bytes())[counters.GAVE_BACK] - 1 for file in folder.iterdir()}


@pytest.mark.slow  # only this resets services that have two processes
class TestPairs:
    @pytest.mark.live
    @pytest.mark.parametrize("variant", SERVERS)
    def test_at_a_reset_the_other_workers_give_back_memory_before_the_response(
        self, pairs: LocalStack, variant: str
    ) -> None:
        process = psutil.Process(pairs.processes[variant].pid)
        assert list(_times_given_back(process).values()) == [0, 0]
        with Service(pairs.base_urls[variant]) as service:
            for resets in (1, 2, 3):
                service.reset_usage()
                assert sum(_times_given_back(process).values()) == resets
        assert process.is_running()


def test_memory_that_only_a_collection_frees_is_given_back() -> None:
    gc.disable()
    try:
        gone = weakref.ref(Circle())
        assert gone() is not None
        memory.give_back()
        assert gone() is None
    finally:
        gc.enable()


def test_a_worker_that_is_gone_or_stuck_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "PATIENCE_S", 0.05)
    with subprocess.Popen(["true"]) as gone:
        pass
    with subprocess.Popen([sys.executable, "-c", _DEAF], stdout=subprocess.PIPE) as stuck:
        assert stuck.stdout
        assert stuck.stdout.readline()
        began = time.monotonic()
        memory.ask([(gone.pid, lambda: 1), (stuck.pid, lambda: 1)])
        assert time.monotonic() - began >= memory.PATIENCE_S
        assert stuck.poll() is None
        stuck.kill()


_DEAF = (
    f"import signal, time; signal.signal({int(memory.SIGNAL)}, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
)


@pytest.mark.parametrize("gave_back", [0, 1])
def test_a_process_that_is_not_a_worker_of_this_service_gets_no_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gave_back: int
) -> None:
    """A foreign process may have the pid of a worker that died."""
    sent: list[int] = []
    monkeypatch.setattr(counters, "_folder", lambda: tmp_path)
    monkeypatch.setattr(counters, "_own", None)
    handler = signal.getsignal(memory.SIGNAL)
    with subprocess.Popen(["sleep", "60"], start_new_session=bool(gave_back)) as stranger:
        counters._Counts(tmp_path / str(stranger.pid), create=True).numbers[counters.GAVE_BACK] = gave_back
        with monkeypatch.context() as watched:
            watched.setattr(os, "kill", lambda pid, _: sent.append(pid))
            counters.reset_peaks()
        stranger.kill()
    signal.signal(memory.SIGNAL, handler)
    assert sent == []


def test_a_reset_sets_the_lag_of_the_remote_api_to_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counters, "reset_peaks", lambda: time.sleep(1))
    monkeypatch.setattr(counters, "usage", dict)

    async def reset() -> None:
        watch = asyncio.create_task(lag.watch())  # type: ignore[no-untyped-call]
        await asyncio.sleep(0)
        await respond("POST", "/usage/reset", {})  # type: ignore[no-untyped-call]
        await asyncio.sleep(2 * TICK_S)
        watch.cancel()

    asyncio.run(reset())
    assert lag.worst_s < 0.9  # else it would exceed the second that giving back memory took
