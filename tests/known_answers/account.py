"""A trial as the harness tells it, beside the truth: as it was programmed, and as the server says it really was."""

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
"""A generator whose loop was once later than this met a busy machine; it looks at its clock so often."""
SERVER_MS = 5.0
"""And a server that read or answered later than this beyond its programme."""
EDGE_NS = 4_000_000
"""What begins or ends this near to an edge of the window may be on either side of it: the server can't tell."""

AFTER_STALL = 2
"""Ranks by which that may shift a percentile."""

KINDS = {
    "status 500": "status 500",
    "status 503": "status 503",
    "reset": "reset",
    "short body": "short body",
    "more than it said": "malformed answer",
    "drip": "timeout",
    "endless": "body too long",
}
"""The harness's word for what the server does; any other answer is a good one."""


@dataclass(frozen=True)
class Account:
    trial: TrialRecord
    answers: list[Answer]
    """As programmed, in the order in which the server read the requests."""
    done: list[Done]
    waiting: Waiting
    """Of the generator."""
    beside: bool = False
    """Whether it is of a mixed load's neighbours."""

    @cached_property
    def began_ns(self) -> int:
        """When the trial began, on the clock that the server has too."""
        return int(self.trial.started_at.timestamp() * 1e9) - (time.time_ns() - time.perf_counter_ns())

    @property
    def open(self) -> bool:
        return self.trial.spec.load_model == "open"

    @cached_property
    def starts_ns(self) -> list[int]:
        """Open loop: as intended, by the schedule alone. Closed loop: a user sends a moment before the server reads."""
        if self.open:
            return [self.began_ns + at for at, beside in arrivals_ns(self.trial.spec) if beside == self.beside]
        return [done.read_ns for done in self.done]

    @property
    def window_ns(self) -> tuple[int, int]:
        begin = self.began_ns + round(self.trial.window_offset_s * 1e9)
        return begin, begin + round(self.trial.window_s * 1e9)

    @property
    def quiet(self) -> bool:
        """By the generator's own word on its loop, and by the server's."""
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
        """Requests of an open loop that the server read so late, though it was not programmed to, that it may have read
        others before them: on a machine that stood still it does so in no order."""
        if not self.open or any(answer.how in ("stall", "closes") for answer in self.answers):
            return 0
        pairs = zip(self.starts_ns, self.done, strict=True)
        return sum(done.read_ns - start > SERVER_MS * 1e6 for start, done in pairs)

    @cached_property
    def read_late_us(self) -> float:
        """How late the generator may have read a response: the server knows nothing of this.

        By the generator's own record of its lag, whose timers count in whole milliseconds, so that a lag of 1 ms is
        none. Between two looks it may have lagged unseen: as long as it waited for a core, or as a hypervisor took.
        """
        lag_ms = self.trial.generator.lag_max_ms
        if not self.generator_quiet:
            return 1000 * (lag_ms + TICK_MS)
        waited_ms = self.waiting.longest_ms(self.began_ns, self.window_ns[1] + round(self.trial.drain_s * 1e9))
        return 1000 * (max(0.0, lag_ms - 1) + min(TICK_MS, self.stolen_ms + waited_ms))

    @property
    def stolen_ms(self) -> float:
        """Of any core in the window, by the kernel's word."""
        return (self.trial.stolen_share or 0.0) * (os.cpu_count() or 1) * self.trial.window_s * 1000

    @property
    def generator_late_us(self) -> float:
        """How late it may have been in all, by its own word: with sending, and then with reading."""
        arrivals = self.trial.arrivals
        return self.read_late_us + (arrivals.delay_max_us or 0 if arrivals else 0)

    @property
    def late_us(self) -> float:
        """How late all together may have been, each by its own word: what separates a deed from its programme."""
        written_us = (
            (done.written_ns - done.read_ns) / 1000 - answer.delay_s * 1e6
            for done, answer in zip(self.done, self.answers, strict=True)
        )
        return self.generator_late_us + max(written_us)

    @property
    def uncertain(self) -> int:
        """Requests whose place the server can't tell: in a closed loop, whether they were sent in the window; in an
        open one the schedule can, unless a busy machine let one overtake another at the edge. After a stall it reads
        in no order, and not who is first is written to first."""
        edge_ns = EDGE_NS + (0 if self.generator_quiet else round(self.generator_late_us * 1000))
        # A closed loop's user sent it after the answer before was written, and before it was read.
        sent = zip(self._outer_ns()[0], self.starts_ns, strict=True)
        near = sum(earliest - edge_ns < self.window_ns[0] < latest + edge_ns for earliest, latest in sent)
        if self.open:
            overtaken = self.out_of_order + (0 if self.generator_quiet else near)
            return (AFTER_STALL if self._stalls else 0) + overtaken
        return near

    def kinds(self, phase: Phases | None = None) -> Counter[str]:
        """Requests by what became of them: those of one phase, or all."""
        return Counter(
            KINDS.get(answer.how, "good")
            for start, answer in zip(self.starts_ns, self.answers, strict=True)
            if phase in (None, "measured" if start >= self.window_ns[0] else "warmup")
        )

    def drained(self) -> tuple[int, int]:
        """At least and at most so many of the window's requests ended after it."""
        begin, end = self.window_ns
        late_ns = EDGE_NS + round(self.read_late_us * 1000)
        firsts = self.earliest_ends_ns if self._stalls else self.ends_ns
        ends = [
            # Where the client makes the end, the server hears of it some time after.
            (first - late_ns if answer.how in ("drip", "endless") else first, ended + late_ns)
            for start, first, ended, answer in zip(self.starts_ns, firsts, self.ends_ns, self.answers, strict=True)
            if start >= begin
        ]
        return sum(earliest >= end for earliest, _ in ends), sum(latest >= end for _, latest in ends)

    @cached_property
    def ends_ns(self) -> list[int]:
        """By the server's own account, at the latest."""
        if self._stalls:
            return self.answered_ns[1]
        return self._ends_ns([done.written_ns for done in self.done])

    @cached_property
    def earliest_ends_ns(self) -> list[int]:
        """By the server's own account, at the earliest."""
        if self._stalls:
            return self.answered_ns[0]
        return self._ends_ns([done.writing_ns for done in self.done])

    @property
    def _stalls(self) -> bool:
        """Whether this is an open loop whose server stalls: afterwards it reads what has come in no order."""
        return self.open and any(answer.how == "stall" for answer in self.answers)

    @cached_property
    def answered_ns(self) -> tuple[list[int], list[int]]:
        """By the server's own account, at the earliest and at the latest, of an open loop that it reads in no order."""
        names = ("read_ns", "writing_ns", "written_ns")
        return answered_ns(self.starts_ns, *([getattr(done, name) for done in self.done] for name in names))

    def _ends_ns(self, written_ns: list[int]) -> list[int]:
        timeout_ns = round(self.trial.spec.timeout_s * 1e9)
        return [
            done.read_ns + timeout_ns if answer.how == "drip" else written
            for answer, done, written in zip(self.answers, self.done, written_ns, strict=True)
        ]

    def taken_us(self, ends_ns: Sequence[int] | None = None) -> list[float]:
        """In order, at the least: latencies of what counts into them, that is good answers and time-outs."""
        return self._between(self.starts_ns, ends_ns or self.earliest_ends_ns)

    def at_most_us(self) -> list[float]:
        """As `taken_us`, with all that the server can't see."""
        return self._between(*self._outer_ns())

    def _outer_ns(self) -> tuple[list[int], list[int]]:
        """The earliest starts and the latest ends. In a closed loop nobody sends before the answer before was written,
        and whoever sends again has read the answer: that needs nobody's word."""
        begins, ends = list(self.starts_ns), [end + round(self.read_late_us * 1000) for end in self.ends_ns]
        last: dict[int, int] = {}
        for number, done in enumerate([] if self.open else self.done):
            before = last.get(done.connection)
            if before is not None:
                begins[number], ends[before] = self.done[before].written_ns, done.read_ns
            last[done.connection] = number
        return begins, ends

    def programmed_us(self) -> list[float]:
        """Had server and generator been perfect: each its own delay."""
        return self.taken_us(
            [start + round(answer.delay_s * 1e9) for start, answer in zip(self.starts_ns, self.answers, strict=True)]
        )

    def served_us(self) -> list[float]:
        """As `taken_us`, without what passed before the server read the request."""
        return self._between([done.read_ns for done in self.done], self.earliest_ends_ns)

    def _between(self, begins_ns: Sequence[int], ends_ns: Sequence[int]) -> list[float]:
        return sorted(
            (end - begin) / 1000
            for start, begin, end, answer in zip(self.starts_ns, begins_ns, ends_ns, self.answers, strict=True)
            if start >= self.window_ns[0] and KINDS.get(answer.how, "timeout") == "timeout"
        )


def accounts(trials: Iterable[TrialRecord], log: dict[str, list[Done]], waiting: Waiting) -> list[Account]:
    """Each trial with its own part of the log: one path may have been asked in several, one after the other. What a
    mixed load's neighbours did comes after what was measured."""
    found, seen = [], Counter[str]()
    for trial in trials:
        for beside, phases in ((False, trial), (True, trial.beside)):
            exchange = trial.spec.beside if beside else trial.spec
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
    """When each that was due was answered, at the earliest and at the latest, by the word of a server, in the order in
    which it read. Whose request it read it can't tell: none that was not due. But where as many were read as had been
    due when the next was, these were those. What comes while a machine stands still, or is sent at once by a late
    generator, is read in no order."""
    earliest, latest, first = list[int](), list[int](), 0
    for end in range(1, len(due) + 1):
        if end == len(due) or read[end - 1] < due[end]:
            since = (min(bisect_left(read, at, first, end), end - 1) for at in due[first:end])
            earliest += [min(writing[place:end]) for place in since]
            latest += [max(written[first:end])] * (end - first)
            first = end
    return earliest, latest


def nearness(
    told_us: float, least_us: Sequence[float], most_us: Sequence[float], percent: float, uncertain: int = 0
) -> str:
    """Empty where a percentile is told within 1 % or 1 ms of the truth's, whichever is more; else what it should be.

    By nearest rank: the least value that `percent` do not exceed. Each uncertain request may shift it by a rank.
    """
    rank = max(1, math.ceil(round(len(least_us) * percent / 100, 6)))
    low, high = least_us[max(1, rank - uncertain) - 1], most_us[min(len(most_us), rank + uncertain) - 1]
    if low - max(1_000, 0.01 * low) <= told_us <= high + max(1_000, 0.01 * high):
        return ""
    return f"p{percent:g} is told as {told_us:.0f} µs, and is {low:.0f} to {high:.0f}"
