"""Runs one trial after another in this process: all of each trial, or one Locust worker's share."""

import time
from dataclasses import asdict, dataclass
from typing import Any

import gevent
import psutil

from loadtests.load_loop import LoadLoop, State
from loadtests.loops import new_loop
from loadtests.percentiles import lag_percentile_ms
from loadtests.recorder import Batch, Recorder
from loadtests.share import Share
from loadtests.ui_statistics import UiStatistics
from loadtests.users import TrialUser
from waitbench.records.spec import TrialSpec

LAG_TICK_S = 0.01
FEED_S = 0.5
DRAIN_S = 5.0
"""How long after the last timeout a request may be in flight before it counts as lost."""


@dataclass(frozen=True)
class ProcessUsage:
    """How much of its core one process used in the window, and how late it ran."""

    cpu_share: float
    lag_p99_ms: float
    lag_max_ms: float
    rss_bytes: int


@dataclass(frozen=True)
class ShareResult:
    """The records of one process about a trial that is over."""

    recorder: Recorder
    usage: ProcessUsage
    joined: int
    """Users of a closed loop that took part."""
    lost: int
    """Requests that never ended, not even by their timeout: a fault of the generator."""
    beside: Recorder | None = None
    """The record of a mixed load's neighbours."""

    def packed(self) -> dict[str, Any]:
        """For another process of this machine."""
        return {
            "usage": asdict(self.usage),
            "joined": self.joined,
            "lost": self.lost,
            "recorded": self.recorder.packed(),
            "beside": self.beside.packed() if self.beside else None,
        }

    @classmethod
    def unpacked(cls, packed: dict[str, Any]) -> "ShareResult":
        beside = packed["beside"]
        return cls(
            recorder=Recorder.unpacked(packed["recorded"]),
            usage=ProcessUsage(**packed["usage"]),
            joined=packed["joined"],
            lost=packed["lost"],
            beside=Recorder.unpacked(beside) if beside else None,
        )


class ShareRunner:
    """For each trial: `prepare`, then Locust starts the users, then `gather`, `begin`, and `result` at the end."""

    def __init__(self, environment: Any) -> None:
        self._environment = environment
        self._loop: LoadLoop | None = None
        self._meter: gevent.Greenlet | None = None
        self._feeder: gevent.Greenlet | None = None
        self.latest: Batch | None = None
        """The requests that ended in the last FEED_S."""

    def prepare(self, spec: TrialSpec, share: Share = Share()) -> None:  # noqa: B008 - frozen
        """Make the trial that users join from now on. One that is still going on is dropped."""
        self.drop()
        self._loop = TrialUser.loop = new_loop(spec, share)
        self._feeder = gevent.spawn(self._feed_ui, self._loop, UiStatistics(self._environment, spec))

    def gather(self, since_ns: int, until_ns: int) -> None:
        """Let every user send one request from `since_ns` on. Wait until all have a response, or until `until_ns`."""
        loop = self._loop
        assert loop is not None
        loop.gather(since_ns)
        loop.gathered.wait(max(0.0, (until_ns - time.perf_counter_ns()) / 1e9))

    def begin(self, begin_ns: int) -> None:
        assert self._loop is not None
        self._loop.begin(begin_ns)
        self._meter = gevent.spawn(measured_usage, self._loop)

    def stop(self) -> None:
        """Send nothing more, whatever was planned."""
        if self._loop is not None:
            self._loop.stop()

    def result(self) -> ShareResult:
        """Wait until the trial is over, and return what was recorded."""
        loop, meter = self._loop, self._meter
        assert loop is not None
        assert meter is not None
        until_s = (loop.window.end_ns - time.perf_counter_ns()) / 1e9 + loop.spec.timeout_s + DRAIN_S
        loop.over.wait(max(0.0, until_s))
        usage = meter.get()
        lost = loop.close()
        if self._loop is loop:  # else another was prepared in the meantime, and must not be dropped
            self.drop()
        return ShareResult(loop.recorder, usage, loop.joined, lost, loop.beside)

    def drop(self) -> None:
        """Forget the trial that was prepared, whatever its state."""
        for greenlet in filter(None, (self._meter, self._feeder)):
            greenlet.kill()
        if self._loop is not None:
            self._loop.close()
        self._loop = TrialUser.loop = self._meter = self._feeder = self.latest = None

    def _feed_ui(self, loop: LoadLoop, statistics: UiStatistics) -> None:
        try:
            while True:
                gevent.sleep(FEED_S)
                self.latest = loop.recorder.batch()
                statistics.add(self.latest)
                statistics.add_neighbours(loop.beside)
        finally:
            statistics.add(loop.recorder.batch())
            statistics.add_neighbours(loop.beside)


def measured_usage(loop: LoadLoop) -> ProcessUsage:
    """This process's CPU time over the window, and how late its event loop ran a short timer."""
    sleep_until(loop.window.begin_ns)
    cpu_s, began = time.process_time(), time.perf_counter()
    lags = ticks_late_s((time.perf_counter_ns() - loop.window.begin_ns) / 1e9)
    while loop.state is not State.DRAINING and time.perf_counter_ns() < loop.window.end_ns:
        before = time.perf_counter()
        gevent.sleep(LAG_TICK_S)
        lags += ticks_late_s(time.perf_counter() - before - LAG_TICK_S)
    elapsed = max(1e-9, time.perf_counter() - began)
    return ProcessUsage(
        cpu_share=(time.process_time() - cpu_s) / elapsed,
        lag_p99_ms=lag_percentile_ms(lags, 99),
        lag_max_ms=max(lags, default=0.0) * 1000,
        rss_bytes=psutil.Process().memory_info().rss,
    )


def ticks_late_s(late_s: float) -> list[float]:
    """How late one tick was, and every tick that was due meanwhile: a stall of a second is a hundred late ticks."""
    return [max(0.0, late_s - n * LAG_TICK_S) for n in range(1 + int(max(0.0, late_s) / LAG_TICK_S))]


def sleep_until(when_ns: int) -> None:
    """Sleep until a time of time.perf_counter_ns; not at all if it is past."""
    gevent.sleep(max(0.0, (when_ns - time.perf_counter_ns()) / 1e9))
