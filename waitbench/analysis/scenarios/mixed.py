"""The effect of slow neighbours on fast requests: the same fast arrivals with the neighbours and without."""

from dataclasses import dataclass
from functools import cached_property

from waitbench.analysis.cells import Cell, latency_ratio
from waitbench.analysis.statistics import Interval, Verdict, natural_interval, time_verdict
from waitbench.catalog.percentiles import PERCENTILES, samples_needed
from waitbench.catalog.scenarios import SCENARIOS, ScenarioTexts
from waitbench.catalog.workloads import neighbours_words, params_tags
from waitbench.records import histogram
from waitbench.records.load_point import LoadPoint, Mixed
from waitbench.records.trial import Neighbours


@dataclass(frozen=True)
class Pair:
    """One contender at one rate, with its neighbours and alone. In an incomplete run either may be missing."""

    beside: Cell | None
    alone: Cell | None

    @property
    def cells(self) -> list[Cell]:
        return [cell for cell in (self.alone, self.beside) if cell]

    @property
    def first(self) -> Cell:
        return self.cells[0]

    @property
    def variant(self) -> str:
        return self.first.variant

    @property
    def valid(self) -> bool:
        return all(cell.valid for cell in self.cells)

    def carries(self, name: str) -> bool:
        """Whether each trial's own sample is large enough for a percentile."""
        return all(cell.carries(name) for cell in self.cells)

    def ratio(self, name: str) -> Interval | None:
        """A percentile with the neighbours over the same percentile alone, paired by repeat."""
        return latency_ratio(self.beside, self.alone, name) if self.beside and self.alone else None

    @cached_property
    def neighbours_goodput(self) -> Interval | None:
        """The neighbours' good responses per second."""
        cells = [self.beside] if self.beside else []
        rates = [t.neighbours.measured.good / t.window_s for cell in cells for t in cell.trials if t.neighbours]
        return natural_interval(rates, self.first.confidence) if rates else None

    @cached_property
    def neighbours_p99_ms(self) -> float | None:
        found = [each.latency for each in self._neighbours if each.latency]
        if sum(each.count for each in found) < samples_needed(PERCENTILES["p99"]):
            return None
        return histogram.percentile_us(histogram.merged(each.histogram for each in found), PERCENTILES["p99"]) / 1000

    @property
    def _neighbours(self) -> list[Neighbours]:
        return [trial.neighbours for trial in self.beside.trials if trial.neighbours] if self.beside else []


@dataclass(frozen=True)
class MixedPoint:
    """Every contender at one rate."""

    load: float
    pairs: list[Pair]

    @property
    def key(self) -> LoadPoint:
        return self.pairs[0].first.spec.point

    @property
    def load_words(self) -> str:
        return self.key.load_words

    @cached_property
    def percentile(self) -> str:
        """The percentile that compares all contenders: p99, or p50 if any valid trial is too small for p99."""
        valid = [pair for pair in self.pairs if pair.valid]
        return "p99" if valid and all(pair.carries("p99") for pair in valid) else "p50"

    def ratio(self, pair: Pair) -> Interval | None:
        return pair.ratio(self.percentile)

    def verdict(self, pair: Pair) -> Verdict | None:
        """The verdict on the latency with neighbours: slower if it is longer than alone."""
        ratio = self.ratio(pair)
        return None if ratio is None else time_verdict(ratio)


@dataclass(frozen=True)
class MixedSection:
    """One kind of neighbours, at all its rates."""

    slow: Mixed
    points: list[MixedPoint]

    @property
    def scenario(self) -> ScenarioTexts:
        return SCENARIOS["mixed"]

    @property
    def key(self) -> str:
        return "-".join(["mixed", self.slow.workload, *params_tags(self.slow.params), f"share{self.slow.share:g}"])

    @property
    def title(self) -> str:
        return f"{self.scenario.title} ({self.neighbours})"

    @property
    def neighbours(self) -> str:
        return neighbours_words(self.slow)

    @property
    def top(self) -> MixedPoint:
        """The highest rate, at which differences show most."""
        return self.points[-1]

    @property
    def cells(self) -> list[Cell]:
        return [cell for point in self.points for pair in point.pairs for cell in pair.cells]
