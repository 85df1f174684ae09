"""The saturation knee: the highest open rate at which a service still meets an objective for its p99.

Doubling finds a rate that is too much, bisecting narrows it down, repeats confirm either side (Nighthawk's adaptive
load works so too). What is tried next follows from what was tried alone, so that a report can tell from the trial
files what was found.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from waitbench.records import histogram
from waitbench.records.run import Target
from waitbench.records.trial import TrialRecord
from waitbench.validity.generator import GENERATOR_OWN, SHED_SHARE
from waitbench.validity.rules import reasons, spoilt_by

Outcome = Literal["met", "missed", "void"]

PRECISION = 0.10
"""Bisecting ends when the rate that is too much lies this near to the one that is not."""
LEAST = 1.0
"""Requests per second below which nothing is looked for."""
VOIDS = 3
"""So many trials of one rate that don't count, most of them all, and there is no measuring at this rate."""
WALLS = 4
"""So many rates that there is no measuring at, each half of the one before, and what is in the way is not the rate: a
generator on a busy machine is late at any, and trials of lower rates take longer and longer."""
MOST_TRIALS = 40
LATE = 0.01
"""Of the arrivals: so many may miss the objective, which is one for the p99."""
GENERATOR = GENERATOR_OWN | {"contention", "database-limit", "disturbed", "upstream-limit"}
"""Reasons for which a late answer may not have been the service's doing."""
OVERLOAD = {"errors", "rate"}
"""Reasons that a service gives which does not keep up."""


@dataclass(frozen=True)
class Judged:
    """A trial of a search, and whether the service met the objective in it; void where the trial can't tell."""

    trial: TrialRecord
    outcome: Outcome
    why_void: frozenset[str] = frozenset()
    """What may have been the generator's doing makes all else uncertain."""


def judged(trial: TrialRecord, target: Target) -> Judged:
    codes = frozenset(spoilt_by(reasons(trial, target)))
    only_shed = _only_shed(trial)
    if codes & GENERATOR or (only_shed and "errors" not in codes):
        return Judged(trial, "void", codes & GENERATOR or frozenset({"max_in_flight"}))
    if codes & OVERLOAD or late_share(trial) > LATE or ("drift" in codes and _slows(trial)):
        return Judged(trial, "missed")
    return Judged(trial, "void", codes) if codes else Judged(trial, "met")


def _only_shed(trial: TrialRecord) -> bool:
    """Whether all that was sent met the objective, and only our own limit kept the rest from it. Of a service that
    stalls, what was sent is late too."""
    assert trial.arrivals is not None
    shed, intended = trial.arrivals.shed, trial.arrivals.intended
    return shed > SHED_SHARE * intended and late_share(trial) * intended - shed <= LATE * (intended - shed)


def _slows(trial: TrialRecord) -> bool:
    """A queue that grows is too much; a service that grows quicker was still warming up."""
    first, *_, last = trial.thirds_iqm_us
    return first is not None and last is not None and last > first


def late_share(trial: TrialRecord) -> float:
    """Of the arrivals meant for the window, those not answered well within the objective: late, failed or shed."""
    assert trial.arrivals is not None
    assert trial.spec.objective_p99_ms is not None
    # A time-out is in the histogram too, with a latency beyond any objective: a plan's are below its time-out.
    within = histogram.count_up_to(trial.latency.histogram, trial.spec.objective_p99_ms * 1000) if trial.latency else 0
    intended = trial.arrivals.intended
    return (intended - within) / intended if intended else 1.0


@dataclass
class _Rate:
    """What came of the trials of one rate."""

    met: int = 0
    missed: int = 0
    void: int = 0

    @property
    def told(self) -> int:
        return self.met + self.missed

    @property
    def is_wall(self) -> bool:
        return self.void >= VOIDS and self.void > self.told

    @property
    def holds(self) -> bool:
        return self.met > self.missed and not self.is_wall

    @property
    def fails(self) -> bool:
        return self.missed > self.met and not self.is_wall

    @property
    def wavers(self) -> bool:
        """Neither met nor missed every time, so that no bound is sure here."""
        return self.met > 0 and self.missed > 0

    @property
    def tied(self) -> bool:
        return self.wavers and self.met == self.missed and not self.is_wall


@dataclass(frozen=True)
class Tried:
    """Rates in requests per second, and what came of each trial, in order.

    A rate holds or fails by the majority of its trials, so that one bad minute does not mislead for good. A bound is
    sure only where every one of `repeats` trials agrees, and no rate beyond it says otherwise.
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
        """The lowest rate of which no trials count."""
        return min(self._walls, default=None)

    @property
    def _walls(self) -> list[float]:
        return [rate for rate, counts in self.rates.items() if counts.is_wall]

    @property
    def walled_in(self) -> bool:
        """Whether it would be of no use to try lower rates."""
        return self.held is None and len(self._walls) >= WALLS

    @property
    def top(self) -> float | None:
        return min((rate for rate in (self.too_much, self.wall) if rate is not None), default=None)

    @property
    def held(self) -> float | None:
        """The highest rate that holds, below all that do not."""
        top = self.top or math.inf
        return max((rate for rate, counts in self.rates.items() if counts.holds and rate < top), default=None)

    @property
    def held_anywhere(self) -> float:
        """The highest rate that holds, though lower ones may fail."""
        return max((rate for rate, counts in self.rates.items() if counts.holds), default=0.0)

    @property
    def low(self) -> float | None:
        """The highest rate that was met in every one of at least `repeats` trials, with no failing rate below it.

        Nothing is sure of a rate at which most trials do not count.
        """
        top = self.too_much or math.inf
        sure = (r for r, c in self.rates.items() if c.met >= self.repeats and c.holds and not c.missed and r < top)
        return max(sure, default=None)

    @property
    def high(self) -> float | None:
        """The lowest rate that was missed in every one of at least `repeats` trials, with no holding rate above it.

        Nothing is sure of a rate at which most trials do not count.
        """
        bottom = self.held_anywhere
        sure = (r for r, c in self.rates.items() if c.missed >= self.repeats and c.fails and not c.met and r > bottom)
        return min(sure, default=None)

    @property
    def exhausted(self) -> bool:
        return len(self.outcomes) >= MOST_TRIALS


def next_rate(tried: Tried, start: float, most: float) -> float | None:
    """The rate to try now, in requests per second; None when all is known that will be."""
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
    """Whichever side has been repeated less."""
    sides = [rate for rate in (_below(tried), _above(tried, most)) if rate is not None and _open(tried, rate)]
    return min(sides, key=lambda rate: tried.at(rate).told, default=None)


def _below(tried: Tried) -> float | None:
    """Where the lower bound may be sure: a rate that wavers gives way to one further out."""
    low = tried.held
    while low is not None and tried.at(low).wavers:
        low = lower if (lower := _rounded(low / (1 + PRECISION))) >= LEAST else None
    return low


def _above(tried: Tried, most: float) -> float | None:
    """Where the upper bound may be sure, likewise; it is above every rate that held."""
    high = tried.too_much
    while high is not None and (tried.at(high).wavers or high <= tried.held_anywhere):
        high = higher if (higher := _rounded(high * (1 + PRECISION))) <= most else None
    return high


def _open(tried: Tried, rate: float) -> bool:
    counts = tried.at(rate)
    return counts.told < tried.repeats and not counts.is_wall


def _rounded(rate: float) -> float:
    """To three digits: rates are read by people, and name files."""
    digits = 2 - math.floor(math.log10(rate))
    return round(rate, digits)
