"""The saturation knee: the highest open rate at which a service still meets an objective for its p99.

Doubling finds a rate that is too much, bisecting narrows it down, repeats confirm either side (Nighthawk's adaptive
load works so too). What is tried next follows from what was tried alone, so that a report can tell from the trial
files what was found.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from waitbench import latency
from waitbench.results import Target, TrialRecord
from waitbench.validity import reasons

Outcome = Literal["met", "missed", "void"]

PRECISION = 0.10
"""Bisecting ends when the rate that is too much lies this near to the one that is not."""
LEAST = 1.0
"""Requests per second below which nothing is looked for."""
VOIDS = 3
"""So many trials of one rate that don't count, and it is taken for the limit of the generator."""
MOST_TRIALS = 40
GENERATOR = {"generator-cpu", "generator-lag", "dispatch-delay", "disturbed", "upstream-limit"}
"""Reasons for which a late answer may not have been the service's doing."""
OVERLOAD = {"errors", "rate", "drift"}
"""Reasons that a service gives which does not keep up."""


def outcome(trial: TrialRecord, target: Target) -> Outcome:
    """Whether the service met the objective; void where the trial can't tell."""
    codes = {reason.code for reason in reasons(trial, target) if reason.weight == "invalid"}
    if codes & GENERATOR:
        return "void"
    if codes & OVERLOAD or late_share(trial) > 0.01:
        return "missed"
    return "void" if codes else "met"


def late_share(trial: TrialRecord) -> float:
    """Of the arrivals meant for the window, those not answered well within the objective: late, failed or shed."""
    assert trial.arrivals is not None
    assert trial.spec.objective_p99_ms is not None
    # A time-out is in the histogram too, with a latency beyond any objective: a plan's are below its time-out.
    within = latency.count_up_to(trial.latency.histogram, trial.spec.objective_p99_ms * 1000) if trial.latency else 0
    return 1 - within / trial.arrivals.intended if trial.arrivals.intended else 1.0


@dataclass
class _Rate:
    met: int = 0
    missed: int = 0
    void: int = 0

    @property
    def holds(self) -> bool:
        return self.met > self.missed

    @property
    def fails(self) -> bool:
        return self.missed > 0 and self.missed >= self.met

    @property
    def told(self) -> int:
        return self.met + self.missed


@dataclass(frozen=True)
class Tried:
    """Rates in requests per second, and what came of each trial, in order."""

    outcomes: Sequence[tuple[float, Outcome]]
    repeats: int
    rates: dict[float, _Rate] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for rate, found in self.outcomes:
            counts = self.rates.setdefault(rate, _Rate())
            setattr(counts, found, getattr(counts, found) + 1)

    @property
    def too_much(self) -> float | None:
        return min((rate for rate, counts in self.rates.items() if counts.fails), default=None)

    @property
    def wall(self) -> float | None:
        """What the generator could not do."""
        return min((rate for rate, counts in self.rates.items() if counts.void >= VOIDS), default=None)

    @property
    def top(self) -> float | None:
        return min((rate for rate in (self.too_much, self.wall) if rate is not None), default=None)

    @property
    def held(self) -> float | None:
        top = self.top or math.inf
        return max((rate for rate, counts in self.rates.items() if counts.holds and rate < top), default=None)

    @property
    def low(self) -> float | None:
        """The highest rate that was met in every one of at least `repeats` trials, with no failing rate below it."""
        top = self.too_much or math.inf
        sure = (r for r, c in self.rates.items() if c.met >= self.repeats and not c.missed and r < top)
        return max(sure, default=None)

    @property
    def high(self) -> float | None:
        """The lowest rate above `low` that was missed in every one of at least `repeats` trials."""
        low = self.low or 0.0
        sure = (r for r, c in self.rates.items() if c.missed >= self.repeats and not c.met and r > low)
        return min(sure, default=None)


def next_rate(tried: Tried, start: float, most: float) -> float | None:
    """The rate to try now, in requests per second; None when all is known that will be."""
    if len(tried.outcomes) >= MOST_TRIALS:
        return None
    top, held = tried.top, tried.held
    if top is None:
        if held is None:
            return start
        if held < most:
            return min(_rounded(held * 2), most)
    elif held is None:
        return half if (half := _rounded(top / 2)) >= LEAST else None
    elif top / held > 1 + PRECISION:
        return _rounded(math.sqrt(held * top))
    return _to_confirm(tried, most)


def _to_confirm(tried: Tried, most: float) -> float | None:
    """Whichever side has been repeated less; a side that wavers gives way to a rate further out."""
    low, high = tried.held, tried.too_much
    while low is not None and tried.rates.get(low, _Rate()).missed:
        low = lower if (lower := _rounded(low / (1 + PRECISION))) >= LEAST else None
    while high is not None and tried.rates.get(high, _Rate()).met:
        high = higher if (higher := _rounded(high * (1 + PRECISION))) <= most else None
    sides = [rate for rate in (low, high) if rate is not None and _open(tried, rate)]
    return min(sides, key=lambda rate: tried.rates.get(rate, _Rate()).told, default=None)


def _open(tried: Tried, rate: float) -> bool:
    counts = tried.rates.get(rate, _Rate())
    return counts.told < tried.repeats and counts.void < VOIDS


def _rounded(rate: float) -> float:
    """To three digits: rates are read by people, and name files."""
    digits = 2 - math.floor(math.log10(rate))
    return round(rate, digits)


def tried(trials: Iterable[TrialRecord], target: Target, repeats: int) -> Tried:
    return Tried([(float(trial.spec.load), outcome(trial, target)) for trial in trials], repeats)
