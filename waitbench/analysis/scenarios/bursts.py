"""The goodput and recovery of each contender in a burst."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from statistics import median

from waitbench.analysis.cells import Cell
from waitbench.analysis.statistics import Interval, mean_interval
from waitbench.catalog.scenarios import SCENARIOS, ScenarioTexts
from waitbench.catalog.workloads import params_tags, params_words
from waitbench.records.spec import TrialSpec
from waitbench.records.trial import Bin, TrialRecord
from waitbench.validity import recovery
from waitbench.validity.recovery import Span


@dataclass(frozen=True)
class Burst:
    """All trials of one contender under one profile."""

    cell: Cell

    @property
    def variant(self) -> str:
        return self.cell.variant

    @cached_property
    def calm_rps(self) -> float | None:
        """Good responses per second before the overload."""
        return self._answered_rps(recovery.calm_span)

    @cached_property
    def overload_rps(self) -> float | None:
        """Good responses that ended during the overload, per second."""
        return self._answered_rps(recovery.overload_span)

    @cached_property
    def after_rps(self) -> float | None:
        """Good responses per second after the overload, including those to the queue that it left."""
        return self._answered_rps(recovery.after_span)

    @cached_property
    def calm_p99_ms(self) -> float | None:
        return _mean([us / 1000 for t in self.cell.trials if (us := recovery.calm_p99_us(t)) is not None])

    @cached_property
    def recoveries(self) -> list[float | None]:
        """The recovery time of each trial in seconds; None for a trial without recovery."""
        return [recovery.recovery_s(trial) for trial in self.cell.trials]

    @property
    def unrecovered(self) -> int:
        """The number of trials without recovery."""
        return self.recoveries.count(None)

    @cached_property
    def recovery(self) -> Interval | None:
        """The interval of the recovery time over trials, in seconds; None unless the service recovered in each trial.

        The lower bound is at least one bin below the mean, because the service recovered somewhere in the bin before
        the one that was well. It is never below zero.
        """
        known = [found for found in self.recoveries if found is not None]
        if not known or self.unrecovered:
            return None
        found = mean_interval(known, self.cell.confidence)
        low = None if found.low is None else max(0.0, min(found.low, found.mean - self.resolution_s))
        return Interval(found.mean, low, found.high)

    @property
    def resolution_s(self) -> float:
        """The resolution of the recovery time, in seconds: the length of a bin."""
        return max(trial.bin_s for trial in self.cell.trials)

    @cached_property
    def goodput_over_time(self) -> list[tuple[float, float]]:
        """The middle of each bin and the good responses that ended in it, per second (median over trials)."""
        return self._over_time(lambda each, trial: each.answered / trial.bin_s)

    @cached_property
    def p99_over_time(self) -> list[tuple[float, float]]:
        """The middle of each bin and the p99 of the requests due in it, in ms (median over trials).

        NaN if the p99 is unknown because requests failed or were shed.
        """
        series = self._over_time(lambda each, _: None if not each.due else _ms(each.p99_us))
        return [(at_s, ms if math.isfinite(ms) else math.nan) for at_s, ms in series]

    def _over_time(self, figure: Callable[[Bin, TrialRecord], float | None]) -> list[tuple[float, float]]:
        found: dict[float, list[float]] = {}
        for trial in self.cell.trials:
            for each in trial.bins:
                if (value := figure(each, trial)) is not None:
                    found.setdefault(each.begin_s + trial.bin_s / 2, []).append(value)
        return [(at_s, median(values)) for at_s, values in sorted(found.items())]

    def _answered_rps(self, span: Callable[[TrialSpec], Span]) -> float | None:
        rates = [recovery.answered_rps(trial, span(trial.spec)) for trial in self.cell.trials]
        return _mean([rate for rate in rates if rate is not None])


@dataclass(frozen=True)
class BurstSection:
    """One workload under one profile."""

    bursts: list[Burst]

    @property
    def spec(self) -> TrialSpec:
        """The spec of one of its trials; what is used of it is the same in all."""
        return self.bursts[0].cell.spec

    @property
    def scenario(self) -> ScenarioTexts:
        return SCENARIOS["burst"]

    @property
    def key(self) -> str:
        profile = (f"{stage.rate:g}x{stage.seconds:g}" for stage in self.spec.stages)
        return "-".join(["burst", self.spec.workload, *params_tags(self.spec.params), *profile])

    @property
    def title(self) -> str:
        given = ", ".join([f"of {self.spec.workload}", *params_words(self.spec.params)])
        return f"{self.scenario.title} ({given}; {self.profile_words})"

    @property
    def profile_words(self) -> str:
        """`100, 900, 100 requests/s for 5, 5, 10 s`."""
        rates, seconds = zip(*((f"{s.rate:g}", f"{s.seconds:g}") for s in self.spec.stages), strict=True)
        return f"{', '.join(rates)} requests/s for {', '.join(seconds)} s"

    @property
    def calm(self) -> Span:
        return recovery.calm_span(self.spec)

    @property
    def overload(self) -> Span:
        return recovery.overload_span(self.spec)

    @property
    def after(self) -> Span:
        return recovery.after_span(self.spec)


def _ms(us: int | None) -> float:
    return math.inf if us is None else us / 1000


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
