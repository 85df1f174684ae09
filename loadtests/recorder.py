"""What happened in one trial: four numbers a request while it runs, sums and histograms when it is over."""

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from waitbench import latency
from waitbench.results import Arrivals, Latency, Phase, Second

GOOD = 0
TIMEOUT = "timeout"


@dataclass(frozen=True)
class Window:
    """The measured window, on the clock of time.perf_counter_ns."""

    begin_ns: int
    end_ns: int


@dataclass(frozen=True)
class Batch:
    """Requests that ended since the last one, in the order of their ends: microseconds, and which were good."""

    taken_us: "np.ndarray[Any, np.dtype[np.int64]]"
    good: "np.ndarray[Any, np.dtype[np.bool_]]"
    failures: list[str]

    @property
    def p99_ms(self) -> float | None:
        """Of the good ones."""
        taken = self.taken_us[self.good]
        return float(np.percentile(taken, 99, method="inverted_cdf")) / 1000 if len(taken) else None


class Recorder:
    """Keeps intended start, send, end and kind of every request. The hot path appends and does nothing else.

    In a closed loop a request is meant to start when it is sent, and both are the same.
    """

    def __init__(self, begin_ns: int) -> None:
        self.begin_ns = begin_ns
        self._intended = array("q")
        self._sent = array("q")
        self._ended = array("q")
        self._kind = array("i")
        self._kinds: list[str] = ["good"]
        self._seen = 0
        self._shed = array("q")

    def good(self, intended_ns: int, sent_ns: int, ended_ns: int) -> None:
        self._intended.append(intended_ns)
        self._sent.append(sent_ns)
        self._ended.append(ended_ns)
        self._kind.append(GOOD)

    def failed(self, intended_ns: int, sent_ns: int, ended_ns: int, kind: str) -> None:
        if kind not in self._kinds:
            self._kinds.append(kind)
        self._intended.append(intended_ns)
        self._sent.append(sent_ns)
        self._ended.append(ended_ns)
        self._kind.append(self._kinds.index(kind))

    def shed(self, intended_ns: int) -> None:
        """An arrival that could not be sent."""
        self._shed.append(intended_ns)

    def batch(self) -> Batch:
        """What ended since last asked."""
        begin, self._seen = self._seen, len(self._kind)
        intended, ended, kind = (
            np.array(column[begin : self._seen], dtype=np.int64) for column in (self._intended, self._ended, self._kind)
        )
        failures = [self._kinds[n] for n in kind[kind != GOOD]]
        return Batch((ended - intended) // 1000, kind == GOOD, failures)

    def phases(self, window: Window) -> tuple[Phase, Phase, int]:
        """Requests meant to start before the window, those meant to start in it, and how many of these ended after it.

        A request belongs to the phase in which it was meant to start, so that the slowest answers, which end in the
        drain, are not cut off.
        """
        warmup: Counter[int] = Counter()
        measured: Counter[int] = Counter()
        drained = 0
        for intended, ended, kind in zip(self._intended, self._ended, self._kind, strict=True):
            if intended < window.begin_ns:
                warmup[kind] += 1
            else:
                measured[kind] += 1
                drained += ended >= window.end_ns
        return self._phase(warmup), self._phase(measured), drained

    def latency(self, window: Window) -> Latency | None:
        """From the intended start, of good answers and time-outs meant to start in the window: leaving out the
        time-outs would flatter the slow."""
        return self._taken(window, self._intended)

    def arrivals(self, window: Window) -> Arrivals:
        """What an open loop meant to send in the window, and how late it was."""
        begin = window.begin_ns
        delays = sorted(
            max(0, sent - intended) // 1000
            for intended, sent in zip(self._intended, self._sent, strict=True)
            if intended >= begin
        )
        shed = sum(intended >= begin for intended in self._shed)
        return Arrivals(
            intended=len(delays) + shed,
            shed=shed,
            shed_warmup=len(self._shed) - shed,
            delay_p50_us=nearest_rank(delays, 50),
            delay_p99_us=nearest_rank(delays, 99),
            delay_max_us=delays[-1] if delays else None,
            service_time=self._taken(window, self._sent),
        )

    def _taken(self, window: Window, starts: "array[int]") -> Latency | None:
        counted = {GOOD, *(n for n, kind in enumerate(self._kinds) if kind == TIMEOUT)}
        taken = [
            max(1, (ended - start) // 1000)
            for intended, start, ended, kind in zip(self._intended, starts, self._ended, self._kind, strict=True)
            if intended >= window.begin_ns and kind in counted
        ]
        if not taken:
            return None
        return Latency(
            histogram=latency.encode(latency.of(taken)),
            count=len(taken),
            sum_us=sum(taken),
            min_us=min(taken),
            max_us=max(taken),
        )

    def timeline(self) -> list[Second]:
        """Second by second from the start of the warm-up, by when requests ended. No second is left out."""
        good: dict[int, list[int]] = {}
        errors: Counter[int] = Counter()
        for intended, ended, kind in zip(self._intended, self._ended, self._kind, strict=True):
            second = (ended - self.begin_ns) // 1_000_000_000
            if kind == GOOD:
                good.setdefault(second, []).append((ended - intended) // 1000)
            else:
                errors[second] += 1
        last = max([*good, *errors], default=-1)
        return [_second(second, sorted(good.get(second, [])), errors[second]) for second in range(last + 1)]

    def _phase(self, kinds: Counter[int]) -> Phase:
        errors = {self._kinds[kind]: count for kind, count in sorted(kinds.items()) if kind != GOOD}
        return Phase(good=kinds[GOOD], errors=errors)


def _second(second: int, taken_us: list[int], errors: int) -> Second:
    return Second(
        second=second,
        good=len(taken_us),
        errors=errors,
        p50_us=nearest_rank(taken_us, 50),
        p99_us=nearest_rank(taken_us, 99),
    )


def nearest_rank(ordered: list[int], percent: int) -> int | None:
    """The least value that `percent` of the values do not exceed; None of no values."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)] if ordered else None


def lag_percentile_ms(lags_s: Iterable[float], percent: int) -> float:
    ordered = sorted(int(lag * 1e6) for lag in lags_s)
    return (nearest_rank(ordered, percent) or 0) / 1000
