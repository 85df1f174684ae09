"""Plays a run's trials one after another in one Locust process, and writes each down when it ends."""

import json
import logging
import os
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import gevent
from gevent.event import Event

from loadtests.arrivals import schedule_ns
from loadtests.client import Caller, RequestFailed
from loadtests.contention import Contention
from loadtests.crew import Alone, GaveUp, Workers
from loadtests.player import FEED_S, Part, sleep_until
from loadtests.recorder import BIN_S, Recorder, Window
from loadtests.stolen import StolenTime
from loadtests.users import TrialUser
from waitbench.errors import Unwritable
from waitbench.records.folder import UNWRITABLE_CODE, RunFolder, now
from waitbench.records.live import Live
from waitbench.records.run import RunRecord
from waitbench.records.spec import TrialSpec
from waitbench.records.trial import Arrivals, Beside, Generator, TrialRecord, Usage

log = logging.getLogger("waitbench")

SPAWN_S = 30.0
SEARCH_EVERY_S = 0.1
SETTLE_S, SETTLE_EVERY_S = 6.0, 0.05
"""How long a service may take, beyond its wait, to have nothing in flight when its users are gone."""


class Conductor:
    """One run, from its folder to its last trial file."""

    def __init__(self, environment: Any, folder: RunFolder, run: RunRecord, crew: Alone | Workers) -> None:
        self._environment = environment
        self._folder = folder
        self._run = run
        self._crew = crew
        self._done = 0
        self._phase = ""
        self._playing: TrialSpec | None = None
        self._began = self._last_end = time.monotonic()
        self._stopping = False
        self._stopped_outside = False
        self.finished = Event()
        self.failure = ""
        self.exit_code = 0
        """Of this process, where nothing else may tell the harness what went wrong."""

    @property
    def _sees_the_run(self) -> bool:
        """Whether all of the run's processes are visible from here: in a container, the other containers' are not."""
        return self._run.engine != "attached"

    @property
    def busy(self) -> bool:
        return not self.finished.is_set()

    def play(self) -> None:
        """Every trial of the run. Whatever goes wrong ends up in `failure`, for the harness to tell."""
        watcher = gevent.spawn(self._watch)
        self._environment.events.test_stopping.add_listener(self._on_stop)
        try:
            for spec in self._specs():
                self._heed_stop()
                self._folder.write_trial(self._play(spec))
                self._done += 1
                self._last_end = time.monotonic()
        except GaveUp as error:
            self._fail(str(error))
        except Unwritable as error:
            self._fail(str(error), UNWRITABLE_CODE)
        except Exception as error:
            log.exception("the conductor failed")
            self._fail(f"{type(error).__name__}: {error}")
        finally:
            self._playing = None
            self._crew.drop()
            watcher.kill()
            self._environment.events.test_stopping.remove_listener(self._on_stop)
            self.finished.set()
            self._write_live(self._live())

    def _fail(self, why: str, exit_code: int = 1) -> None:
        self.failure, self.exit_code = why, exit_code

    def _specs(self) -> Iterator[TrialSpec]:
        """Every trial of the run; where the harness is searching, it adds to them as it sees what came of these."""
        played = 0
        while True:
            for spec in self._run.trials[played:]:
                yield spec
                played += 1
            if not self._run.searching:
                return
            gevent.sleep(SEARCH_EVERY_S)
            self._heed_stop()
            self._run = self._folder.read_run()

    def _play(self, spec: TrialSpec) -> TrialRecord:
        runner = self._environment.runner
        usage, upstream = _UsageReader(spec.base_url, spec.instrumented), self._upstream_reader(spec)
        usage.read("before", reset=True)
        upstream.read("before", reset=True)
        self._playing = spec

        self._phase = "gathering"
        try:
            self._crew.prepare(spec)
        except OSError as error:  # its name has no address any more
            raise GaveUp(f"{spec.base_url} can't be found: {error}") from None
        users = spec.users if spec.load_model == "closed" else self._crew.size
        spawn_s = self._start_users(users)
        self._crew.gather(spec)
        contention = Contention()
        self._phase = "warm-up"
        begin_ns = time.perf_counter_ns() + int(self._crew.lead_s * 1e9)
        started_at = now() + timedelta(seconds=self._crew.lead_s)
        window = Window.of(spec, begin_ns)
        self._crew.begin(begin_ns)
        sleep_until(window.begin_ns)
        self._phase = "measuring"
        stolen = StolenTime()
        edges = [gevent.spawn(reader.read, "window_start") for reader in (usage, upstream)]
        sleep_until(window.end_ns)
        stolen_share = stolen.share()
        disturbance = "" if runner.user_count == users else "users were started or stopped from outside"
        edges += [gevent.spawn(reader.read, "window_end") for reader in (usage, upstream)]

        self._phase = "drain"
        parts, losses = self._crew.finish()
        drain_s = (time.perf_counter_ns() - window.end_ns) / 1e9
        foreign_share = contention.foreign_share() if self._sees_the_run else None
        self._stop_users()
        gevent.joinall(edges)
        held = usage.settle(SETTLE_S + max(spec.least_s, spec.beside.least_s if spec.beside else 0.0))
        upstream.read("after")
        self._phase = "writing"
        recorder = _added_up([part.recorder for part in parts])
        warmup, measured, drained = recorder.phases(window)
        return TrialRecord(
            spec=spec,
            started_at=started_at,
            window_s=(window.end_ns - window.begin_ns) / 1e9,
            window_offset_s=(window.begin_ns - begin_ns) / 1e9,
            drain_s=drain_s,
            warmup=warmup,
            measured=measured,
            gathered=recorder.gathered(),
            drained=drained,
            latency=recorder.latency(window),
            thirds_iqm_us=recorder.thirds_iqm_us(window),
            arrivals=_arrivals(recorder, spec, window) if spec.load_model == "open" else None,
            connects=recorder.connects(),
            occupancy=recorder.occupancy(window),
            spanning=recorder.spanning(window),
            longest_silence_s=recorder.longest_silence_s(window),
            timeline=recorder.timeline(),
            generator=_generator(parts, spawn_s, contention.cores, foreign_share),
            usage=usage.usage(),
            upstream=upstream.usage(),
            beside=_beside(parts, window),
            bins=recorder.bins(window) if spec.profile else [],
            bin_s=BIN_S if spec.profile else 0.0,
            stolen_share=stolen_share,
            disturbance=_disturbance(losses, parts, disturbance or _uninvited(parts, users), held),
        )

    def _start_users(self, users: int) -> float:
        """All users at once; the stagger is the trial's. How long it took, in seconds.

        A worker that dies meanwhile brings no users: the others play, and its loss is told when the trial is over.
        """
        began = time.monotonic()
        self._environment.runner.start(users, spawn_rate=users, user_classes=[TrialUser])
        while (there := self._environment.runner.user_count) < users and self._crew.whole and not self._stopped_outside:
            if time.monotonic() - began > SPAWN_S:
                raise GaveUp(f"only {there} of {users} users came up in {SPAWN_S:.0f} s")
            gevent.sleep(0.005)
        if self._stopped_outside:
            self._stop_users()
        return time.monotonic() - began

    def _stop_users(self) -> None:
        """They have nothing to do any more: the trial is over."""
        self._stopping = True
        self._environment.runner.stop()
        self._stopping = False
        self._heed_stop()

    def stop(self) -> None:
        """Someone wants no more of it. Between two trials Locust has nothing to stop, and would tell nobody."""
        self._stopped_outside = True

    def _heed_stop(self) -> None:
        if self._stopped_outside:
            raise GaveUp("it was stopped from the web UI")

    def _on_stop(self, **_: Any) -> None:
        """Locust's own event: someone stops the test, maybe not we. A closed loop goes on until it is told."""
        if not self._stopping:
            self._stopped_outside = True
            self._crew.stop()

    def _upstream_reader(self, spec: TrialSpec) -> "_UsageReader":
        """Of the remote API's process, which watches the database too where a trial needs it."""
        url = self._run.upstream_url or ""
        query = "?database=1" if spec.uses_database else ""
        return _UsageReader(url, bool(url) and (spec.uses_upstream or spec.uses_database), query)

    def _watch(self) -> None:
        while True:
            self._write_live(self._live())
            gevent.sleep(FEED_S)

    def _write_live(self, live: Live) -> None:
        """By a thread: a disk that is busy keeps whoever writes to it, and would keep the whole event loop."""
        try:
            gevent.get_hub().threadpool.apply(self._folder.write_live, (live,))
        except Unwritable as error:
            log.warning("%s", error)

    def _live(self) -> Live:
        good, errors, p99_ms = self._crew.live()
        return Live(
            at=time.time(),
            done=self._done,
            total=len(self._run.trials),
            trial=f"{self._playing.variant}, {self._playing.description}" if self._playing else "",
            phase=self._phase,
            rate=good / FEED_S,
            p99_ms=p99_ms,
            errors=errors,
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


def _added_up(recorders: list[Recorder]) -> Recorder:
    """All requests of all processes, as if one had sent them."""
    if len(recorders) == 1:
        return recorders[0]
    total = Recorder()
    for recorder in recorders:
        total.add_packed(recorder.packed())
    return total


def _beside(parts: list[Part], window: Window) -> Beside | None:
    """Of a mixed load: what became of the neighbours."""
    recorders = [part.beside for part in parts if part.beside]
    if not recorders:
        return None
    recorder = _added_up(recorders)
    warmup, measured, _ = recorder.phases(window)
    return Beside(warmup=warmup, measured=measured, shed=recorder.shed_in(window), latency=recorder.latency(window))


def _arrivals(recorder: Recorder, spec: TrialSpec, window: Window) -> Arrivals:
    """With what the schedule says, which has to be what was meant: an arrival that was forgotten would be nowhere."""
    opens_ns = window.begin_ns - recorder.begin_ns
    scheduled = sum(offset >= opens_ns for offset in schedule_ns(spec))
    return recorder.arrivals(window).model_copy(update={"scheduled": scheduled})


def _generator(parts: list[Part], spawn_s: float, cores: list[int], foreign_share: float | None) -> Generator:
    efforts = [part.effort for part in parts]
    return Generator(
        cpu_share=_busiest([effort.cpu_share for effort in efforts]),
        lag_p99_ms=max(effort.lag_p99_ms for effort in efforts),
        lag_max_ms=max(effort.lag_max_ms for effort in efforts),
        rss_bytes=sum(effort.rss_bytes for effort in efforts),
        processes=len(efforts),
        spawn_s=spawn_s,
        cores=cores,
        foreign_share=foreign_share,
    )


def _busiest(shares: list[float]) -> float:
    """Of one core: the busiest process's, or more where processes have to share their cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else len(shares)
    return max(*shares, sum(shares) / cores) if len(shares) > 1 else shares[0]


def _uninvited(parts: list[Part], users: int) -> str:
    """Users who came from outside leave requests behind them even where as many went as came."""
    joined = sum(part.joined for part in parts)
    return f"{joined} users took part, and {users} were meant to: some came from outside" if joined != users else ""


def _disturbance(losses: list[str], parts: list[Part], users: str, held: int) -> str:
    """The worst of what came from outside, in a sentence."""
    lost = sum(part.lost for part in parts)
    told = [
        *losses,
        f"{lost} requests never ended, not even by their time-out" if lost else "",
        users,
        f"the service still held {held} requests when the trial was over" if held else "",
    ]
    return next(filter(None, told), "")


class _UsageReader:
    """Asks a service for its own figures, on a connection of its own."""

    def __init__(self, base_url: str, instrumented: bool, query: str = "") -> None:
        """`query` goes with the request that begins the trial."""
        self._base_url = base_url
        self._instrumented = instrumented
        self._query = query
        self._readings: dict[str, dict[str, float]] = {}

    def read(self, moment: str, reset: bool = False) -> None:
        """A failure at the start ends the run; later ones leave the reading empty, which the report will say."""
        if not self._instrumented:
            return
        try:
            caller = Caller(self._base_url, timeout_s=10.0)
        except OSError as error:  # a container that is gone has no name any more
            if reset:
                raise GaveUp(f"{self._base_url} does not answer any more ({error})") from None
            return
        method, path = ("POST", f"/usage/reset{self._query}") if reset else ("GET", "/usage")
        try:
            status, body = caller.exchange(path, method)
            if status == 200:
                self._readings[moment] = json.loads(body)
        except RequestFailed as error:
            if reset:
                raise GaveUp(f"{self._base_url} does not answer any more ({error.kind})") from None
        finally:
            caller.close()

    def settle(self, timeout_s: float) -> int:
        """The reading after the trial, when the service holds no more than before it; how many it still holds."""
        held, until = 0, time.monotonic() + timeout_s
        while time.monotonic() < until:
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
