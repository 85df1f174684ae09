"""Records one trial: four numbers for each request while it runs, sums and histograms when it is over."""

from array import array
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from loadtests.connection import TIMEOUT
from loadtests.percentiles import interquartile_mean, percentile, percentile_of_unordered
from waitbench.records import histogram
from waitbench.records.spec import TrialSpec
from waitbench.records.trial import Arrivals, Bin, Connects, Latency, Phase, Second

GOOD = 0
BIN_S = 0.25
"""The width of the bins in which a burst is reported. At 100 requests/s, each has 25."""
_BIN_NS = int(BIN_S * 1e9)
_ROUNDED_NS = 1_000
"""More than is lost when seconds are rounded to nanoseconds."""
_Numbers = np.ndarray[Any, np.dtype[np.int64]]
_Mask = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class Window:
    """The measured window, on the clock of time.perf_counter_ns."""

    begin_ns: int
    end_ns: int

    @classmethod
    def of(cls, spec: TrialSpec, trial_begin_ns: int) -> "Window":
        """Return the window of a trial that begins at `trial_begin_ns`: it follows the warm-up."""
        opens_ns = trial_begin_ns + int(spec.warmup_s * 1e9)
        return cls(opens_ns, opens_ns + int(spec.measure_s * 1e9))


@dataclass(frozen=True)
class Batch:
    """Requests that ended since the last batch, in the order of their ends: µs taken, and which were good."""

    taken_us: _Numbers
    good: _Mask
    failures: list[str]

    @property
    def p99_ms(self) -> float | None:
        """The p99 of the good requests, in milliseconds; None if there are none."""
        us = percentile_of_unordered(self.taken_us[self.good], 99)
        return None if us is None else us / 1000


class Recorder:
    """Keeps intended start, send, end and kind of every request. The hot path only appends.

    In a closed loop a request is meant to start when it is sent, so both times are the same.
    """

    def __init__(self, begin_ns: int = 0) -> None:
        self.begin_ns = begin_ns
        """When the trial's warm-up began."""
        self._intended = array("q")
        self._sent = array("q")
        self._ended = array("q")
        self._kind = array("q")
        self._kinds: list[str] = ["good"]
        self._seen = 0
        self._shed = array("q")
        self._connects_ns = array("q")

    def good(self, intended_ns: int, sent_ns: int, ended_ns: int) -> None:
        self._intended.append(intended_ns)
        self._sent.append(sent_ns)
        self._ended.append(ended_ns)
        self._kind.append(GOOD)

    def failed(self, intended_ns: int, sent_ns: int, ended_ns: int, kind: str) -> None:
        self._intended.append(intended_ns)
        self._sent.append(sent_ns)
        self._ended.append(ended_ns)
        self._kind.append(self._number(kind))

    def shed(self, intended_ns: int) -> None:
        """Record an arrival that was not sent."""
        self._shed.append(intended_ns)

    def connected(self, took_ns: list[int]) -> None:
        """Record how long it took each time to make a connection."""
        self._connects_ns.extend(took_ns)

    def _number(self, kind: str) -> int:
        if kind not in self._kinds:
            self._kinds.append(kind)
        return self._kinds.index(kind)

    def packed(self) -> dict[str, Any]:
        """Return the whole record as byte strings, for another process of this machine, which has the same clock."""
        columns = {name: getattr(self, name).tobytes() for name in _COLUMNS}
        return {"begin_ns": self.begin_ns, "kinds": self._kinds, **columns}

    def add_packed(self, other: dict[str, Any]) -> None:
        """Add another process's record of the same trial. Nothing is rounded or summed before all records are here."""
        self.begin_ns = other["begin_ns"]
        for name in _COLUMNS:
            column = array("q")
            column.frombytes(other[name])
            if name == "_kind":
                numbers = [self._number(kind) for kind in other["kinds"]]
                column = array("q", [numbers[kind] for kind in column])
            getattr(self, name).extend(column)

    @classmethod
    def unpacked(cls, packed: dict[str, Any]) -> "Recorder":
        recorder = cls()
        recorder.add_packed(packed)
        return recorder

    def batch(self) -> Batch:
        """Return the requests that ended since the last call."""
        begin, self._seen = self._seen, len(self._kind)
        intended, ended, kind = (
            np.array(column[begin : self._seen], dtype=np.int64) for column in (self._intended, self._ended, self._kind)
        )
        failures = [self._kinds[n] for n in kind[kind != GOOD]]
        return Batch((ended - intended) // 1000, kind == GOOD, failures)

    def phases(self, window: Window) -> tuple[Phase, Phase, int]:
        """Requests meant to start before the window, those meant to start in it, and how many of these ended after it.

        A request belongs to the phase in which it was meant to start. So the slowest responses, which end in the
        drain, are not cut off.
        """
        within = self._within(window)
        drained = np.count_nonzero(within & (_numbers(self._ended) >= window.end_ns))
        return self._phase(~within), self._phase(within), int(drained)

    def latency(self, window: Window) -> Latency | None:
        """Latency from the intended start, of good responses and timeouts: without these, slow services look faster."""
        return self._latency(self._taken_us(self._intended)[self._counted(window)])

    def thirds_iqm_us(self, window: Window) -> list[int | None]:
        """The interquartile mean of latency in each third of the window, by intended start. It shows drift."""
        starts = _numbers(self._intended)
        edges = np.linspace(window.begin_ns, window.end_ns, 4)
        counted, taken = self._counted(window), self._taken_us(self._intended)
        thirds = [counted & (starts >= edges[n]) & (starts < edges[n + 1]) for n in range(3)]
        return [interquartile_mean(np.sort(taken[third])) for third in thirds]

    def occupancy(self, window: Window) -> float:
        """How many requests were in flight on average over the window."""
        begins = np.maximum(_numbers(self._sent), window.begin_ns)
        ends = np.minimum(_numbers(self._ended), window.end_ns)
        return float(np.maximum(0, ends - begins).sum() / (window.end_ns - window.begin_ns))

    def gathered(self) -> Phase:
        """Requests that ended before the warm-up began."""
        return self._phase(_numbers(self._ended) < self.begin_ns)

    def spanning(self, window: Window) -> int:
        """Requests sent before the window that ended after it. They are in none of its latencies."""
        return int(
            np.count_nonzero((_numbers(self._sent) < window.begin_ns) & (_numbers(self._ended) >= window.end_ns))
        )

    def longest_silence_s(self, window: Window) -> float:
        """The longest time in the window during which requests were waiting and none ended, in seconds."""
        order = np.argsort(_numbers(self._ended), kind="stable")
        sent, ended = _numbers(self._sent)[order], _numbers(self._ended)[order]
        # For each place in that order: when the first request that ends there or later was sent.
        first_sent = np.minimum.accumulate(sent[::-1])[::-1]
        previous = np.concatenate(([window.begin_ns], ended[:-1]))
        begins = np.maximum(np.maximum(previous, first_sent), window.begin_ns)
        silences = np.minimum(ended, window.end_ns) - begins
        return max(0, int(silences.max(initial=0))) / 1e9

    def arrivals(self, window: Window) -> Arrivals:
        """An open loop's arrivals meant for the window, how late they were sent, and what ended in the window."""
        within, ended = self._within(window), _numbers(self._ended)
        late_us = np.sort(np.maximum(0, _numbers(self._sent) - _numbers(self._intended))[within] // 1000)
        shed = self.shed_in(window)
        return Arrivals(
            intended=len(late_us) + shed,
            shed=shed,
            shed_warmup=len(self._shed) - shed,
            ended=int(np.count_nonzero((ended >= window.begin_ns) & (ended < window.end_ns))),
            delay_p50_us=percentile(late_us, 50),
            delay_p99_us=percentile(late_us, 99),
            delay_max_us=percentile(late_us, 100),
            service_time=self._latency(self._taken_us(self._sent)[self._counted(window)]),
        )

    def connects(self) -> Connects:
        """Connections made in the whole trial, and how long that took."""
        took_us = np.sort(_numbers(self._connects_ns)) // 1000
        p50, p99, highest = (percentile(took_us, percent) for percent in (50, 99, 100))
        return Connects(made=len(took_us), p50_us=p50, p99_us=p99, max_us=highest)

    def bins(self, window: Window) -> list[Bin]:
        """Bins of BIN_S from the start of the warm-up to the end of the window, by when requests were due.

        If the window ends within a bin, that bin is left out, since its rate would be too low.
        """
        count = (window.end_ns - self.begin_ns + _ROUNDED_NS) // _BIN_NS
        due, shed, ended = (
            (_numbers(column) - self.begin_ns) // _BIN_NS for column in (self._intended, self._shed, self._ended)
        )
        good, taken = _numbers(self._kind) == GOOD, self._taken_us(self._intended)
        return [
            _bin(
                n,
                np.sort(taken[good & (due == n)]),
                int(np.count_nonzero(due == n) + np.count_nonzero(shed == n)),
                int(np.count_nonzero(good & (ended == n))),
            )
            for n in range(count)
        ]

    def shed_in(self, window: Window) -> int:
        """How many arrivals meant for the window were shed."""
        return int(np.count_nonzero(_numbers(self._shed) >= window.begin_ns))

    def timeline(self) -> list[Second]:
        """Every second from the start of the warm-up, by when requests ended. Earlier ends are in none (`gathered`)."""
        kinds, taken = _numbers(self._kind), self._taken_us(self._intended)
        seconds = (_numbers(self._ended) - self.begin_ns) // 1_000_000_000
        order = np.lexsort((taken, seconds))
        order = order[np.searchsorted(seconds[order], 0) :]
        kinds, taken, seconds = kinds[order], taken[order], seconds[order]
        edges = np.searchsorted(seconds, np.arange(int(seconds[-1]) + 2)) if len(seconds) else [0]
        return [
            _second(second, taken[begin:end][kinds[begin:end] == GOOD], int(np.count_nonzero(kinds[begin:end])))
            for second, (begin, end) in enumerate(pairwise(edges))
        ]

    def _within(self, window: Window) -> _Mask:
        """Requests meant to start in the window. None is meant to start after it."""
        return _numbers(self._intended) >= window.begin_ns

    def _counted(self, window: Window) -> _Mask:
        """Requests of the window whose latency counts: good responses and timeouts."""
        kinds = _numbers(self._kind)
        timeouts = kinds == (self._kinds.index(TIMEOUT) if TIMEOUT in self._kinds else -1)
        counted: _Mask = self._within(window) & ((kinds == GOOD) | timeouts)
        return counted

    def _taken_us(self, starts: "array[int]") -> _Numbers:
        taken: _Numbers = np.maximum(1, (_numbers(self._ended) - _numbers(starts)) // 1000)
        return taken

    def _latency(self, taken_us: _Numbers) -> Latency | None:
        if not len(taken_us):
            return None
        values, counts = np.unique(taken_us, return_counts=True)
        return Latency(
            histogram=histogram.encode(histogram.of_counts(zip(values.tolist(), counts.tolist(), strict=True))),
            count=len(taken_us),
            sum_us=int(taken_us.sum()),
            min_us=int(values[0]),
            max_us=int(values[-1]),
        )

    def _phase(self, which: _Mask) -> Phase:
        kinds = Counter(_numbers(self._kind)[which].tolist())
        errors = {self._kinds[kind]: count for kind, count in sorted(kinds.items()) if kind != GOOD}
        return Phase(good=kinds[GOOD], errors=errors)


_COLUMNS = ("_intended", "_sent", "_ended", "_kind", "_shed", "_connects_ns")


def _numbers(column: "array[int]") -> _Numbers:
    """Return a copy, because an array that numpy views cannot grow."""
    return np.array(column, dtype=np.int64)


def _second(second: int, taken_us: _Numbers, errors: int) -> Second:
    return Second(
        second=second,
        good=len(taken_us),
        errors=errors,
        p50_us=percentile(taken_us, 50),
        p99_us=percentile(taken_us, 99),
    )


def _bin(number: int, good_us: _Numbers, due: int, answered: int) -> Bin:
    """Failed and shed requests count as slower than all others: a percentile that falls on one is not known."""
    p50, p90, p99 = (
        int(good_us[rank]) if (rank := -(-due * percent // 100) - 1) < len(good_us) and due else None
        for percent in (50, 90, 99)
    )
    return Bin(
        begin_s=number * BIN_S, due=due, good=len(good_us), p50_us=p50, p90_us=p90, p99_us=p99, answered=answered
    )
