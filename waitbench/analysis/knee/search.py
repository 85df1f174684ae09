"""The saturation knee: the highest open rate at which a service still meets an objective for its p99.

Doubling finds a rate that is too high, bisecting narrows it down, and repeats confirm both sides (Nighthawk's adaptive
load works in the same way). The next rate depends only on the earlier trials, so a report can derive the result from
the trial files.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from waitbench.records import histogram
from waitbench.records.run import Target
from waitbench.records.trial import TrialRecord
from waitbench.validity.generator import GENERATOR_OWN, SHED_SHARE
from waitbench.validity.rules import invalidating_codes, reasons

Outcome = Literal["met", "missed", "void"]

PRECISION = 0.10
"""Bisecting ends when the two rates differ by at most this share."""
LEAST = 1.0
"""The lowest rate that a search tries, in requests per second."""
VOIDS = 3
"""A rate with this many invalid trials, more than valid ones, is a wall: it cannot be measured."""
WALLS = 4
"""After this many walls, each at half the rate of the one before, the search ends.

The rate is not the cause then: a generator on a busy machine is late at any rate, and trials of lower rates take
longer and longer.
"""
MOST_TRIALS = 40
LATE = 0.01
"""The share of the arrivals that may miss the objective; the objective is for the p99."""
GENERATOR = GENERATOR_OWN | {"contention", "database-limit", "disturbed", "upstream-limit"}
"""Reasons for late responses that the service may not have caused."""
OVERLOAD = {"errors", "rate"}
"""Reasons that show that the service does not keep up."""


@dataclass(frozen=True)
class Judged:
    """A trial of a search, and whether the service met the objective in it; void if the trial is invalid."""

    trial: TrialRecord
    outcome: Outcome
    why_void: frozenset[str] = frozenset()
    """The codes that make it void. If one of `GENERATOR` is among them, only those, since all others are uncertain."""


def judged(trial: TrialRecord, target: Target, objective_ms: float | None = None) -> Judged:
    """Judge an open trial. `objective_ms` is for a trial that is not part of a search."""
    codes = frozenset(invalidating_codes(reasons(trial, target)))
    late = late_share(trial, objective_ms)
    only_shed = _only_shed(trial, late)
    if codes & GENERATOR or (only_shed and "errors" not in codes):
        return Judged(trial, "void", codes & GENERATOR or frozenset({"max_in_flight"}))
    if codes & OVERLOAD or late > LATE or ("drift" in codes and _slows(trial)):
        return Judged(trial, "missed")
    return Judged(trial, "void", codes) if codes else Judged(trial, "met")


def _only_shed(trial: TrialRecord, late: float) -> bool:
    """Whether all requests that were sent met the objective, and only `max_in_flight` caused the others to be shed.

    If a service stalls, the requests that were sent are late too.
    """
    assert trial.arrivals is not None
    shed, intended = trial.arrivals.shed, trial.arrivals.intended
    return shed > SHED_SHARE * intended and late * intended - shed <= LATE * (intended - shed)


def _slows(trial: TrialRecord) -> bool:
    """Whether latency grows, as from a growing queue. A service that becomes faster was still warming up."""
    first, *_, last = trial.thirds_iqm_us
    return first is not None and last is not None and last > first


def late_share(trial: TrialRecord, objective_ms: float | None = None) -> float:
    """The share of the window's arrivals without a good response within the objective: late, failed or shed.

    By default it is the objective of the search that the trial is part of.
    """
    assert trial.arrivals is not None
    search = trial.spec.conditions.search
    limit_ms = objective_ms if search is None else search.objective_p99_ms
    assert limit_ms is not None
    # Timeouts are in the histogram too, with a latency above any objective, since a plan's timeout is longer.
    within = histogram.count_up_to(trial.latency.histogram, limit_ms * 1000) if trial.latency else 0
    intended = trial.arrivals.intended
    return (intended - within) / intended if intended else 1.0


@dataclass
class _Rate:
    """The numbers of outcomes of the trials at one rate."""

    met: int = 0
    missed: int = 0
    void: int = 0

    @property
    def valid(self) -> int:
        """The number of valid trials."""
        return self.met + self.missed

    @property
    def is_wall(self) -> bool:
        return self.void >= VOIDS and self.void > self.valid

    @property
    def holds(self) -> bool:
        return self.met > self.missed and not self.is_wall

    @property
    def fails(self) -> bool:
        return self.missed > self.met and not self.is_wall

    @property
    def wavers(self) -> bool:
        """Whether trials both met and missed the objective, so no bound is certain at this rate."""
        return self.met > 0 and self.missed > 0

    @property
    def tied(self) -> bool:
        return self.wavers and self.met == self.missed and not self.is_wall


@dataclass(frozen=True)
class Tried:
    """Rates in requests per second with the outcome of each trial, in order.

    A rate holds or fails by the majority of its trials, so one bad minute does not mislead the search permanently. A
    bound is certain only if at least `repeats` trials all agree and no rate beyond it contradicts them.
    """

    outcomes: Sequence[tuple[float, Outcome]]
    repeats: int
    rates: dict[float, _Rate] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for rate, found in self.outcomes:
            counts = self.rates.setdefault(rate, _Rate())
            setattr(counts, found, getattr(counts, found) + 1)

    def at(self, rate: float) -> _Rate:
        return self.rates.get(rate, _Rate())

    @property
    def tied(self) -> float | None:
        return min((rate for rate, counts in self.rates.items() if counts.tied), default=None)

    @property
    def too_much(self) -> float | None:
        """The lowest rate that fails."""
        return min((rate for rate, counts in self.rates.items() if counts.fails), default=None)

    @property
    def wall(self) -> float | None:
        """The lowest rate that cannot be measured."""
        return min(self._walls, default=None)

    @property
    def _walls(self) -> list[float]:
        return [rate for rate, counts in self.rates.items() if counts.is_wall]

    @property
    def walled_in(self) -> bool:
        """Whether lower rates would not help."""
        return self.held is None and len(self._walls) >= WALLS

    @property
    def top(self) -> float | None:
        return min((rate for rate in (self.too_much, self.wall) if rate is not None), default=None)

    @property
    def held(self) -> float | None:
        """The highest rate that holds, below all rates that fail or are walls."""
        top = self.top or math.inf
        return max((rate for rate, counts in self.rates.items() if counts.holds and rate < top), default=None)

    @property
    def held_anywhere(self) -> float:
        """The highest rate that holds, even if lower rates fail; 0 if none holds."""
        return max((rate for rate, counts in self.rates.items() if counts.holds), default=0.0)

    @property
    def low(self) -> float | None:
        """The highest rate that met the objective in all of at least `repeats` trials, with no failing rate below it.

        A rate at which most trials are invalid is never certain.
        """
        top = self.too_much or math.inf
        sure = (r for r, c in self.rates.items() if c.met >= self.repeats and c.holds and not c.missed and r < top)
        return max(sure, default=None)

    @property
    def high(self) -> float | None:
        """The lowest rate that missed the objective in all of at least `repeats` trials, with no holding rate above it.

        A rate at which most trials are invalid is never certain.
        """
        bottom = self.held_anywhere
        sure = (r for r, c in self.rates.items() if c.missed >= self.repeats and c.fails and not c.met and r > bottom)
        return min(sure, default=None)

    @property
    def exhausted(self) -> bool:
        return len(self.outcomes) >= MOST_TRIALS


def next_rate(tried: Tried, start: float, most: float) -> float | None:
    """The next rate to try, in requests per second; None if the search has ended."""
    if tried.exhausted:
        return None
    if tried.tied is not None:
        return tried.tied
    top, held = tried.top, tried.held
    if top is None:
        if held is None:
            return start
        if held < most:
            return min(_rounded(held * 2), most)
    elif held is None:
        if top > LEAST and not tried.walled_in:
            return max(_rounded(top / 2), LEAST)
    elif top / held > 1 + PRECISION:
        return _rounded(math.sqrt(held * top))
    return _to_confirm(tried, most)


def _to_confirm(tried: Tried, most: float) -> float | None:
    """The side of the knee with fewer valid trials; None if both sides have enough."""
    sides = [rate for rate in (_below(tried), _above(tried, most)) if rate is not None and _open(tried, rate)]
    return min(sides, key=lambda rate: tried.at(rate).valid, default=None)


def _below(tried: Tried) -> float | None:
    """The rate at which the lower bound may become certain: if a rate wavers, a lower one takes its place."""
    low = tried.held
    while low is not None and tried.at(low).wavers:
        low = lower if (lower := _rounded(low / (1 + PRECISION))) >= LEAST else None
    return low


def _above(tried: Tried, most: float) -> float | None:
    """The rate at which the upper bound may become certain; it is above every rate that holds."""
    high = tried.too_much
    while high is not None and (tried.at(high).wavers or high <= tried.held_anywhere):
        high = higher if (higher := _rounded(high * (1 + PRECISION))) <= most else None
    return high


def _open(tried: Tried, rate: float) -> bool:
    counts = tried.at(rate)
    return counts.valid < tried.repeats and not counts.is_wall


def _rounded(rate: float) -> float:
    """The rate to three digits, because people read rates and file names contain them."""
    digits = 2 - math.floor(math.log10(rate))
    return round(rate, digits)
