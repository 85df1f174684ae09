"""A trial as the harness reports it, and the truth: as programmed, and as the server recorded it."""

import math
import os
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from loadtests.arrivals import arrivals_ns
from tests.known_answers.programmed import Answer, Done, programmed
from tests.known_answers.waiting import Waiting
from waitbench.records.trial import TrialRecord

Phases = Literal["warmup", "measured"]

QUIET_MS, TICK_MS = 2.0, 10.0
"""If the generator's loop was ever later than QUIET_MS, the machine was busy. It reads its clock every TICK_MS."""
SERVER_MS = 5.0
"""The same for a server that read or responded later than programmed by more than this."""
EDGE_NS = 4_000_000
"""The server does not know on which side of the window's edge a request is that begins or ends this near to it."""

AFTER_STALL = 2
"""How many ranks a stall may shift a percentile."""

KINDS = {
    "status 500": "status 500",
    "status 503": "status 503",
    "reset": "reset",
    "short body": "short body",
    "more than it said": "malformed response",
    "drip": "timeout",
    "endless": "body too long",
}
"""The harness's error class for each action of the server. Any other response is good."""


@dataclass(frozen=True)
class Account:
    trial: TrialRecord
    answers: list[Answer]
    """The programmed responses, in the order in which the server read the requests."""
    done: list[Done]
    waiting: Waiting
    """How long the generator waited for a core."""
    beside: bool = False
    """Whether this is the account of a mixed load's neighbours."""

    @cached_property
    def began_ns(self) -> int:
        """When the trial began, on the clock that the server shares."""
        return int(self.trial.started_at.timestamp() * 1e9) - (time.time_ns() - time.perf_counter_ns())

    @property
    def open(self) -> bool:
        return self.trial.spec.load_model == "open"

    @cached_property
    def starts_ns(self) -> list[int]:
        """Open loop: the intended starts, from the schedule. Closed loop: when the server read, just after the send."""
        if self.open:
            return [self.began_ns + at for at, beside in arrivals_ns(self.trial.spec) if beside == self.beside]
        return [done.read_ns for done in self.done]

    @property
    def window_ns(self) -> tuple[int, int]:
        begin = self.began_ns + round(self.trial.window_offset_s * 1e9)
        return begin, begin + round(self.trial.window_s * 1e9)

    @property
    def quiet(self) -> bool:
        """Whether the machine was quiet, by the lag of the generator's loop and the server's own record."""
        late_ns = (
            done.written_ns - done.read_ns - answer.delay_s * 1e9
            for done, answer in zip(self.done, self.answers, strict=True)
            if answer.how == "whole"
        )
        return self.generator_quiet and not self.out_of_order and max(late_ns, default=0.0) < SERVER_MS * 1e6

    @property
    def generator_quiet(self) -> bool:
        return self.trial.generator.lag_max_ms < QUIET_MS

    @cached_property
    def out_of_order(self) -> int:
        """Requests of an open loop that the server read so late that it may have read later ones first.

        It was not programmed to be late. After the machine stalled, a server reads in any order.
        """
        if not self.open or any(answer.how in ("stall", "closes") for answer in self.answers):
            return 0
        pairs = zip(self.starts_ns, self.done, strict=True)
        return sum(done.read_ns - start > SERVER_MS * 1e6 for start, done in pairs)

    @cached_property
    def read_late_us(self) -> float:
        """How late the generator may have read a response, which the server does not know.

        The source is the generator's own record of its lag. Its timers count whole milliseconds, so a lag of 1 ms is
        none. Between two readings it may have lagged unseen, as long as it waited for a core, or by CPU steal time.
        """
        lag_ms = self.trial.generator.lag_max_ms
        if not self.generator_quiet:
            return 1000 * (lag_ms + TICK_MS)
        waited_ms = self.waiting.longest_ms(self.began_ns, self.window_ns[1] + round(self.trial.drain_s * 1e9))
        return 1000 * (max(0.0, lag_ms - 1) + min(TICK_MS, self.stolen_ms + waited_ms))

    @property
    def stolen_ms(self) -> float:
        """CPU steal time of any core in the window, as the kernel counts it."""
        return (self.trial.steal_share or 0.0) * (os.cpu_count() or 1) * self.trial.window_s * 1000

    @property
    def generator_late_us(self) -> float:
        """How late the generator may have been in all, by its own record: sending and then reading."""
        arrivals = self.trial.arrivals
        return self.read_late_us + (arrivals.delay_max_us or 0 if arrivals else 0)

    @property
    def late_us(self) -> float:
        """How late server and generator may have been together, by their own records: action minus programme."""
        written_us = (
            (done.written_ns - done.read_ns) / 1000 - answer.delay_s * 1e6
            for done, answer in zip(self.done, self.answers, strict=True)
        )
        return self.generator_late_us + max(written_us)

    @property
    def uncertain(self) -> int:
        """Requests whose place the server does not know.

        In a closed loop, this is whether they were sent in the window. In an open loop, the schedule shows it, unless
        one request overtook another at the edge on a busy machine. After a stall, the server reads in any order, and
        writes in any order.
        """
        edge_ns = EDGE_NS + (0 if self.generator_quiet else round(self.generator_late_us * 1000))
        # A closed loop's user sent it after the previous response was written, and before this request was read.
        sent = zip(self._outer_ns()[0], self.starts_ns, strict=True)
        near = sum(earliest - edge_ns < self.window_ns[0] < latest + edge_ns for earliest, latest in sent)
        if self.open:
            overtaken = self.out_of_order + (0 if self.generator_quiet else near)
            return (AFTER_STALL if self._stalls else 0) + overtaken
        return near

    def kinds(self, phase: Phases | None = None) -> Counter[str]:
        """Count requests by their outcome: those of one phase, or all."""
        return Counter(
            KINDS.get(answer.how, "good")
            for start, answer in zip(self.starts_ns, self.answers, strict=True)
            if phase in (None, "measured" if start >= self.window_ns[0] else "warmup")
        )

    def drained(self) -> tuple[int, int]:
        """The lowest and the highest possible number of the window's requests that ended after it."""
        begin, end = self.window_ns
        late_ns = EDGE_NS + round(self.read_late_us * 1000)
        firsts = self.earliest_ends_ns if self._stalls else self.ends_ns
        ends = [
            # If the client ends the request, the server notices it later.
            (first - late_ns if answer.how in ("drip", "endless") else first, ended + late_ns)
            for start, first, ended, answer in zip(self.starts_ns, firsts, self.ends_ns, self.answers, strict=True)
            if start >= begin
        ]
        return sum(earliest >= end for earliest, _ in ends), sum(latest >= end for _, latest in ends)

    @cached_property
    def ends_ns(self) -> list[int]:
        """The latest possible ends, by the server's own record."""
        if self._stalls:
            return self.answered_ns[1]
        return self._ends_ns([done.written_ns for done in self.done])

    @cached_property
    def earliest_ends_ns(self) -> list[int]:
        """The earliest possible ends, by the server's own record."""
        if self._stalls:
            return self.answered_ns[0]
        return self._ends_ns([done.writing_ns for done in self.done])

    @property
    def _stalls(self) -> bool:
        """Whether this is an open loop whose server stalls: afterwards it reads waiting requests in any order."""
        return self.open and any(answer.how == "stall" for answer in self.answers)

    @cached_property
    def answered_ns(self) -> tuple[list[int], list[int]]:
        """The earliest and latest ends of an open loop, by the server's own record, if it reads in any order."""
        names = ("read_ns", "writing_ns", "written_ns")
        return answered_ns(self.starts_ns, *([getattr(done, name) for done in self.done] for name in names))

    def _ends_ns(self, written_ns: list[int]) -> list[int]:
        timeout_ns = round(self.trial.spec.timeout_s * 1e9)
        return [
            done.read_ns + timeout_ns if answer.how == "drip" else written
            for answer, done, written in zip(self.answers, self.done, written_ns, strict=True)
        ]

    def taken_us(self, ends_ns: Sequence[int] | None = None) -> list[float]:
        """The lowest possible latencies, in order. Good responses and timeouts count."""
        return self._between(self.starts_ns, ends_ns or self.earliest_ends_ns)

    def at_most_us(self) -> list[float]:
        """The highest possible latencies: as `taken_us`, plus everything that the server does not see."""
        return self._between(*self._outer_ns())

    def _outer_ns(self) -> tuple[list[int], list[int]]:
        """The earliest possible starts and the latest possible ends.

        In a closed loop, no user sends before its previous response was written. A user that sends again has read the
        response. This needs no record.
        """
        begins, ends = list(self.starts_ns), [end + round(self.read_late_us * 1000) for end in self.ends_ns]
        last: dict[int, int] = {}
        for number, done in enumerate([] if self.open else self.done):
            before = last.get(done.connection)
            if before is not None:
                begins[number], ends[before] = self.done[before].written_ns, done.read_ns
            last[done.connection] = number
        return begins, ends

    def programmed_us(self) -> list[float]:
        """The latencies if server and generator had been perfect: the programmed delays."""
        return self.taken_us(
            [start + round(answer.delay_s * 1e9) for start, answer in zip(self.starts_ns, self.answers, strict=True)]
        )

    def served_us(self) -> list[float]:
        """As `taken_us`, without the time before the server read the request."""
        return self._between([done.read_ns for done in self.done], self.earliest_ends_ns)

    def _between(self, begins_ns: Sequence[int], ends_ns: Sequence[int]) -> list[float]:
        return sorted(
            (end - begin) / 1000
            for start, begin, end, answer in zip(self.starts_ns, begins_ns, ends_ns, self.answers, strict=True)
            if start >= self.window_ns[0] and KINDS.get(answer.how, "timeout") == "timeout"
        )


def accounts(trials: Iterable[TrialRecord], log: dict[str, list[Done]], waiting: Waiting) -> list[Account]:
    """Return each trial with its part of the log. Several trials may use one path, one after the other.

    The account of a mixed load's neighbours follows that of the measured requests.
    """
    found, seen = [], Counter[str]()
    for trial in trials:
        for beside, phases in ((False, trial), (True, trial.neighbours)):
            exchange = trial.spec.neighbours if beside else trial.spec
            if phases is None or exchange is None:
                continue
            path = exchange.path
            first, seen[path] = seen[path], seen[path] + phases.warmup.sent + phases.measured.sent
            answers = [programmed(path.split("/")[1], n) for n in range(first, seen[path])]
            found.append(Account(trial, answers, log[path][first : seen[path]], waiting, beside))
    return found


def answered_ns(
    due: Sequence[int], read: Sequence[int], writing: Sequence[int], written: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Return the earliest and the latest possible end of each due request, by a server's record in order of reading.

    The server does not know which request it read, only that it was due. But if it had read all that were due before
    the next one was due, it read exactly those. Requests that arrive while a machine stalls, or that a late generator
    sends together, are read in any order.
    """
    earliest, latest, first = list[int](), list[int](), 0
    for end in range(1, len(due) + 1):
        if end == len(due) or read[end - 1] < due[end]:
            since = (min(bisect_left(read, at, first, end), end - 1) for at in due[first:end])
            earliest += [min(writing[place:end]) for place in since]
            latest += [max(written[first:end])] * (end - first)
            first = end
    return earliest, latest


def nearness(
    reported_us: float, least_us: Sequence[float], most_us: Sequence[float], percent: float, uncertain: int = 0
) -> str:
    """Return "" if a reported percentile is within 1 % or 1 ms of the truth, whichever is more; else what it should be.

    The truth is by nearest rank: the lowest value that `percent` do not exceed. Each uncertain request may shift it by
    one rank.
    """
    rank = max(1, math.ceil(round(len(least_us) * percent / 100, 6)))
    low, high = least_us[max(1, rank - uncertain) - 1], most_us[min(len(most_us), rank + uncertain) - 1]
    if low - max(1_000, 0.01 * low) <= reported_us <= high + max(1_000, 0.01 * high):
        return ""
    return f"p{percent:g} is reported as {reported_us:.0f} µs, and is {low:.0f} to {high:.0f}"
