"""The service's own count of its requests, and of the CPU, memory and disk it took.

Each worker process keeps its counts in a small file of its own, mapped into memory. The worker that is asked adds up
all files, so the figures are those of the service, with any number of processes. Requests for /health, /info and
/usage are the harness's own and are not counted.
"""

import contextlib
import mmap
import os
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from functools import partial
from pathlib import Path
from typing import Any

from work import cores, memory
from work.settings import settings

STARTED, COMPLETED, IN_FLIGHT, PEAK_IN_FLIGHT, GAVE_BACK = range(5)
"""GAVE_BACK: how often the worker gave back memory when asked to, plus one; 0 if it cannot be asked."""
_SLOTS = 5
UNCOUNTED = frozenset({"/health", "/info", "/usage", "/usage/reset"})


def _folder() -> Path:
    path = Path(settings.state_dir)
    path.mkdir(parents=True, exist_ok=True)
    return path


class _Counts:
    """The numbers in a file. Each file has one writer, except for a reset of the peak."""

    def __init__(self, path: Path, create: bool = False) -> None:
        with path.open("w+b" if create else "r+b") as file:
            if create:
                file.truncate(8 * _SLOTS)
            self.numbers = memoryview(mmap.mmap(file.fileno(), 8 * _SLOTS)).cast("q")


_lock = threading.Lock()
_own: _Counts | None = None


def _counts() -> memoryview:
    """Return this worker's counts, made at the first call, which is after any fork."""
    global _own
    if _own is None:
        _own = _Counts(_folder() / str(os.getpid()), create=True)
        _give_back_when_asked(_own.numbers)
    return _own.numbers


def _give_back_when_asked(counts: memoryview) -> None:
    def count() -> None:
        counts[GAVE_BACK] += 1

    with contextlib.suppress(ValueError):  # not in the main thread, so this is a test and not a worker
        memory.give_back_when_asked(count)
        count()


def begin() -> None:
    counts = _counts()
    with _lock:
        counts[STARTED] += 1
        counts[IN_FLIGHT] += 1
        if counts[IN_FLIGHT] > counts[PEAK_IN_FLIGHT]:
            counts[PEAK_IN_FLIGHT] = counts[IN_FLIGHT]


def end() -> None:
    counts = _counts()
    with _lock:
        counts[COMPLETED] += 1
        counts[IN_FLIGHT] -= 1


def at_once() -> None:
    """Count a request that begins and ends in one step of a service with one thread. No lock halves the cost."""
    counts = _counts()
    counts[STARTED] += 1
    counts[COMPLETED] += 1
    if counts[IN_FLIGHT] >= counts[PEAK_IN_FLIGHT]:
        counts[PEAK_IN_FLIGHT] = counts[IN_FLIGHT] + 1


class CountedWsgi:
    """A WSGI application whose requests are counted, from its call until the server has sent the response."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app
        _counts()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] in UNCOUNTED:
            return self._app(environ, start_response)
        begin()
        try:
            return _CountedBody(self._app(environ, start_response))
        except BaseException:
            end()
            raise


class _CountedBody:
    """Ends the count when the server closes the body, which WSGI demands in any case."""

    def __init__(self, body: Iterable[bytes]) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        try:
            if hasattr(self._body, "close"):
                self._body.close()
        finally:
            end()


class CountedAsgi:
    """An ASGI application whose requests are counted, from its call until it returns."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app = app
        _counts()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] in UNCOUNTED:
            return await self._app(scope, receive, send)
        begin()
        try:
            await self._app(scope, receive, send)
        finally:
            end()


class CountedUntilSent(CountedAsgi):
    """Counts only until the end of the response is sent.

    It is for an application that continues after that, when its caller may have sent the next request.
    """

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] in UNCOUNTED:
            return await self._app(scope, receive, send)
        begin()
        ended = False

        async def sent(message: MutableMapping[str, Any]) -> None:
            nonlocal ended
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False) and not ended:
                ended = True
                end()

        try:
            await self._app(scope, receive, sent)
        finally:
            if not ended:
                end()


def worker_pids() -> list[int]:
    """Return the live workers of this service. The counts of dead ones stay."""
    _counts()
    return sorted(int(file.name) for file in _folder().iterdir() if _alive(int(file.name)))


def usage() -> dict[str, Any]:
    """Return the requests and the resources of this service so far, over all its processes.

    - `cpu_s`: user and system time, in seconds.
    - `rss_bytes`: the sum of the resident sets, so pages that processes share count once for each.
    - `peak_rss_bytes` and `peak_in_flight`: since the last reset.
    - `disk_read_bytes` and `disk_written_bytes`: bytes that reached the disk, not those found or left in memory.
    - `cores_free_s`: how long the `cores` that the service may use were idle. Their busy time beyond `cpu_s` was not
      this service's.
    """
    every = [_Counts(file).numbers for file in _folder().iterdir()]
    processes = sorted({os.getpgrp(), *worker_pids()})
    resident = [_memory(pid) for pid in processes]
    disk = [_disk(pid) for pid in processes]
    return {
        "monotonic_s": time.monotonic(),
        "requests_started": sum(counts[STARTED] for counts in every),
        "requests_answered": sum(counts[COMPLETED] for counts in every),
        "in_flight": sum(counts[IN_FLIGHT] for counts in every),
        "peak_in_flight": sum(counts[PEAK_IN_FLIGHT] for counts in every),
        "processes": len(processes),
        "cpu_s": sum(_cpu_s(pid) for pid in processes),
        "cores": len(cores.cores()),
        "cores_free_s": cores.free_s(),
        "rss_bytes": sum(rss for rss, _ in resident),
        "peak_rss_bytes": sum(peak for _, peak in resident),
        "disk_read_bytes": sum(read for read, _ in disk),
        "disk_written_bytes": sum(written for _, written in disk),
    }


def reset_peaks() -> None:
    """Reset the peaks, so that each trial has its own, and give back free memory.

    So each trial begins with the memory that the service needs when idle.
    """
    memory.give_back()
    memory.ask(_others())
    for file in _folder().iterdir():
        counts = _Counts(file).numbers
        counts[PEAK_IN_FLIGHT] = counts[IN_FLIGHT]
    for pid in {os.getpgrp(), *worker_pids()}:
        # 5: the kernel's own "reset the peak resident set", proc_pid_clear_refs(5)
        with contextlib.suppress(OSError):
            Path(f"/proc/{pid}/clear_refs").write_text("5")


def _others() -> Iterator[tuple[int, Callable[[], int]]]:
    """Yield the pid of each other worker, and a function that returns how often it has given back memory."""
    for pid in worker_pids():
        counts = _Counts(_folder() / str(pid)).numbers
        # The group is checked, because a foreign process may have the pid of a worker that died.
        if pid != os.getpid() and counts[GAVE_BACK] and _group(pid) == os.getpgrp():
            yield pid, partial(counts.__getitem__, GAVE_BACK)


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def _alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def _cpu_s(pid: int) -> float:
    """CPU time of a process with all its threads, in seconds: clock_getcpuclockid(3), written as one expression."""
    try:
        return time.clock_gettime(((~pid) << 3) | 2)
    except OSError:
        return 0.0


def _memory(pid: int) -> tuple[int, int]:
    """Resident set and its peak, in bytes."""
    rss, peak = _figures(pid, "status", "VmRSS", "VmHWM")
    return rss * 1024, peak * 1024


def _disk(pid: int) -> tuple[int, int]:
    """Bytes read from the disk and written to it; 0 if the kernel does not report them.

    The kernel also counts writes that were cancelled before they reached the disk, so these are subtracted.
    """
    read, written, cancelled = _figures(pid, "io", "read_bytes", "write_bytes", "cancelled_write_bytes")
    return read, max(0, written - cancelled)


def _figures(pid: int, file: str, *names: str) -> list[int]:
    """Return the numbers of the named lines in a process's /proc file; 0 for a line that is missing."""
    found = dict.fromkeys(names, 0)
    try:
        for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
            key, _, value = line.partition(":")
            if key in found:
                found[key] = int(value.split()[0])
    except OSError:
        pass
    return list(found.values())
