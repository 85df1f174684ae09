"""How certain the comparisons of a load point are, which of them need more repeats, and about how many."""

import math
from dataclasses import dataclass, field
from functools import cached_property

from waitbench.analysis.comparison import Comparison
from waitbench.analysis.looks import level
from waitbench.analysis.points import Point
from waitbench.analysis.scenarios.mixed import MixedPoint
from waitbench.analysis.statistics import Interval, Verdict, t_quantile
from waitbench.records.load_point import LoadPoint
from waitbench.records.run import RunRecord

FORESEEN = 1000
"""The highest number of repeats that is estimated. With more, the estimate would be as wide as the noise."""


@dataclass(frozen=True)
class Compared:
    """One ratio of a load point: a contender over the best, or its latency with slow neighbours over that without."""

    title: str
    """The contender."""
    ratio: Interval
    verdict: Verdict
    repeats: int
    confidence: float
    """The level of the interval."""

    @property
    def half_width(self) -> float:
        """Half the width of the interval, as a share of the ratio; infinite without an interval."""
        low, high = self.ratio.low, self.ratio.high
        return math.inf if low is None or high is None else (high - low) / 2 / self.ratio.mean

    def decided(self, within: float) -> bool:
        """Whether it needs no more repeats: the interval is narrow enough, or the verdict is more than inconclusive."""
        return self.half_width <= within or self.verdict != "inconclusive"

    def repeats_needed(self, within: float) -> int | None:
        """About how many more repeats make the interval narrow enough; None if unknown, or over `FORESEEN` in all.

        The estimate is the present spread, at the level of a run that may have so many repeats.
        """
        if self.half_width <= within:
            return 0
        if self.ratio.low is None or self.ratio.high is None or self.ratio.low <= 0:
            return None
        half = math.log(self.ratio.high / self.ratio.low) / 2
        spread = half / t_quantile(self.repeats, self.confidence) * math.sqrt(self.repeats)
        target = math.asinh(within)  # (e^h - e^-h) / 2 is the half width of a ratio whose logarithm is known within h
        for repeats in range(self.repeats + 1, FORESEEN + 1):
            if t_quantile(repeats, level(repeats)) * spread / math.sqrt(repeats) <= target:
                return repeats - self.repeats
        return None


@dataclass(frozen=True)
class Certainty:
    """A load point: its comparisons, and what they need."""

    point: LoadPoint
    where: str
    """Its section and load, for readers."""
    within: float
    """The requested half width, as a share of a ratio."""
    repeats: int
    block_s: float
    """The seconds of load of one more repeat."""
    compared: list[Compared] = field(default_factory=list)
    """Empty if there is nothing to compare."""
    at_maximum: bool = False
    """Whether arithmetic makes its contenders equal."""

    @property
    def undecided(self) -> bool:
        return any(not each.decided(self.within) for each in self.compared)

    @property
    def widest(self) -> Compared | None:
        """The least certain comparison; None if there is none."""
        return max(self.compared, key=lambda each: each.half_width, default=None)

    @property
    def sure(self) -> bool:
        """Whether every ratio is known as well as requested, or arithmetic sets it."""
        return all(each.half_width <= self.within for each in self.compared)

    @cached_property
    def repeats_needed(self) -> int | None:
        """About how many more repeats make every ratio as certain as requested; None if it is unknown, or too many."""
        needed = [each.repeats_needed(self.within) for each in self.compared]
        known = [each for each in needed if each is not None]
        return max(known, default=0) if len(known) == len(needed) else None

    @property
    def seconds_needed(self) -> float | None:
        return None if self.repeats_needed is None else self.repeats_needed * self.block_s


def certainties(comparison: Comparison) -> list[Certainty]:
    """The certainty of each load point, in reading order; none for a run whose repeats were fixed.

    Bursts are left out, because their contenders are not compared by a ratio.
    """
    within = comparison.run.plan.sure_within
    if within is None:
        return []
    sizes = _sizes(comparison.run)
    return [
        *(
            Certainty(each.key, f"{section.title}, {each.load_words}", within, *sizes[each.key], *_against_best(each))
            for section in comparison.sections
            for each in section.points
        ),
        *(
            Certainty(each.key, f"{section.title}, {each.load_words}", within, *sizes[each.key], _on_itself(each))
            for section in comparison.mixed
            for each in section.points
        ),
    ]


def _sizes(run: RunRecord) -> dict[LoadPoint, tuple[int, float]]:
    """The planned repeats of each load point, and the seconds of load of one of them."""
    found: dict[LoadPoint, tuple[int, float]] = {}
    for spec in run.trials:
        repeats, seconds = found.get(spec.point, (0, 0.0))
        own = spec.load_s if spec.repeat == 1 and not spec.replaces else 0.0
        found[spec.point] = max(repeats, spec.repeat), seconds + own
    return found


def _against_best(point: Point) -> tuple[list[Compared], bool]:
    """The comparisons of each contender with the best, and whether arithmetic makes them equal."""
    best = point.best
    if best is None or point.ceiling_bound:
        return [], point.ceiling_bound
    shared = {cell.variant: len(point.figures(cell).keys() & point.figures(best).keys()) for cell in point.counted}
    return [
        Compared(each.cell.target.title, each.ratio, each.verdict, shared[each.cell.variant], each.cell.confidence)
        for each in point.standings
        if each.ratio and each.verdict and each.cell in point.counted
    ], False


def _on_itself(point: MixedPoint) -> list[Compared]:
    """The comparison of each contender with itself, without its slow neighbours."""
    found = []
    for pair in point.pairs:
        ratio, verdict = point.ratio(pair), point.verdict(pair)
        if ratio and verdict and pair.beside and pair.alone:
            shared = pair.beside.latencies(point.percentile).keys() & pair.alone.latencies(point.percentile).keys()
            found.append(Compared(pair.first.target.title, ratio, verdict, len(shared), pair.first.confidence))
    return found
