"""A run in one Locust process: its trials one after another, each written down when it ends."""

import logging
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import gevent
from gevent.event import Event

from loadtests.contention import Contention
from loadtests.load_generator import GaveUp, LoadGenerator
from loadtests.recorder import Window
from loadtests.service_usage import RemoteUsage, ServiceUsage
from loadtests.share_runner import FEED_S, sleep_until
from loadtests.steal_time import StealTime
from loadtests.trial_result import Observed, trial_record
from loadtests.users import TrialUser
from waitbench.errors import Unwritable
from waitbench.records.folder import UNWRITABLE_CODE, RunFolder, now
from waitbench.records.live import Live
from waitbench.records.run import RunRecord
from waitbench.records.spec import TrialSpec
from waitbench.records.trial import TrialRecord

log = logging.getLogger("waitbench")

SPAWN_S = 30.0
"""How long Locust may take to start all users."""
LOOK_EVERY_S = 0.1
"""How often a run looks for new trials when all that were planned are finished."""
FIRST_EXTRA_S = 0.5
"""A guess at what a trial takes beyond its own seconds, before any has ended."""


class Session:
    """One run, from its folder to its last trial file."""

    def __init__(self, environment: Any, folder: RunFolder, run: RunRecord, generator: LoadGenerator) -> None:
        self._environment = environment
        self._folder = folder
        self._run = run
        self._generator = generator
        self._done = 0
        self._phase = ""
        self._current: TrialSpec | None = None
        self._began = self._last_end = time.monotonic()
        self._stopping = False
        self._stopped_outside = False
        self.finished = Event()
        self.failure = ""
        self.exit_code = 0
        """The exit code of this process, if it is the only way to tell the harness what went wrong."""

    @property
    def busy(self) -> bool:
        return not self.finished.is_set()

    def run(self) -> None:
        """Run every trial. Whatever goes wrong ends up in `failure`, which the harness shows."""
        watcher = gevent.spawn(self._watch)
        self._environment.events.test_stopping.add_listener(self._on_stop)
        try:
            for spec in self._specs():
                self._check_stopped()
                self._folder.write_trial(self._run_trial(spec))
                self._done += 1
                self._last_end = time.monotonic()
        except GaveUp as error:
            self._fail(str(error))
        except Unwritable as error:
            self._fail(str(error), UNWRITABLE_CODE)
        except Exception as error:
            log.exception("the session failed")
            self._fail(f"{type(error).__name__}: {error}")
        finally:
            self._current = None
            self._generator.drop()
            self._environment.events.test_stopping.remove_listener(self._on_stop)
            self.finished.set()
            watcher.join()  # it may be writing: of two writers, the one that ends last would win
            self._write_live(self._live())

    def stop(self) -> None:
        """End the run after the current trial. Between two trials Locust has nothing to stop and would tell nobody."""
        self._stopped_outside = True

    def _fail(self, why: str, exit_code: int = 1) -> None:
        self.failure, self.exit_code = why, exit_code

    def _specs(self) -> Iterator[TrialSpec]:
        """Every trial of the run. The harness adds trials that follow from the earlier ones, until none follow."""
        begun = 0
        while True:
            for spec in self._run.trials[begun:]:
                yield spec
                begun += 1
            if not self._run.searching:
                return
            gevent.sleep(LOOK_EVERY_S)
            self._check_stopped()
            self._run = self._folder.read_run()

    def _run_trial(self, spec: TrialSpec) -> TrialRecord:
        service, upstream = ServiceUsage(spec.base_url, spec.instrumented), self._upstream_usage(spec)
        service.read("before", reset=True)
        upstream.read("before", reset=True)
        self._current = spec
        users, spawn_s = self._gather(spec)
        contention = Contention()
        begin_ns, started_at = self._begin()
        window = Window.of(spec, begin_ns)
        edges, steal_share, final_users = self._measure(window, service, upstream)
        results, losses = self._generator.finish()
        drain_s = (time.perf_counter_ns() - window.end_ns) / 1e9
        foreign_share = contention.foreign_share() if self._sees_all_processes else None
        self._stop_users()
        gevent.joinall(edges)
        in_flight = service.settle(max(spec.least_s, spec.neighbours.least_s if spec.neighbours else 0.0))
        upstream.read("after")
        self._phase = "writing"
        observed = Observed(
            spec=spec,
            started_at=started_at,
            begin_ns=begin_ns,
            window=window,
            drain_s=drain_s,
            spawn_s=spawn_s,
            users=users,
            users_changed=final_users != users,
            in_flight_afterwards=in_flight,
            losses=losses,
            cores=contention.cores,
            foreign_share=foreign_share,
            steal_share=steal_share,
            usage=service.usage(),
            upstream=upstream.usage(),
        )
        return trial_record(observed, results)

    def _gather(self, spec: TrialSpec) -> tuple[int, float]:
        """Start the users and let them gather. Returns how many there are, and how long Locust took to start them."""
        self._phase = "gathering"
        try:
            self._generator.prepare(spec)
        except OSError as error:  # its name has no address any more
            raise GaveUp(f"{spec.base_url} can't be found: {error}") from None
        users = int(spec.load) if spec.load_model == "closed" else self._generator.size
        spawn_s = self._start_users(users)
        self._generator.gather(spec)
        return users, spawn_s

    def _begin(self) -> tuple[int, Any]:
        """Begin the warm-up. Returns when that is: on the clock of time.perf_counter_ns, and the time of day."""
        self._phase = "warm-up"
        lead_s = self._generator.lead_s
        begin_ns, started_at = time.perf_counter_ns() + int(lead_s * 1e9), now() + timedelta(seconds=lead_s)
        self._generator.begin(begin_ns)
        return begin_ns, started_at

    def _measure(
        self, window: Window, *services: ServiceUsage | RemoteUsage
    ) -> tuple[list[gevent.Greenlet], float | None, int]:
        """Wait until the window is over, and read every service's usage at both edges of it.

        Returns the readings, which may not have ended, the CPU steal time, and Locust's count of users at the end.
        """
        sleep_until(window.begin_ns)
        self._phase = "measuring"
        steal_time = StealTime()
        edges = [gevent.spawn(usage.read, "window_start") for usage in services]
        sleep_until(window.end_ns)
        steal_share = steal_time.share()
        users = self._environment.runner.user_count
        edges += [gevent.spawn(usage.read, "window_end") for usage in services]
        self._phase = "drain"
        return edges, steal_share, users

    @property
    def _sees_all_processes(self) -> bool:
        """Whether all processes of the run are visible from here. A container does not see those of the others."""
        return self._run.engine != "attached"

    def _start_users(self, users: int) -> float:
        """Start all users at once, and return how long that took, in seconds. The loop spreads their requests.

        A worker that dies meanwhile brings no users. The others go on, and its loss is reported after the trial.
        """
        runner, began = self._environment.runner, time.monotonic()
        runner.start(users, spawn_rate=users, user_classes=[TrialUser])
        while (there := runner.user_count) < users and self._generator.whole and not self._stopped_outside:
            if time.monotonic() - began > SPAWN_S:
                raise GaveUp(f"only {there} of {users} users came up in {SPAWN_S:.0f} s")
            gevent.sleep(0.005)
        if self._stopped_outside:
            self._stop_users()
        return time.monotonic() - began

    def _stop_users(self) -> None:
        """The trial is over, so users have nothing to finish."""
        self._stopping = True
        self._environment.runner.stop()
        self._stopping = False
        self._check_stopped()

    def _check_stopped(self) -> None:
        if self._stopped_outside:
            raise GaveUp("it was stopped from the web UI")

    def _on_stop(self, **_: Any) -> None:
        """Locust calls this when a test stops, and someone else may have stopped it. A closed loop would go on."""
        if not self._stopping:
            self._stopped_outside = True
            self._generator.stop()

    def _upstream_usage(self, spec: TrialSpec) -> RemoteUsage:
        """The usage of the remote API's process, which watches the database too if a trial needs it."""
        url = self._run.upstream_url or ""
        query = "?database=1" if spec.uses_database else ""
        return RemoteUsage(url, bool(url) and (spec.uses_upstream or spec.uses_database), query)

    def _watch(self) -> None:
        while self.busy:
            self._write_live(self._live())
            self.finished.wait(FEED_S)

    def _write_live(self, live: Live) -> None:
        """Write in a thread: a busy disk would stop the whole event loop."""
        try:
            gevent.get_hub().threadpool.apply(self._folder.write_live, (live,))
        except Unwritable as error:
            log.warning("%s", error)

    def _live(self) -> Live:
        good, errors, p99_ms = self._generator.live()
        current = self._current
        return Live(
            at=time.time(),
            done=self._done,
            total=len(self._run.trials),
            trial=f"{current.variant}, {current.description}" if current else "",
            phase=self._phase,
            rate=good / FEED_S,
            p99_ms=p99_ms,
            errors=errors,
            left_s=self._left_s(),
            finished=self.finished.is_set(),
            failure=self.failure,
        )

    def _left_s(self) -> float:
        """The time left, by what earlier trials took beyond their own seconds."""
        rest = self._run.trials[self._done :]
        own = sum(spec.load_s for spec in rest)
        past = sum(spec.load_s for spec in self._run.trials[: self._done])
        extra = max(0.0, self._last_end - self._began - past) / self._done if self._done else FIRST_EXTRA_S
        since = time.monotonic() - self._last_end
        return max(0.0, own + extra * len(rest) - since)
