"""What happened in one trial: three numbers a request while it runs, sums and histograms when it is over."""

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from waitbench import latency
from waitbench.results import Latency, Phase, Second

GOOD = 0
TIMEOUT = "timeout"


@dataclass(frozen=True)
class Window:
    """The measured window, on the clock of time.perf_counter_ns."""

    begin_ns: int
    end_ns: int


class Recorder:
    """Keeps start, end and kind of every request. The hot path appends and does nothing else."""

    def __init__(self, begin_ns: int) -> None:
        self._begin_ns = begin_ns
        self._started = array("q")
        self._ended = array("q")
        self._kind = array("i")
        self._kinds: list[str] = ["good"]
        self._seen = 0

    def good(self, started_ns: int, ended_ns: int) -> None:
        self._started.append(started_ns)
        self._ended.append(ended_ns)
        self._kind.append(GOOD)

    def failed(self, started_ns: int, ended_ns: int, kind: str) -> None:
        if kind not in self._kinds:
            self._kinds.append(kind)
        self._started.append(started_ns)
        self._ended.append(ended_ns)
        self._kind.append(self._kinds.index(kind))

    def recent(self) -> tuple[int, int, float | None]:
        """Since last asked: good answers, errors, and the good ones' 99th percentile in milliseconds."""
        begin, self._seen = self._seen, len(self._kind)
        kinds = self._kind[begin : self._seen]
        taken = sorted(
            self._ended[begin + n] - self._started[begin + n] for n, kind in enumerate(kinds) if kind == GOOD
        )
        p99 = taken[min(len(taken) - 1, int(len(taken) * 0.99))] / 1e6 if taken else None
        return len(taken), len(kinds) - len(taken), p99

    def phases(self, window: Window) -> tuple[Phase, Phase, int]:
        """Requests sent before the window, those sent in it, and how many of these ended after it.

        A request belongs to the phase in which it was sent, so that the slowest answers, which end in the drain,
        are not cut off.
        """
        warmup: Counter[int] = Counter()
        measured: Counter[int] = Counter()
        drained = 0
        for started, ended, kind in zip(self._started, self._ended, self._kind, strict=True):
            if started < window.begin_ns:
                warmup[kind] += 1
            else:
                measured[kind] += 1
                drained += ended >= window.end_ns
        return self._phase(warmup), self._phase(measured), drained

    def latency(self, window: Window) -> Latency | None:
        """Of good answers and time-outs sent in the window: leaving out the time-outs would flatter the slow."""
        counted = {GOOD, *(n for n, kind in enumerate(self._kinds) if kind == TIMEOUT)}
        taken = [
            max(1, (ended - started) // 1000)
            for started, ended, kind in zip(self._started, self._ended, self._kind, strict=True)
            if started >= window.begin_ns and kind in counted
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
        for started, ended, kind in zip(self._started, self._ended, self._kind, strict=True):
            second = (ended - self._begin_ns) // 1_000_000_000
            if kind == GOOD:
                good.setdefault(second, []).append((ended - started) // 1000)
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
