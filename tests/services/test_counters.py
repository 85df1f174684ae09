"""How a service counts its requests and reads its parameters, without a server."""

import asyncio
import dataclasses
import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from work import counters, memory
from work.responses import BadInput, LengthMissing, TooLarge
from work.settings import settings
from workloads import cpu, cpu_native, disk, download, upload, upstream, wait


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of counts for this test, with this process as a worker that has counted nothing.

    A reset gives back no memory, since a collection of everything that the tests hold takes long.
    """
    monkeypatch.setattr(counters, "settings", dataclasses.replace(settings, state_dir=str(tmp_path)))
    monkeypatch.setattr(counters, "_own", None)
    monkeypatch.setattr(memory, "give_back", lambda: None)
    return tmp_path


def _counted(*keys: str) -> tuple[int, ...]:
    usage = counters.usage()
    return tuple(usage[key] for key in keys or ("requests_started", "requests_answered", "in_flight", "peak_in_flight"))


def _dead_pid() -> int:
    child = subprocess.Popen(["true"])
    child.wait()
    return child.pid


def _as_other_worker(state: Path, pid: int, started: int, answered: int, in_flight: int, peak: int) -> None:
    numbers = counters._Counts(state / str(pid), create=True).numbers
    numbers[:4] = memoryview(b"".join(n.to_bytes(8, "little") for n in (started, answered, in_flight, peak))).cast("q")


def test_nothing_is_counted_at_first() -> None:
    counters.worker_pids()
    assert _counted() == (0, 0, 0, 0)


def test_a_request_is_in_flight_from_its_beginning_to_its_end() -> None:
    counters.begin()
    assert _counted() == (1, 0, 1, 1)
    counters.end()
    assert _counted() == (1, 1, 0, 1)


def test_a_request_of_one_step_has_begun_and_ended() -> None:
    counters.at_once()
    assert _counted() == (1, 1, 0, 1)
    counters.begin()
    counters.at_once()
    counters.at_once()
    assert _counted() == (4, 3, 1, 2)


def test_the_peak_is_the_highest_number_in_flight_and_stays() -> None:
    begin, end = counters.begin, counters.end
    for step in (begin, begin, end, begin, begin, end, end, end):
        step()
    assert _counted() == (4, 4, 0, 3)


def test_a_reset_sets_the_peak_to_the_requests_in_flight_and_keeps_the_totals() -> None:
    for step in (counters.begin, counters.begin, counters.begin, counters.end, counters.end):
        step()
    counters.reset_peaks()
    assert _counted() == (3, 2, 1, 1)
    counters.begin()
    assert _counted("peak_in_flight") == (2,)


@given(st.lists(st.sampled_from(["begin", "end", "reset"]), max_size=60))
def test_any_sequence_of_requests_adds_up(steps: list[str]) -> None:
    counters._counts()[:4] = memoryview(bytes(32)).cast("q")
    started = answered = peak = 0
    for step in steps:
        if step == "begin":
            counters.begin()
            started += 1
        elif step == "end" and started > answered:
            counters.end()
            answered += 1
        elif step == "reset":
            counters.reset_peaks()
            peak = 0
        peak = max(peak, started - answered)
    assert _counted() == (started, answered, started - answered, peak)


def test_threads_lose_no_count() -> None:
    def requests(_: int) -> None:
        for _ in range(500):
            counters.begin()
            counters.end()

    counters.worker_pids()  # as when a service loads: its counts are made before its threads
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(requests, range(8)))
    assert _counted("requests_started", "requests_answered", "in_flight") == (4000, 4000, 0)


def test_workers_are_added_up_and_only_live_ones_are_listed(state: Path) -> None:
    counters.begin()
    living = os.getppid()
    _as_other_worker(state, living, 10, 8, 2, 5)
    dead = _dead_pid()
    _as_other_worker(state, dead, 7, 7, 0, 1)
    assert _counted() == (18, 15, 3, 7)
    assert counters.worker_pids() == sorted([os.getpid(), living])


def test_a_reset_reaches_every_worker(state: Path) -> None:
    _as_other_worker(state, _dead_pid(), 10, 8, 2, 5)
    counters.worker_pids()
    counters.reset_peaks()
    assert _counted() == (10, 8, 2, 2)


def test_usage_shows_the_resources_of_this_process() -> None:
    counters.worker_pids()
    first = counters.usage()
    assert sum(i * i for i in range(200_000))
    second = counters.usage()
    assert second["cpu_s"] > first["cpu_s"] > 0
    assert second["monotonic_s"] > first["monotonic_s"]
    assert 0 < first["rss_bytes"] <= first["peak_rss_bytes"]
    assert first["processes"] == len({os.getpid(), os.getpgrp()})


def test_a_process_that_is_gone_has_zeros() -> None:
    dead = _dead_pid()
    assert (counters._cpu_s(dead), counters._memory(dead), counters._disk(dead)) == (0.0, (0, 0), (0, 0))


def test_cancelled_writes_are_not_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = "rchar: 1\nread_bytes: 4096\nwrite_bytes: 12288\ncancelled_write_bytes: 8192\n"
    monkeypatch.setattr(Path, "read_text", lambda _: content)
    assert counters._disk(1) == (4096, 4096)


class _Body:
    """A WSGI body that records whether it was closed."""

    closed = False

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"a", b"b"])

    def close(self) -> None:
        self.closed = True


def _environ(path: str) -> dict[str, Any]:
    return {"PATH_INFO": path}


def test_a_wsgi_request_is_counted_until_its_body_is_closed() -> None:
    body = _Body()
    response = counters.CountedWsgi(lambda environ, start: body)(_environ("/fast"), lambda *_: None)
    assert list(response) == [b"a", b"b"]
    assert _counted() == (1, 0, 1, 1)
    response.close()  # type: ignore[attr-defined]
    assert _counted() == (1, 1, 0, 1)
    assert body.closed


def test_a_wsgi_request_that_fails_is_counted_as_ended() -> None:
    def fail(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        counters.CountedWsgi(fail)(_environ("/fast"), lambda *_: None)
    assert _counted() == (1, 1, 0, 1)


def test_an_asgi_request_is_counted_until_the_application_returns_or_fails() -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(_counted())
        if scope["path"] == "/fails":
            raise ZeroDivisionError

    counted = counters.CountedAsgi(app)
    asyncio.run(counted({"type": "http", "path": "/fast"}, None, None))
    with pytest.raises(ZeroDivisionError):
        asyncio.run(counted({"type": "http", "path": "/fails"}, None, None))
    assert seen == [(1, 0, 1, 1), (2, 1, 1, 1)]
    assert _counted() == (2, 2, 0, 1)


def test_a_request_is_counted_until_its_response_is_sent_even_if_the_application_continues() -> None:
    seen = []

    async def send(message: Any) -> None:
        seen.append(_counted())

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start"})
        await send({"type": "http.response.body", "more_body": True})
        await send({"type": "http.response.body"})
        seen.append(_counted())

    async def fails(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start"})
        raise ZeroDivisionError

    asyncio.run(counters.CountedUntilSent(app)({"type": "http", "path": "/fast"}, None, send))
    assert seen == [(1, 0, 1, 1)] * 3 + [(1, 1, 0, 1)]
    with pytest.raises(ZeroDivisionError):
        asyncio.run(counters.CountedUntilSent(fails)({"type": "http", "path": "/fast"}, None, send))
    assert _counted() == (2, 2, 0, 1)


@pytest.mark.parametrize("path", sorted(counters.UNCOUNTED))
def test_requests_of_the_harness_are_not_counted(path: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        pass

    asyncio.run(counters.CountedAsgi(app)({"type": "http", "path": path}, None, None))
    asyncio.run(counters.CountedUntilSent(app)({"type": "http", "path": path}, None, None))
    asyncio.run(counters.CountedAsgi(app)({"type": "lifespan"}, None, None))
    assert counters.CountedWsgi(lambda environ, start: [b"x"])(_environ(path), lambda *_: None) == [b"x"]
    assert _counted() == (0, 0, 0, 0)


READERS = [
    (wait.ms, 0, 60_000),
    (upstream.calls, 1, 20),
    (upstream.serial, 0, 1),
    (disk.kib, 1, 4096),
    (download.kib, 0, 65_536),
    (cpu.ksteps, 1, 10_000),
    (cpu_native.n, 1, 1000),
    (cpu.inline, 0, 1),
]
readers = pytest.mark.parametrize(
    ("read", "low", "high"), READERS, ids=[f"{read.__module__}.{read.__name__}" for read, _, _ in READERS]
)
Reader = Callable[[list[str]], int]


@readers
@given(data=st.data())
def test_every_whole_number_within_the_bounds_is_read(read: Reader, low: int, high: int, data: st.DataObject) -> None:
    value = data.draw(st.integers(low, high))
    zeros = data.draw(st.integers(0, 9 - len(str(value))))
    assert read(["0" * zeros + str(value)]) == value


@readers
@given(value=st.integers())
def test_every_number_outside_the_bounds_is_refused(read: Reader, low: int, high: int, value: int) -> None:
    if not low <= value <= high:
        with pytest.raises(BadInput):
            read([str(value)])


@readers
@given(text=st.text() | st.from_regex(r"[+\- ]?\d[\d_.e ]*\n?", fullmatch=True))
def test_any_text_is_a_number_within_the_bounds_or_refused(read: Reader, low: int, high: int, text: str) -> None:
    plain = text != "" and len(text) <= 9 and set(text) <= set("0123456789")
    if plain and low <= int(text) <= high:
        assert read([text]) == int(text)
    else:
        with pytest.raises(BadInput, match=f"a whole number from {low} to {high}"):
            read([text])


@readers
@given(data=st.data())
def test_a_parameter_given_more_than_once_is_refused(read: Reader, low: int, high: int, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.integers(low, high).map(str), min_size=2, max_size=4))
    with pytest.raises(BadInput, match="given once"):
        read(values)


def test_only_parameters_with_a_default_may_be_left_out() -> None:
    assert (upstream.calls([]), upstream.serial([]), cpu.inline([])) == (1, 0, 0)
    for read in (wait.ms, disk.kib, download.kib, cpu.ksteps, cpu_native.n):
        with pytest.raises(BadInput, match="must be given once"):
            read([])


@given(length=st.integers(0, upload.LARGEST) | st.just(upload.LARGEST), zeros=st.integers(0, 20))
def test_every_allowed_length_of_an_upload_is_read(length: int, zeros: int) -> None:
    assert upload.content_length("0" * zeros + str(length)) == length


@given(digits=st.integers(upload.LARGEST + 1).map(str) | st.just("9" * 5000))
def test_every_longer_upload_is_refused(digits: str) -> None:
    with pytest.raises(TooLarge):
        upload.content_length(digits)


@given(text=st.none() | st.text().filter(lambda text: not (text.isascii() and text.isdecimal())))
def test_a_length_that_is_not_a_number_counts_as_missing(text: str | None) -> None:
    with pytest.raises(LengthMissing):
        upload.content_length(text)
