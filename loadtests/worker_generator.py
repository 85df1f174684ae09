"""Locust workers generate the load; this process is their master.

Workers are processes of this machine and share its monotonic clock, so a trial begins at one time for all of them.
When it is over, each sends every request that it recorded. The master adds these up before it summarises anything, so
counts are exact and percentiles are those of all requests together.
"""

import time
from typing import Any

import gevent
from locust.runners import STATE_INIT, STATE_MISSING

from loadtests.load_generator import GaveUp, gather_times_ns
from loadtests.request import origin
from loadtests.share import Share
from loadtests.share_runner import DRAIN_S, ShareResult
from loadtests.worker_messages import BEGIN, GATHER, GATHERED, LIVE, PART, PREPARE, READY, STOP
from waitbench.records.spec import TrialSpec

START_S = 30.0
"""How long workers may take to come up."""
ANSWER_S, AGAIN_S = 8.0, 0.5
"""How long a worker may take to say that it is prepared, and how often it is asked."""
MISSING_S = 5.0
"""How long after a worker's last sign of life its result is still waited for."""
ALL_LOST = "every Locust worker was lost; see locust-worker-*.log in the run's folder"


class WorkerGenerator:
    """A LoadGenerator of several processes. A worker that is lost has no result, and the others go on."""

    lead_s = 0.2

    def __init__(self, environment: Any, count: int) -> None:
        self._runner = environment.runner
        self._count = count
        self._members: dict[str, int] = {}
        """The workers that are there, each with its number from 1."""
        self._trial = 0
        self._longest_s = self._deadline = 0.0
        self._ready: set[str] = set()
        self._gathered: set[str] = set()
        self._results: dict[str, ShareResult] = {}
        self._live: dict[str, tuple[int, int]] = {}
        self._runner.register_message(READY, self._on_ready)
        self._runner.register_message(GATHERED, self._on_gathered)
        self._runner.register_message(PART, self._on_part)
        self._runner.register_message(LIVE, self._on_live)

    @property
    def size(self) -> int:
        return len(self._members)

    @property
    def whole(self) -> bool:
        return not any(self._missing(member) for member in self._members)

    def prepare(self, spec: TrialSpec) -> None:
        """Give every worker that is still there its share. Raises GaveUp if there is none."""
        origin(spec.base_url)  # workers could not report a name without an address
        self._assemble()
        while True:
            if not self._members:
                raise GaveUp(ALL_LOST)
            self._trial += 1
            self._ready, self._gathered, self._results, self._live = set(), set(), {}, {}
            self._longest_s = spec.load_s + spec.timeout_s + DRAIN_S + ANSWER_S
            if not (silent := self._announce(spec)):
                return
            for member in silent:
                del self._members[member]

    def gather(self, spec: TrialSpec) -> None:
        since_ns, until_ns = gather_times_ns(spec, self.lead_s)
        self._send(GATHER, {"since_ns": since_ns, "until_ns": until_ns})
        while waited_for := self._members.keys() - self._gathered:
            if all(self._missing(member) for member in waited_for) or time.perf_counter_ns() > until_ns:
                break
            gevent.sleep(0.01)

    def begin(self, begin_ns: int) -> None:
        self._deadline = time.monotonic() + self._longest_s
        self._send(BEGIN, {"begin_ns": begin_ns})

    def stop(self) -> None:
        self._send(STOP, {})

    def finish(self) -> tuple[list[ShareResult], list[str]]:
        """Raises GaveUp if every worker was lost."""
        gone_since: dict[str, float] = {}
        while waited_for := self._members.keys() - self._results.keys():
            now = time.monotonic()
            for member in waited_for:
                gone_since[member] = gone_since.get(member, now) if self._missing(member) else now
            if now > self._deadline or all(now - gone_since[member] > MISSING_S for member in waited_for):
                break
            gevent.sleep(0.02)
        if not self._results:
            raise GaveUp(ALL_LOST)
        lost = [number for member, number in self._members.items() if member not in self._results]
        losses = [f"Locust worker {n} of {len(self._members)} was lost, and with it what it measured" for n in lost]
        self._members = {member: number for member, number in self._members.items() if number not in lost}
        return list(self._results.values()), losses

    def drop(self) -> None:
        self.stop()

    def live(self) -> tuple[int, int, float | None]:
        good, errors = (sum(column) for column in zip(*self._live.values(), strict=True)) if self._live else (0, 0)
        self._live = {}
        return good, errors, None

    def _assemble(self) -> None:
        """Wait until every worker that is not lost is ready: after each trial Locust has them report back."""
        until = time.monotonic() + (ANSWER_S if self._members else START_S)
        while len(here := self._ready_workers()) < (len(self._members) or self._count) and time.monotonic() < until:
            gevent.sleep(0.02)
        if not self._members and len(here) < self._count:
            raise GaveUp(f"only {len(here)} of {self._count} Locust workers came up in {START_S:.0f} s")
        numbers = self._members or {member: self._runner.get_worker_index(member) + 1 for member in here}
        self._members = {member: number for member, number in numbers.items() if member in here}

    def _ready_workers(self) -> list[str]:
        return [member for member, node in self._runner.clients.items() if node.state == STATE_INIT]

    def _announce(self, spec: TrialSpec) -> set[str]:
        """Send each worker its share, again and again until it responds. Returns those that did not."""
        members = sorted(self._members, key=lambda member: self._members[member])
        shares = {member: Share(n, len(members)) for n, member in enumerate(members)}
        until = time.monotonic() + ANSWER_S
        while (silent := shares.keys() - self._ready) and time.monotonic() < until:
            for member in silent:
                share = shares[member]
                data = {"spec": spec.model_dump_json(), "index": share.index, "count": share.count}
                self._send(PREPARE, data, member)
            again = time.monotonic() + AGAIN_S
            while shares.keys() - self._ready and time.monotonic() < again:
                gevent.sleep(0.01)
        return silent

    def _send(self, message: str, data: dict[str, Any], only: str | None = None) -> None:
        for member in [only] if only else self._members:
            self._runner.send_message(message, {"trial": self._trial, **data}, member)

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
            self._results[msg.node_id] = ShareResult.unpacked(msg.data)

    def _on_live(self, msg: Any, **_: Any) -> None:
        self._live[msg.node_id] = (msg.data["good"], msg.data["errors"])
