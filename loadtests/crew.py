"""Who generates the load: this process alone, or Locust workers that each play a stripe of every trial.

Workers are processes of this machine: they share its monotonic clock, so a trial begins at one time for all, and what
they send back when it is over is every request as it was written down. The master adds these up before it
summarises anything; so counts are exact, and percentiles are those of all requests together.
"""

import time
from typing import Any

import gevent
import locust.runners
from locust.runners import STATE_INIT, STATE_MISSING, WorkerRunner

from loadtests.player import DRAIN_S, FEED_S, Part, Player
from loadtests.request import origin
from loadtests.trial import Stripe
from waitbench.records.spec import TrialSpec

PREPARE, READY, GATHER, GATHERED, BEGIN, STOP, PART, LIVE = (
    f"waitbench-{word}" for word in ("prepare", "ready", "gather", "gathered", "begin", "stop", "part", "live")
)
START_S = 30.0
"""How long workers may take to come up."""
ANSWER_S, AGAIN_S = 8.0, 0.5
"""How long a worker may take to say that it is prepared, and how often it is asked."""
GATHER_S = 5.0
"""How long beyond its wait a service may take to give every user of a closed loop a first answer. One that serves them
one at a time need not be able to: it accepts each of their requests in turn all the same."""
MISSING_S = 5.0
"""How long after its last sign of life a worker's part is still waited for."""


class GaveUp(Exception):
    """The run cannot go on; the message says why."""


ALL_LOST = "every Locust worker was lost; see locust-worker-*.log in the run's folder"


class Alone:
    """This process generates all of the load."""

    size = 1
    lead_s = 0.0
    """How long before its beginning a trial has to be announced."""

    def __init__(self, environment: Any) -> None:
        self._player = Player(environment)

    def prepare(self, spec: TrialSpec) -> None:
        self._player.prepare(spec)

    @property
    def whole(self) -> bool:
        """Whether all who prepared are still there."""
        return True

    def gather(self, spec: TrialSpec) -> None:
        """Users of a closed loop ask once; waits until each has had an answer, at most GATHER_S beyond the wait."""
        since_ns = time.perf_counter_ns()
        self._player.gather(since_ns, _gathered_by_ns(spec, since_ns))

    def begin(self, begin_ns: int) -> None:
        self._player.begin(begin_ns)

    def stop(self) -> None:
        self._player.stop()

    def finish(self) -> tuple[list[Part], list[str]]:
        """Waits until the trial is over: what there is to tell, and what was lost on the way."""
        return [self._player.part()], []

    def drop(self) -> None:
        self._player.drop()

    def live(self) -> tuple[int, int, float | None]:
        """Good answers and errors of the last FEED_S, and the p99 of the good ones in milliseconds."""
        batch = self._player.latest
        return (int(batch.good.sum()), len(batch.failures), batch.p99_ms) if batch else (0, 0, None)


class Workers:
    """Locust workers generate the load; this process is their master."""

    lead_s = 0.2

    def __init__(self, environment: Any, count: int) -> None:
        self._runner = environment.runner
        self._count = count
        self._members: dict[str, int] = {}
        """Workers that are there, each with its number from 1."""
        self._trial = 0
        self._longest_s = self._deadline = 0.0
        self._ready: set[str] = set()
        self._gathered: set[str] = set()
        self._parts: dict[str, Part] = {}
        self._live: dict[str, tuple[int, int]] = {}
        self._runner.register_message(READY, self._on_ready)
        self._runner.register_message(GATHERED, self._on_gathered)
        self._runner.register_message(PART, self._on_part)
        self._runner.register_message(LIVE, self._on_live)

    @property
    def size(self) -> int:
        return len(self._members)

    def prepare(self, spec: TrialSpec) -> None:
        """Every worker that is still there gets its stripe. Raises GaveUp when none is."""
        origin(spec.base_url)  # here too, to say so: workers can only be silent
        self._assemble()
        while True:
            if not self._members:
                raise GaveUp(ALL_LOST)
            self._trial += 1
            self._ready, self._gathered, self._parts, self._live = set(), set(), {}, {}
            self._longest_s = spec.warmup_s + spec.measure_s + spec.timeout_s + DRAIN_S + ANSWER_S
            if not (silent := self._announce(spec)):
                return
            for member in silent:
                del self._members[member]

    @property
    def whole(self) -> bool:
        return not any(self._missing(member) for member in self._members)

    def gather(self, spec: TrialSpec) -> None:
        """Users of a closed loop ask once; waits until each has had an answer, at most GATHER_S beyond the wait."""
        since_ns = time.perf_counter_ns() + int(self.lead_s * 1e9)
        until_ns = _gathered_by_ns(spec, since_ns)
        self._tell(GATHER, {"since_ns": since_ns, "until_ns": until_ns})
        while waited_for := self._members.keys() - self._gathered:
            if all(self._missing(member) for member in waited_for) or time.perf_counter_ns() > until_ns:
                break
            gevent.sleep(0.01)

    def begin(self, begin_ns: int) -> None:
        self._deadline = time.monotonic() + self._longest_s
        self._tell(BEGIN, {"begin_ns": begin_ns})

    def stop(self) -> None:
        self._tell(STOP, {})

    def finish(self) -> tuple[list[Part], list[str]]:
        """Waits for each worker's part; one that died has none, and its loss is told. Raises GaveUp when all died."""
        gone_since: dict[str, float] = {}
        while waited_for := self._members.keys() - self._parts.keys():
            now = time.monotonic()
            for member in waited_for:
                gone_since[member] = gone_since.get(member, now) if self._missing(member) else now
            if now > self._deadline or all(now - gone_since[member] > MISSING_S for member in waited_for):
                break
            gevent.sleep(0.02)
        if not self._parts:
            raise GaveUp(ALL_LOST)
        lost = [number for member, number in self._members.items() if member not in self._parts]
        losses = [f"Locust worker {n} of {len(self._members)} was lost, and with it what it measured" for n in lost]
        self._members = {member: number for member, number in self._members.items() if number not in lost}
        return list(self._parts.values()), losses

    def drop(self) -> None:
        self.stop()

    def live(self) -> tuple[int, int, float | None]:
        """A p99 can't be had from those of several workers."""
        good, errors = (sum(column) for column in zip(*self._live.values(), strict=True)) if self._live else (0, 0)
        self._live = {}
        return good, errors, None

    def _assemble(self) -> None:
        """Wait until all who are not lost stand ready: after each trial Locust has them report back."""
        until = time.monotonic() + (ANSWER_S if self._members else START_S)
        while len(here := self._standing_ready()) < (len(self._members) or self._count) and time.monotonic() < until:
            gevent.sleep(0.02)
        if not self._members and len(here) < self._count:
            raise GaveUp(f"only {len(here)} of {self._count} Locust workers came up in {START_S:.0f} s")
        numbers = self._members or {member: self._runner.get_worker_index(member) + 1 for member in here}
        self._members = {member: number for member, number in numbers.items() if member in here}

    def _standing_ready(self) -> list[str]:
        return [member for member, node in self._runner.clients.items() if node.state == STATE_INIT]

    def _announce(self, spec: TrialSpec) -> set[str]:
        """Send each its stripe, again and again until it answers; who did not."""
        members = sorted(self._members, key=lambda member: self._members[member])
        stripes = {member: Stripe(n, len(members)) for n, member in enumerate(members)}
        until = time.monotonic() + ANSWER_S
        while (silent := stripes.keys() - self._ready) and time.monotonic() < until:
            for member in silent:
                stripe = stripes[member]
                told = {"spec": spec.model_dump_json(), "index": stripe.index, "count": stripe.count}
                self._tell(PREPARE, told, member)
            again = time.monotonic() + AGAIN_S
            while stripes.keys() - self._ready and time.monotonic() < again:
                gevent.sleep(0.01)
        return silent

    def _tell(self, message: str, said: dict[str, Any], only: str | None = None) -> None:
        for member in [only] if only else self._members:
            self._runner.send_message(message, {"trial": self._trial, **said}, member)

    def _missing(self, member: str) -> bool:
        node = self._runner.clients.get(member)
        return node is None or node.state == STATE_MISSING

    def _on_ready(self, msg: Any, **_: Any) -> None:
        if msg.data["trial"] == self._trial:
            self._ready.add(msg.node_id)

    def _on_gathered(self, msg: Any, **_: Any) -> None:
        if msg.data["trial"] == self._trial:
            self._gathered.add(msg.node_id)

    def _on_part(self, msg: Any, **_: Any) -> None:
        if msg.data.pop("trial") == self._trial:
            self._parts[msg.node_id] = Part.unpacked(msg.data)

    def _on_live(self, msg: Any, **_: Any) -> None:
        self._live[msg.node_id] = (msg.data["good"], msg.data["errors"])


def _gathered_by_ns(spec: TrialSpec, since_ns: int) -> int:
    """Until when users who ask from then on are waited for."""
    return since_ns + int((spec.least_s + GATHER_S) * 1e9)


def work_for_a_master(environment: Any) -> None:
    """A Locust worker's side."""
    runner: WorkerRunner = environment.runner
    player = Player(environment)
    trial = 0

    def prepare(msg: Any, **_: Any) -> None:
        nonlocal trial
        if msg.data["trial"] != trial:  # else our answer was late, and it asks again
            spec = TrialSpec.model_validate_json(msg.data["spec"])
            player.prepare(spec, Stripe(msg.data["index"], msg.data["count"]))
            trial = msg.data["trial"]
        runner.send_message(READY, {"trial": trial})

    def gather(msg: Any, **_: Any) -> None:
        if msg.data["trial"] == trial:
            player.gather(msg.data["since_ns"], msg.data["until_ns"])
            runner.send_message(GATHERED, {"trial": msg.data["trial"]})

    def begin(msg: Any, **_: Any) -> None:
        if (begun := msg.data["trial"]) == trial:
            player.begin(msg.data["begin_ns"])
            part = player.part()
            if begun == trial:  # else the master has given it up and prepared another
                runner.send_message(PART, {"trial": begun, **part.packed()})

    def stop(msg: Any, **_: Any) -> None:
        if msg.data["trial"] == trial:
            player.stop()

    locust.runners.WORKER_REPORT_INTERVAL = (
        FEED_S  # of 3 s, in which a short trial would be over before the UI shows it
    )
    runner.register_message(PREPARE, prepare)
    runner.register_message(GATHER, gather, concurrent=True)
    runner.register_message(BEGIN, begin, concurrent=True)
    runner.register_message(STOP, stop)
    gevent.spawn(_tell_live, runner, player)


def _tell_live(runner: WorkerRunner, player: Player) -> None:
    while True:
        gevent.sleep(FEED_S)
        if batch := player.latest:
            runner.send_message(LIVE, {"good": int(batch.good.sum()), "errors": len(batch.failures)})
