"""Plays a run's trials one after another in one Locust process, and writes each down when it ends."""

import json
import logging
import time
from typing import Any

import gevent
import psutil
from gevent.event import Event

from loadtests.client import Connection, RequestFailed
from loadtests.recorder import Recorder, Window, lag_percentile_ms
from loadtests.trial import Trial
from loadtests.uifeed import UiFeed
from loadtests.users import TrialUser
from waitbench.results import Generator, Live, RunFolder, RunRecord, TrialRecord, TrialSpec, Usage, now

log = logging.getLogger("waitbench")

LAG_TICK_S = 0.01
LIVE_EVERY_S = 0.5
SPAWN_S = 30.0
SETTLE_S, SETTLE_EVERY_S = 6.0, 0.05
"""How long a service may take, beyond its wait, to have nothing in flight when its users are gone."""


class GaveUp(Exception):
    """The run cannot go on; the message says why."""


class Conductor:
    """One run, from its folder to its last trial file."""

    def __init__(self, environment: Any, folder: RunFolder, run: RunRecord) -> None:
        self._environment = environment
        self._folder = folder
        self._run = run
        self._done = 0
        self._phase = ""
        self._trial: Trial | None = None
        self._feed: UiFeed | None = None
        self._began = self._last_end = time.monotonic()
        self._stopping = False
        self._stopped_outside = False
        self.finished = Event()
        self.failure = ""

    @property
    def busy(self) -> bool:
        return not self.finished.is_set()

    def play(self) -> None:
        """Every trial of the run. Whatever goes wrong ends up in `failure`, for the harness to tell."""
        watcher = gevent.spawn(self._watch)
        self._environment.events.test_stopping.add_listener(self._on_stop)
        try:
            for spec in self._run.trials:
                self._folder.write_trial(self._play(spec))
                self._done += 1
                self._last_end = time.monotonic()
        except GaveUp as error:
            self.failure = str(error)
        except Exception as error:
            log.exception("the conductor failed")
            self.failure = f"{type(error).__name__}: {error}"
        finally:
            self._trial = TrialUser.trial = None
            watcher.kill()
            self._environment.events.test_stopping.remove_listener(self._on_stop)
            self.finished.set()
            self._write_live(self._live())

    def _play(self, spec: TrialSpec) -> TrialRecord:
        runner = self._environment.runner
        usage, upstream = _UsageReader(spec.base_url, spec.instrumented), self._upstream_reader(spec)
        usage.read("before", reset=True)
        upstream.read("before", reset=True)
        trial = Trial(spec)
        self._feed = UiFeed(self._environment, spec, describe(spec))
        self._trial = TrialUser.trial = trial
        started_at = now()

        self._phase = "warm-up"
        spawn_s = self._start_users(spec)
        # An open loop's window is its schedule's; a closed loop's begins a warm-up after its users are all there, and
        # ends when they are told.
        scheduled = spec.load_model == "open"
        opens_ns = (trial.recorder.begin_ns if scheduled else time.perf_counter_ns()) + int(spec.warmup_s * 1e9)
        gevent.sleep(max(0.0, (opens_ns - time.perf_counter_ns()) / 1e9))
        self._phase = "measuring"
        meter = _GeneratorMeter()
        window_begin = opens_ns if scheduled else time.perf_counter_ns()
        edges = [gevent.spawn(reader.read, "window_start") for reader in (usage, upstream)]
        closes_ns = window_begin + int(spec.measure_s * 1e9)
        gevent.sleep(max(0.0, (closes_ns - time.perf_counter_ns()) / 1e9))
        window = Window(window_begin, closes_ns if scheduled else time.perf_counter_ns())
        trial.going = False
        generator = meter.stop(spawn_s)
        disturbance = "" if runner.user_count == spec.users else "users were started or stopped from outside"
        edges += [gevent.spawn(reader.read, "window_end") for reader in (usage, upstream)]

        self._phase = "drain"
        self._stopping = True
        runner.stop()
        self._stopping = False
        if self._stopped_outside:
            raise GaveUp("it was stopped from the web UI")
        gevent.joinall(edges)
        drain_s = (time.perf_counter_ns() - window.end_ns) / 1e9
        self._feed.take(trial.recorder.batch())
        if held := usage.settle(SETTLE_S + spec.params.get("ms", 0) / 1000):
            disturbance = disturbance or f"the service still held {held} requests when the trial was over"
        upstream.read("after")
        self._phase = "writing"
        return self._record(
            trial.recorder,
            window,
            spec=spec,
            started_at=started_at,
            window_offset_s=(window_begin - trial.recorder.begin_ns) / 1e9,
            drain_s=drain_s,
            generator=generator,
            usage=usage.usage(),
            upstream=upstream.usage(),
            disturbance=disturbance,
            connections=trial.connections,
        )

    def _on_stop(self, **_: Any) -> None:
        """Locust's own event: someone stops the test, maybe not we."""
        self._stopped_outside |= not self._stopping

    def _start_users(self, spec: TrialSpec) -> float:
        """All users at once; the stagger is the trial's. How long it took, in seconds."""
        began = time.monotonic()
        self._environment.runner.start(spec.users, spawn_rate=spec.users, user_classes=[TrialUser])
        while self._environment.runner.user_count < spec.users:
            if time.monotonic() - began > SPAWN_S:
                raise GaveUp(
                    f"only {self._environment.runner.user_count} of {spec.users} users came up in {SPAWN_S:.0f} s"
                )
            gevent.sleep(0.005)
        return time.monotonic() - began

    def _record(self, recorder: Recorder, window: Window, **known: Any) -> TrialRecord:
        warmup, measured, drained = recorder.phases(window)
        return TrialRecord(
            window_s=(window.end_ns - window.begin_ns) / 1e9,
            warmup=warmup,
            measured=measured,
            drained=drained,
            latency=recorder.latency(window),
            arrivals=recorder.arrivals(window) if known["spec"].load_model == "open" else None,
            timeline=recorder.timeline(),
            **known,
        )

    def _upstream_reader(self, spec: TrialSpec) -> "_UsageReader":
        return _UsageReader(self._run.upstream_url or "", spec.uses_upstream and bool(self._run.upstream_url))

    def _watch(self) -> None:
        while True:
            self._write_live(self._live())
            gevent.sleep(LIVE_EVERY_S)

    def _write_live(self, live: Live) -> None:
        try:
            self._folder.write_live(live)
        except OSError:
            log.exception("live.json could not be written")

    def _live(self) -> Live:
        trial = self._trial
        batch = trial.recorder.batch() if trial else None
        if batch and self._feed:
            self._feed.take(batch)
        return Live(
            at=time.time(),
            done=self._done,
            total=len(self._run.trials),
            trial=f"{trial.spec.variant}, {describe(trial.spec)}" if trial else "",
            phase=self._phase,
            rate=int(batch.good.sum()) / LIVE_EVERY_S if batch else 0.0,
            p99_ms=batch.p99_ms if batch else None,
            errors=len(batch.failures) if batch else 0,
            left_s=self._left_s(),
            finished=self.finished.is_set(),
            failure=self.failure,
        )

    def _left_s(self) -> float:
        """By what the trials so far took beyond their own seconds."""
        rest = self._run.trials[self._done :]
        own = sum(spec.warmup_s + spec.measure_s for spec in rest)
        past = sum(spec.warmup_s + spec.measure_s for spec in self._run.trials[: self._done])
        extra = max(0.0, self._last_end - self._began - past) / self._done if self._done else 0.5
        since = time.monotonic() - self._last_end
        return max(0.0, own + extra * len(rest) - since)


def describe(spec: TrialSpec) -> str:
    params = " ".join(f"{name}={value}" for name, value in spec.params.items())
    return " ".join(filter(None, [spec.workload, params, spec.load_words]))


class _UsageReader:
    """Asks a service for its own figures, on a connection of its own."""

    def __init__(self, base_url: str, instrumented: bool) -> None:
        self._base_url = base_url
        self._instrumented = instrumented
        self._readings: dict[str, dict[str, float]] = {}

    def read(self, moment: str, reset: bool = False) -> None:
        """A failure at the start ends the run; later ones leave the reading empty, which the report will say."""
        if not self._instrumented:
            return
        connection = Connection(self._base_url, timeout_s=10.0)
        method, path = ("POST", "/usage/reset") if reset else ("GET", "/usage")
        try:
            status, body = connection.exchange(connection.request_bytes(path, method))
            if status == 200:
                self._readings[moment] = json.loads(body)
        except RequestFailed as error:
            if reset:
                raise GaveUp(f"{self._base_url} does not answer any more ({error.kind})") from None
        finally:
            connection.close()

    def settle(self, timeout_s: float) -> int:
        """The reading after the trial, when the service holds no more than before it; how many it still holds."""
        held = 0
        for _ in range(int(timeout_s / SETTLE_EVERY_S)):
            self.read("after")
            if not self._instrumented or "after" not in self._readings:
                return 0
            before = self._readings.get("before", {}).get("in_flight", 0)
            held = int(self._readings["after"]["in_flight"] - before)
            if held <= 0:
                return 0
            gevent.sleep(SETTLE_EVERY_S)
        return held

    def usage(self) -> Usage:
        return Usage(**self._readings)


class _GeneratorMeter:
    """This process's own CPU, and how late its loop runs."""

    def __init__(self) -> None:
        self._cpu_s, self._began = time.process_time(), time.perf_counter()
        self._lags: list[float] = []
        self._ticker = gevent.spawn(self._tick)

    def _tick(self) -> None:
        while True:
            began = time.perf_counter()
            gevent.sleep(LAG_TICK_S)
            self._lags.append(max(0.0, time.perf_counter() - began - LAG_TICK_S))

    def stop(self, spawn_s: float) -> Generator:
        self._ticker.kill()
        elapsed = time.perf_counter() - self._began
        return Generator(
            cpu_share=(time.process_time() - self._cpu_s) / elapsed,
            lag_p99_ms=lag_percentile_ms(self._lags, 99),
            lag_max_ms=max(self._lags, default=0.0) * 1000,
            spawn_s=spawn_s,
            rss_bytes=psutil.Process().memory_info().rss,
        )
