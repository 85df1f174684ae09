"""Load points: every contender under one load, compared with the best."""

from dataclasses import dataclass, replace
from functools import cached_property
from math import inf

from waitbench.analysis.cells import Cell
from waitbench.analysis.statistics import (
    CONFIDENCE,
    Interval,
    Verdict,
    geometric_interval,
    paired_ratio,
    time_verdict,
    verdict,
)
from waitbench.catalog.percentiles import PERCENTILES, samples_needed
from waitbench.catalog.workloads import Workload, params_tags, params_words
from waitbench.records.load_point import LoadPoint


@dataclass(frozen=True)
class Standing:
    """A cell compared with the best of its load point."""

    cell: Cell
    ratio: Interval | None
    """None for the best itself, for an invalid cell, and if the two have no repeat in common."""
    verdict: Verdict | None
    """None for the best itself and for an invalid cell."""
    best: bool = False


@dataclass(frozen=True)
class Cost:
    """The cheapest and the most expensive cell of a load point, by CPU seconds per 1,000 responses."""

    cheapest: Cell
    dearest: Cell
    contenders: int
    ratio: Interval | None
    """The most expensive over the cheapest; None if the two have no repeat in common."""

    @property
    def differs(self) -> bool:
        return self.ratio is not None and verdict(self.ratio) == "faster"  # the verdict on a ratio above 1


@dataclass(frozen=True)
class Point:
    """Every contender under one load."""

    load: float
    cells: list[Cell]

    @property
    def key(self) -> LoadPoint:
        return self.cells[0].spec.point

    @property
    def load_words(self) -> str:
        return self.key.load_words

    @property
    def open(self) -> bool:
        """Whether it is an open loop. The rate is given, so contenders differ in latency, not in throughput."""
        return self.cells[0].spec.load_model == "open"

    @property
    def counted(self) -> list[Cell]:
        """The valid cells that are ranked: the contenders, or all cells if there are no contenders."""
        valid = [cell for cell in self.cells if cell.valid]
        return [cell for cell in valid if cell.target.kind == "contender"] or valid

    @cached_property
    def best(self) -> Cell | None:
        return min((cell for cell in self.counted if self.place(cell) < inf), key=self.place, default=None)

    def place(self, cell: Cell) -> float:
        """A key that sorts cells, the best first; infinite for a cell that has no figure to compare."""
        if cell.goodput.mean <= 0:
            return inf
        if not self.open:
            return -cell.goodput.mean
        latencies = list(cell.latencies(self.percentile).values())
        return geometric_interval(latencies).mean if latencies else inf

    @property
    def percentile(self) -> str:
        """The percentile that compares contenders of an open loop: p99, or p50 if any trial is too small for p99."""
        counts = [t.latency.count for cell in self.cells if cell.valid for t in cell.trials if t.latency]
        return "p99" if counts and min(counts) >= samples_needed(PERCENTILES["p99"]) else "p50"

    @property
    def ceiling_bound(self) -> bool:
        """Whether all ranked cells are at the same theoretical maximum, so arithmetic makes them equal."""
        counted = self.counted
        ceilings = {round(cell.ceiling.rps, 3) if cell.ceiling else None for cell in counted}
        return len(ceilings) == 1 and all(cell.ceiling_bound for cell in counted)

    @cached_property
    def standings(self) -> list[Standing]:
        return [self._standing(cell) for cell in self.cells]

    @cached_property
    def cost(self) -> Cost | None:
        """The comparison by CPU cost; None if fewer than two cells have one."""
        costs = [(cell.cpu_s_per_1k, cell) for cell in self.counted if cell.cpu_s_per_1k is not None]
        costs.sort(key=lambda cost: cost[0])
        if len(costs) < 2:
            return None
        cheapest, dearest = costs[0][1], costs[-1][1]
        return Cost(cheapest, dearest, len(costs), paired_ratio(dearest.costs, cheapest.costs, dearest.confidence))

    @property
    def ranked(self) -> int:
        """How many cells are compared with the best and have an interval; 0 if arithmetic makes them equal."""
        return 0 if self.ceiling_bound else sum(bool(s.ratio and s.ratio.bounded) for s in self.standings)

    def figures(self, cell: Cell) -> dict[int, float]:
        """The figures that compare a cell with the best, by repeat."""
        return cell.latencies(self.percentile) if self.open else cell.goodputs

    def _standing(self, cell: Cell) -> Standing:
        if self.best is None or not cell.valid or cell.goodput.mean <= 0:
            return Standing(cell, None, None)
        if cell is self.best:
            return Standing(cell, None, None, best=True)
        ratio = paired_ratio(self.figures(cell), self.figures(self.best), cell.confidence)
        if ratio is None:  # the run is incomplete
            return Standing(cell, None, "inconclusive")
        if self.ceiling_bound and cell.ceiling_bound:
            return Standing(cell, ratio, "tie")
        return Standing(cell, ratio, time_verdict(ratio) if self.open else verdict(ratio))


@dataclass(frozen=True)
class Section:
    """One workload with one set of parameters, under all its loads."""

    workload: Workload
    params: dict[str, int]
    points: list[Point]

    @property
    def key(self) -> str:
        more = [*(["open"] if self.top.open else []), *([f"{self.cpus}cpu"] if self.cpus else [])]
        return "-".join([self.workload.name, *params_tags(self.params), *more])

    @property
    def cpus(self) -> int:
        """The number of cores of each service; 0 means its declared ones."""
        return self.top.cells[0].spec.conditions.service_cpus

    @property
    def title(self) -> str:
        cores = [f"{self.cpus} core{'s' if self.cpus > 1 else ''}"] if self.cpus else []
        given = ", ".join([*params_words(self.params), *(["open loop"] if self.top.open else []), *cores])
        return f"{self.workload.title} ({given})" if given else self.workload.title

    @property
    def twins(self) -> bool:
        """Whether the section only compares one contender with itself (A/A)."""
        names = {cell.target.same_as for point in self.points for cell in point.cells}
        return len(names) == 1 and names != {""}

    @property
    def top(self) -> Point:
        """The highest load, at which differences show most."""
        return self.points[-1]

    def cells_of(self, variant: str) -> list[Cell]:
        return [cell for point in self.points for cell in point.cells if cell.variant == variant]


def in_first_repeats(section: Section, repeats: int) -> Section:
    """The section with the first repeats only, which every run of its plan has: their intervals need no correction.

    A cell keeps its reasons, so it is valid if it is valid with all repeats.
    """
    points = []
    for point in section.points:
        kept = [(cell, [trial for trial in cell.trials if trial.spec.repeat <= repeats]) for cell in point.cells]
        cells = [replace(cell, trials=trials, confidence=CONFIDENCE) for cell, trials in kept if trials]
        points += [replace(point, cells=cells)] if cells else []
    return replace(section, points=points)
