"""Plays one trial after another in this process: all of it, or one Locust worker's stripe."""

import time
from dataclasses import asdict, dataclass
from typing import Any

import gevent
import psutil

from loadtests.recorder import Batch, Recorder, lag_percentile_ms
from loadtests.trial import Stripe, Trial
from loadtests.uifeed import UiFeed
from loadtests.users import TrialUser
from waitbench.records.spec import TrialSpec

LAG_TICK_S = 0.01
FEED_S = 0.5
DRAIN_S = 5.0
"""How long after the last time-out a request may be under way before it is given up for lost."""


@dataclass(frozen=True)
class Effort:
    """What one process's share of a window took out of it."""

    cpu_share: float
    lag_p99_ms: float
    lag_max_ms: float
    rss_bytes: int


@dataclass(frozen=True)
class Part:
    """What one process has to tell of a trial that is over."""

    recorder: Recorder
    effort: Effort
    joined: int
    """Users of a closed loop who took part."""
    lost: int
    """Requests that never ended, not even by their time-out: a fault of ours."""
    beside: Recorder | None = None
    """Of a mixed load's neighbours."""

    def packed(self) -> dict[str, Any]:
        return {
            "effort": asdict(self.effort),
            "joined": self.joined,
            "lost": self.lost,
            "recorded": self.recorder.packed(),
            "beside": self.beside.packed() if self.beside else None,
        }

    @classmethod
    def unpacked(cls, said: dict[str, Any]) -> "Part":
        recorder, beside = Recorder.unpacked(said["recorded"]), said["beside"]
        return cls(
            recorder,
            Effort(**said["effort"]),
            said["joined"],
            said["lost"],
            Recorder.unpacked(beside) if beside else None,
        )


class Player:
    """`prepare`, then Locust starts the users, then `gather` and `begin`, then `part` waits for the end."""

    def __init__(self, environment: Any) -> None:
        self._environment = environment
        self._trial: Trial | None = None
        self._meter: gevent.Greenlet | None = None
        self._feeder: gevent.Greenlet | None = None
        self.latest: Batch | None = None
        """What ended in the last FEED_S."""

    def prepare(self, spec: TrialSpec, stripe: Stripe = Stripe()) -> None:  # noqa: B008 - frozen
        """The trial that users join from now on. One that is still going on is over."""
        self.drop()
        self._trial = TrialUser.trial = Trial(spec, stripe)
        self._feeder = gevent.spawn(self._feed_ui, self._trial, UiFeed(self._environment, spec))

    def gather(self, since_ns: int, until_ns: int) -> None:
        """Every user asks once from `since_ns` on; waits until each has had an answer, or until then."""
        trial = self._trial
        assert trial is not None
        trial.gather(since_ns)
        trial.gathered.wait(max(0.0, (until_ns - time.perf_counter_ns()) / 1e9))

    def begin(self, begin_ns: int) -> None:
        assert self._trial is not None
        self._trial.begin(begin_ns)
        self._meter = gevent.spawn(measured_effort, self._trial)

    def stop(self) -> None:
        """Nothing more is sent, whatever was planned."""
        if self._trial is not None:
            self._trial.stop()

    def part(self) -> Part:
        """Waits until the trial is over."""
        trial, meter = self._trial, self._meter
        assert trial is not None
        assert meter is not None
        until_s = (trial.window.end_ns - time.perf_counter_ns()) / 1e9 + trial.spec.timeout_s + DRAIN_S
        trial.over.wait(max(0.0, until_s))
        effort = meter.get()
        lost = trial.close()
        if self._trial is trial:  # else another was prepared in the meantime, and is not ours to end
            self.drop()
        return Part(trial.recorder, effort, trial.joined, lost, trial.beside)

    def drop(self) -> None:
        """Forget the trial that was prepared, wherever it is."""
        for greenlet in filter(None, (self._meter, self._feeder)):
            greenlet.kill()
        if self._trial is not None:
            self._trial.close()
        self._trial = TrialUser.trial = self._meter = self._feeder = self.latest = None

    def _feed_ui(self, trial: Trial, feed: UiFeed) -> None:
        try:
            while True:
                gevent.sleep(FEED_S)
                self.latest = trial.recorder.batch()
                feed.take(self.latest)
                feed.take_beside(trial.beside)
        finally:
            feed.take(trial.recorder.batch())
            feed.take_beside(trial.beside)


def measured_effort(trial: Trial) -> Effort:
    """This process's own CPU over the window, and how late its loop ran a short timer."""
    sleep_until(trial.window.begin_ns)
    cpu_s, began = time.process_time(), time.perf_counter()
    lags = ticks_late_s((time.perf_counter_ns() - trial.window.begin_ns) / 1e9)
    while trial.going and time.perf_counter_ns() < trial.window.end_ns:
        before = time.perf_counter()
        gevent.sleep(LAG_TICK_S)
        lags += ticks_late_s(time.perf_counter() - before - LAG_TICK_S)
    elapsed = max(1e-9, time.perf_counter() - began)
    return Effort(
        cpu_share=(time.process_time() - cpu_s) / elapsed,
        lag_p99_ms=lag_percentile_ms(lags, 99),
        lag_max_ms=max(lags, default=0.0) * 1000,
        rss_bytes=psutil.Process().memory_info().rss,
    )


def ticks_late_s(late_s: float) -> list[float]:
    """How late one tick was, and those that were due meanwhile: a second of standing still is a hundred late ticks, and
    not one."""
    return [max(0.0, late_s - n * LAG_TICK_S) for n in range(1 + int(max(0.0, late_s) / LAG_TICK_S))]


def sleep_until(when_ns: int) -> None:
    """On the clock of time.perf_counter_ns; not at all where that is past."""
    gevent.sleep(max(0.0, (when_ns - time.perf_counter_ns()) / 1e9))
