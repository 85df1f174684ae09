"""Cells: all trials of one contender under one load, and their figures."""

from dataclasses import dataclass
from functools import cached_property

from hdrh.histogram import HdrHistogram

from waitbench.analysis.statistics import (
    CONFIDENCE,
    Interval,
    geometric_interval,
    natural_interval,
    paired_ratio,
)
from waitbench.catalog.ceiling import Ceiling
from waitbench.catalog.percentiles import PERCENTILES, samples_needed
from waitbench.records import histogram
from waitbench.records.run import Target
from waitbench.records.spec import TrialSpec
from waitbench.records.trial import TrialRecord
from waitbench.validity.ceiling import ceiling_of, goodput_rps
from waitbench.validity.reason import Reason
from waitbench.validity.repeats import outliers
from waitbench.validity.rules import invalidating_codes, reasons

READING_OFF = 0.25
"""How much the time between two readings of a service may differ from the window, as a share of the window."""

NEAR_CEILING = 0.90
"""A cell whose trials are mostly at the ceiling is ceiling-bound only if its mean reaches this share of the ceiling."""

HELD_FOR_MEMORY = 10
"""With fewer requests in flight, the growth of the heap cannot be attributed to the requests."""


def kib_per_request(trial: TrialRecord) -> float | None:
    """Peak memory minus idle memory before the trial, divided by the peak number of requests in flight, in KiB.

    None if any of these is not known, or if fewer than `HELD_FOR_MEMORY` requests were in flight.
    """
    before, after = trial.usage.before, trial.usage.after
    if before is None or after is None or after.peak_in_flight < HELD_FOR_MEMORY:
        return None
    return max(0.0, after.peak_rss_bytes - before.rss_bytes) / after.peak_in_flight / 1024


def _cost(trial: TrialRecord) -> tuple[float, float] | None:
    """CPU seconds and responses between the readings at the window's edges.

    None if the readings are not of the window, or if a counter falls: a service that restarted counts from zero.
    """
    begin, end = trial.usage.window_start, trial.usage.window_end
    if begin is None or end is None:
        return None
    took_s, cpu_s = end.monotonic_s - begin.monotonic_s, end.cpu_s - begin.cpu_s
    count = end.requests_answered - begin.requests_answered
    # A reading that queued behind the load is not of the window.
    of_the_window = abs(took_s - trial.window_s) <= READING_OFF * trial.window_s
    return (cpu_s, count) if of_the_window and cpu_s >= 0 and 0 <= count <= trial.sent else None


@dataclass(frozen=True)
class Cell:
    """All trials of one contender under one load."""

    target: Target
    spec: TrialSpec
    trials: list[TrialRecord]
    planned: int
    reasons: list[Reason]
    confidence: float = CONFIDENCE
    """The level of each of its intervals: above 95 % if the run looks at them several times."""

    @classmethod
    def of(cls, target: Target, trials: list[TrialRecord], planned: int, confidence: float = CONFIDENCE) -> "Cell":
        """A cell of these trials. A reason that several trials give appears once."""
        found = [*(r for trial in trials for r in reasons(trial, target)), *outliers(trials)]
        unique = {(r.code, r.text): r for r in found}
        return cls(target, trials[0].spec, trials, planned, list(unique.values()), confidence)

    @property
    def variant(self) -> str:
        return self.spec.variant

    @property
    def load(self) -> float:
        return self.spec.load

    @property
    def valid(self) -> bool:
        return not self.invalid_codes

    @property
    def invalid_codes(self) -> list[str]:
        """The codes of the rules that make it invalid."""
        return invalidating_codes(self.reasons)

    @property
    def not_counted(self) -> str:
        """`not counted: disturbed, errors`, for an invalid cell."""
        return f"not counted: {', '.join(self.invalid_codes)}"

    @cached_property
    def ceiling_bound(self) -> bool:
        """Whether most of its trials are at the ceiling and their mean is near it.

        One trial far below the ceiling lowers the mean, so the cell is not ceiling-bound.
        """
        bound = sum(any(r.code == "ceiling-bound" for r in reasons(trial, self.target)) for trial in self.trials)
        near = self.ceiling is None or self.goodput.mean >= NEAR_CEILING * self.ceiling.rps
        return bound * 2 > len(self.trials) and near

    @property
    def requests(self) -> int:
        return sum(trial.measured.sent for trial in self.trials)

    @property
    def errors(self) -> int:
        return sum(trial.measured.failed for trial in self.trials)

    @property
    def goodputs(self) -> dict[int, float]:
        """Good responses per second, by repeat."""
        return {trial.spec.repeat: goodput_rps(trial) for trial in self.trials}

    def latencies(self, name: str) -> dict[int, float]:
        """A percentile in milliseconds, by repeat."""
        return {
            trial.spec.repeat: histogram.percentile_of_us(trial.latency.histogram, PERCENTILES[name]) / 1000
            for trial in self.trials
            if trial.latency
        }

    @property
    def shed(self) -> int:
        return sum(trial.arrivals.shed for trial in self.trials if trial.arrivals)

    @cached_property
    def goodput(self) -> Interval:
        return natural_interval(list(self.goodputs.values()), self.confidence)

    @cached_property
    def histogram(self) -> HdrHistogram:
        return histogram.merged(trial.latency.histogram for trial in self.trials if trial.latency)

    @property
    def samples(self) -> int:
        return sum(trial.latency.count for trial in self.trials if trial.latency)

    def percentile_ms(self, name: str) -> float | None:
        """A percentile of all requests together; None if the sample is too small for it."""
        percent = PERCENTILES[name]
        if self.samples < samples_needed(percent) or (name == "p999" and self.shed):
            return None  # shed requests would have been among the slowest
        return histogram.percentile_us(self.histogram, percent) / 1000

    def carries(self, name: str) -> bool:
        """Whether each trial's own sample is large enough for a percentile."""
        counts = [trial.latency.count if trial.latency else 0 for trial in self.trials]
        return min(counts) >= samples_needed(PERCENTILES[name])

    def percentile_interval(self, name: str) -> Interval | None:
        """The interval of the geometric mean over each trial's percentile, in milliseconds.

        (`percentile_ms` is the percentile of all requests together.) None unless every trial carries the percentile.
        """
        if not self.carries(name):
            return None
        return geometric_interval(list(self.latencies(name).values()), self.confidence)

    def samples_short(self, name: str) -> int:
        """How many more requests the percentile needs; 0 if the sample is large enough."""
        return max(0, samples_needed(PERCENTILES[name]) - self.samples)

    @property
    def mean_ms(self) -> float | None:
        total = sum(trial.latency.sum_us for trial in self.trials if trial.latency)
        return total / self.samples / 1000 if self.samples else None

    @property
    def max_ms(self) -> float | None:
        return max((trial.latency.max_us for trial in self.trials if trial.latency), default=0) / 1000 or None

    @property
    def cpu_s_per_1k(self) -> float | None:
        """CPU seconds of the service per 1,000 responses, between its readings at the window's edges."""
        responses = sum(count for _, count in self._cpu.values())
        return sum(cpu_s for cpu_s, _ in self._cpu.values()) / responses * 1000 if responses else None

    @property
    def costs(self) -> dict[int, float]:
        """CPU seconds per 1,000 responses, by repeat; without repeats in which the service's CPU clock did not move."""
        return {n: cpu_s / count * 1000 for n, (cpu_s, count) in self._cpu.items() if cpu_s > 0 and count}

    @cached_property
    def _cpu(self) -> dict[int, tuple[float, float]]:
        """CPU seconds and responses between the readings at the window's edges, by repeat."""
        found = {trial.spec.repeat: _cost(trial) for trial in self.trials}
        return {repeat: cost for repeat, cost in found.items() if cost}

    @property
    def peak_rss_mib(self) -> float | None:
        peaks = [t.usage.after.peak_rss_bytes for t in self.trials if t.usage.after]
        return max(peaks) / 2**20 if peaks else None

    @property
    def memories(self) -> dict[int, float]:
        """KiB per request in flight, by repeat."""
        return {trial.spec.repeat: kib for trial in self.trials if (kib := kib_per_request(trial)) is not None}

    @cached_property
    def kib_per_request(self) -> float | None:
        """Memory per request in flight: the maximum of its trials, a lower bound.

        Memory that a service has taken and keeps, such as a thread's stack, is visible only in the first trial that
        takes it. So each trial gives a lower bound.
        """
        return max(self.memories.values(), default=None)

    @property
    def ceiling(self) -> Ceiling | None:
        return ceiling_of(self.trials[0], self.target)


def latency_ratio(own: Cell, other: Cell, name: str) -> Interval | None:
    """A percentile of `own` over that of `other`, paired by repeat; None unless both are valid and carry it."""
    if not all(cell.valid and cell.carries(name) for cell in (own, other)):
        return None
    return paired_ratio(own.latencies(name), other.latencies(name), own.confidence)
