"""What is the framework's and what the concurrency model's, where a load point has contenders that share either."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from waitbench.analysis.cells import Cell
from waitbench.analysis.factors.model import FACTORS, Effect, Factor, Levels, Split, Unsplit, split
from waitbench.analysis.factors.simple_effects import SimpleEffect, simple_effects
from waitbench.analysis.points import Point, Section
from waitbench.records.run import Target

MeasureName = Literal["goodput", "p50", "p99", "cpu", "memory"]


@dataclass(frozen=True)
class Measure:
    """What is split."""

    name: MeasureName
    title: str
    times: str
    """What a ratio of it is: `0.80 times as many`."""


MEASURES: dict[MeasureName, Measure] = {
    "goodput": Measure("goodput", "good answers/s", "as many"),
    "p50": Measure("p50", "p50", "as long"),
    "p99": Measure("p99", "p99", "as long"),
    "cpu": Measure("cpu", "CPU s per 1,000", "as much"),
    "memory": Measure("memory", "KiB a request", "as much"),
}

FRAMEWORKS = {"flask": "Flask", "django": "Django", "fastapi": "FastAPI"}
"""As they call themselves; another one is told by the name that it is listed under."""


@dataclass(frozen=True)
class Measured:
    """One measure at one load point, split."""

    measure: Measure
    found: Split | Unsplit
    simple: list[SimpleEffect]
    """Known where nothing can be split, too."""

    @property
    def split(self) -> Split | None:
        return self.found if isinstance(self.found, Split) else None

    @property
    def unsplit(self) -> Unsplit | None:
        return self.found if isinstance(self.found, Unsplit) else None

    def effect(self, factor: Factor, level: str) -> Effect | None:
        effects = self.split.effects[factor] if self.split else ()
        return next((effect for effect in effects if effect.level == level), None)

    def within(self, factor: Factor, level: str) -> list[SimpleEffect]:
        """The level's simple effects."""
        return [each for each in self.simple if (each.factor, each.level) == (factor, level)]


@dataclass(frozen=True)
class Factors:
    """A load point whose contenders make a matrix of frameworks and models, with gaps maybe."""

    section: Section
    point: Point
    cells: list[Cell]
    """Of the matrix, whether they count or not."""

    @property
    def lost(self) -> list[Cell]:
        return [cell for cell in self.cells if not cell.valid]

    @property
    def at_ceiling(self) -> list[Cell]:
        """Those whose own figures arithmetic sets, where it does not set those of all."""
        if self.ceiling_bound or self.point.open:
            return []
        return [cell for cell in self._counted if cell.ceiling_bound]

    @property
    def ceiling_bound(self) -> bool:
        """Arithmetic sets what each of them answers: only what it cost is left to split."""
        return bool(self._counted) and all(cell.ceiling_bound for cell in self._counted)

    @property
    def key(self) -> str:
        return f"{self.section.key}-{self.point.load:g}"

    def levels(self, factor: Factor) -> list[str]:
        """Of those that count; the reference first: that of most contenders, those that do not count too, and of those
        the first of the run. No figure has a say in it."""
        place = FACTORS.index(factor)
        every = [levels_of(cell.target)[place] for cell in self.cells]
        counted = [levels_of(cell.target)[place] for cell in self._counted]
        return sorted(dict.fromkeys(counted), key=lambda level: -every.count(level))

    @cached_property
    def measures(self) -> list[Measured]:
        """Those that are known of any contender."""
        tried = [(MEASURES[name], {cell.variant: of(cell) for cell in self._counted}) for name, of in self._asked]
        known = [(measure, values) for measure, values in tried if any(values.values())]
        levels = {cell.variant: levels_of(cell.target) for cell in self.cells}
        frameworks, models = map(self.levels, FACTORS)
        asked = [(measure, (levels, values, frameworks, models)) for measure, values in known]
        return [Measured(measure, split(*of), simple_effects(*of)) for measure, of in asked]

    @property
    def leading(self) -> Measured | None:
        """What contenders are ranked by here; None where arithmetic sets it."""
        first = self.measures[0] if self.measures else None
        return first if first and first.measure.name not in ("cpu", "memory") else None

    @property
    def calls(self) -> int:
        """How many effects could be called: where there is interaction, the simple ones alone."""
        told = [measured.split for measured in self.measures if measured.split and not measured.split.interaction]
        ratios = [each.ratio for split in told for factor in FACTORS for each in split.effects[factor]]
        ratios += [each.ratio for measured in self.measures for each in measured.simple]
        return sum(ratio is not None and ratio.bounded for ratio in ratios)

    @property
    def oddities(self) -> int:
        """How many times factors could be told not to multiply, and a contender not to fit."""
        found = [measured.split.oddity for measured in self.measures if measured.split]
        return sum(oddity is not None and oddity.ratio.bounded for oddity in found)

    @property
    def _counted(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.valid]

    @property
    def _asked(self) -> list[tuple[MeasureName, Callable[[Cell], Mapping[int, float]]]]:
        """In reading order. In an open loop the rate is given, and at the ceiling arithmetic gives it: neither is a
        figure of the contender."""
        cost: list[tuple[MeasureName, Callable[[Cell], Mapping[int, float]]]] = [("cpu", _costs), ("memory", _memory)]
        if self.ceiling_bound:
            return cost
        name: MeasureName = "p99" if self.point.open and self.point.percentile == "p99" else "p50"
        latency: tuple[MeasureName, Callable[[Cell], Mapping[int, float]]] = (name, lambda c: _latencies(c, name))
        return [latency, *cost] if self.point.open else [("goodput", _goodputs), latency, *cost]


def factors(sections: Sequence[Section]) -> list[Factors]:
    """One for each load point that has a matrix."""
    found = [
        Factors(section, point, [cell for cell in point.cells if takes_part(cell)])
        for section in sections
        for point in section.points
    ]
    return [each for each in found if _is_matrix([levels_of(cell.target) for cell in each.cells])]


def takes_part(cell: Cell) -> bool:
    """A contender of ours, once, as one process on the cores that all have. Without the lock threads are another model,
    though they go by the same name."""
    target = cell.target
    plain = target.kind == "contender" and not target.external and not target.twin_of and target.gil
    return plain and target.budget.get("workers") == 1 and target.cpus == 0 and cell.spec.cpus == 0


def levels_of(target: Target) -> Levels:
    return target.framework, target.model


def level_title(factor: Factor, level: str) -> str:
    return FRAMEWORKS.get(level, level) if factor == "framework" else level


def _is_matrix(levels: Sequence[Levels]) -> bool:
    """Some share a framework, and some a model: else there is nothing to tell the two apart by."""
    return all(1 < len({each[place] for each in levels}) < len(levels) for place in range(len(FACTORS)))


def _goodputs(cell: Cell) -> Mapping[int, float]:
    return {repeat: rps for repeat, rps in cell.goodputs.items() if rps > 0}


def _latencies(cell: Cell, name: str) -> Mapping[int, float]:
    return cell.latencies(name) if cell.carries(name) else {}


def _costs(cell: Cell) -> Mapping[int, float]:
    return cell.costs


def _memory(cell: Cell) -> Mapping[int, float]:
    """One figure for all its trials, as everywhere: what each trial tells alone is a lower bound, and no repeat of the
    others."""
    return {0: cell.kib_per_request} if cell.kib_per_request else {}
