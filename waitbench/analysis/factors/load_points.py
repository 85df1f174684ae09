"""The effects of framework, concurrency model and server, at load points with contenders that share some of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Literal

from waitbench.analysis.cells import Cell
from waitbench.analysis.factors.design import FACTORS, Factor, Levels
from waitbench.analysis.factors.model import Effect, Split, Unsplit, split
from waitbench.analysis.factors.simple_effects import SimpleEffect, simple_effects
from waitbench.analysis.points import Point, Section
from waitbench.records.run import Target

MeasureName = Literal["goodput", "p50", "p99", "cpu", "memory"]


@dataclass(frozen=True)
class Measure:
    """A figure that is split into the effects of framework, model and server."""

    name: MeasureName
    title: str
    times: str
    """The words after a ratio of it, as in `0.80 times as many`."""


MEASURES: dict[MeasureName, Measure] = {
    "goodput": Measure("goodput", "good responses/s", "as many"),
    "p50": Measure("p50", "p50", "as long"),
    "p99": Measure("p99", "p99", "as long"),
    "cpu": Measure("cpu", "CPU s per 1,000", "as much"),
    "memory": Measure("memory", "KiB per request", "as much"),
}

FRAMEWORKS = {"flask": "Flask", "django": "Django", "fastapi": "FastAPI", "quart": "Quart"}
"""The frameworks' own spelling; any other framework is shown by the name in variants.toml."""


@dataclass(frozen=True)
class Measured:
    """One measure at one load point, with its split and its simple effects."""

    measure: Measure
    found: Split | Unsplit
    simple: list[SimpleEffect]
    """The simple effects are also known if the measure cannot be split."""

    @property
    def split(self) -> Split | None:
        return self.found if isinstance(self.found, Split) else None

    @property
    def unsplit(self) -> Unsplit | None:
        return self.found if isinstance(self.found, Unsplit) else None

    def effect(self, factor: Factor, level: str) -> Effect | None:
        effects = self.split.effects.get(factor, ()) if self.split else ()
        return next((effect for effect in effects if effect.level == level), None)

    def within(self, factor: Factor, level: str) -> list[SimpleEffect]:
        """The level's simple effects."""
        return [each for each in self.simple if (each.factor, each.level) == (factor, level)]


@dataclass(frozen=True)
class Factors:
    """A load point whose contenders make a matrix of frameworks, models and servers, possibly with gaps."""

    section: Section
    point: Point
    cells: list[Cell]
    """All cells of the matrix, valid or not."""

    @property
    def lost(self) -> list[Cell]:
        return [cell for cell in self.cells if not cell.valid]

    @property
    def at_ceiling(self) -> list[Cell]:
        """The cells at their theoretical maximum; none if all cells are, or in an open loop."""
        if self.ceiling_bound or self.point.open:
            return []
        return [cell for cell in self._counted if cell.ceiling_bound]

    @property
    def ceiling_bound(self) -> bool:
        """Whether all valid cells are at their theoretical maximum, so that only the cost can be split."""
        return bool(self._counted) and all(cell.ceiling_bound for cell in self._counted)

    @cached_property
    def factors(self) -> tuple[Factor, ...]:
        """The factors that the matrix has, which are two or three."""
        return factors_of([levels_of(cell.target) for cell in self.cells])

    @property
    def server_included(self) -> bool:
        """Whether servers differ, but only together with framework or model, whose effects then include theirs."""
        return "server" not in self.factors and len({cell.target.server for cell in self.cells}) > 1

    def title(self, factor: Factor, level: str) -> str:
        """A level as reports show it: a server's title without parts that distinguish it from no other."""
        if factor == "server":
            return short_server(level, [cell.target.server for cell in self.cells])
        return FRAMEWORKS.get(level, level) if factor == "framework" else level

    @property
    def key(self) -> str:
        return f"{self.section.key}-{self.point.load:g}"

    def levels(self, factor: Factor) -> list[str]:
        """The levels of the valid cells, the reference first.

        The reference is the level with the most contenders, invalid ones included, and among equals the first of the
        run. No measured figure decides it.
        """
        every = [levels_of(cell.target)[factor] for cell in self.cells]
        counted = [levels_of(cell.target)[factor] for cell in self._counted]
        return sorted(dict.fromkeys(counted), key=lambda level: -every.count(level))

    def grouped(self, factor: Factor) -> list[str]:
        """The same, in the order in which they are shown: levels that are compared with each other are together."""
        known = next((each.split.effects.get(factor, ()) for each in self.measures if each.split), ())
        return list(dict.fromkeys([*(effect.level for effect in known), *self.levels(factor)]))

    @cached_property
    def measures(self) -> list[Measured]:
        """The measures for which any contender has a value."""
        tried = [(MEASURES[name], {cell.variant: of(cell) for cell in self._counted}) for name, of in self._asked]
        known = [(measure, values) for measure, values in tried if any(values.values())]
        levels = {cell.variant: levels_of(cell.target) for cell in self.cells}
        orders = {factor: self.levels(factor) for factor in self.factors}
        return [
            Measured(measure, split(levels, values, orders), simple_effects(levels, values, orders))
            for measure, values in known
        ]

    @property
    def leading(self) -> Measured | None:
        """The measure that ranks the contenders; None if arithmetic sets it."""
        first = self.measures[0] if self.measures else None
        return first if first and first.measure.name not in ("cpu", "memory") else None

    @property
    def calls(self) -> int:
        """The number of effects that are tested for significance; with interaction, only the simple effects."""
        tested = [measured.split for measured in self.measures if measured.split and not measured.split.interaction]
        ratios = [each.ratio for split in tested for effects in split.effects.values() for each in effects]
        ratios += [each.ratio for measured in self.measures for each in measured.simple]
        return sum(ratio is not None and ratio.bounded for ratio in ratios)

    @property
    def oddities(self) -> int:
        """The number of tests for interaction, each together with a test of the contender that departs most."""
        found = [measured.split.oddity for measured in self.measures if measured.split]
        return sum(oddity is not None and oddity.ratio.bounded for oddity in found)

    @property
    def _counted(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.valid]

    @property
    def _asked(self) -> list[tuple[MeasureName, Callable[[Cell], Mapping[int, float]]]]:
        """The measures to split, in reading order.

        Goodput is no property of the contender if the rate is given (open loop) or set by arithmetic (ceiling).
        """
        cost: list[tuple[MeasureName, Callable[[Cell], Mapping[int, float]]]] = [("cpu", _costs), ("memory", _memory)]
        if self.ceiling_bound:
            return cost
        name: MeasureName = "p99" if self.point.open and self.point.percentile == "p99" else "p50"
        latency: tuple[MeasureName, Callable[[Cell], Mapping[int, float]]] = (name, lambda c: _latencies(c, name))
        return [latency, *cost] if self.point.open else [("goodput", _goodputs), latency, *cost]


def factors(sections: Sequence[Section]) -> list[Factors]:
    """The factors of each load point that has a matrix."""
    found = [
        Factors(section, point, [cell for cell in point.cells if takes_part(cell)])
        for section in sections
        for point in section.points
    ]
    return [each for each in found if each.factors]


def takes_part(cell: Cell) -> bool:
    """Whether a cell is part of the matrix: a plain contender in one process, on the same cores as all others.

    External services, A/A copies and contenders without the GIL are not. Threads without the GIL are a different model
    with the same name.
    """
    target = cell.target
    plain = target.kind == "contender" and not target.external and not target.same_as and target.gil
    return plain and target.budget.get("workers") == 1 and target.cpus == 0 and cell.spec.conditions.service_cpus == 0


def levels_of(target: Target) -> Levels:
    return {"framework": target.framework, "model": target.model, "server": target.server}


def factors_of(levels: Sequence[Levels]) -> tuple[Factor, ...]:
    """The factors of a matrix, or none if the contenders make no matrix.

    Some contenders have to share a framework and some a model. A server is a factor only if contenders differ in
    nothing else. Otherwise it is a function of framework and model, so its effect is their interaction.
    """
    varied = [factor for factor in FACTORS if len({each[factor] for each in levels}) > 1]
    if "server" in varied and any(_differ_only_in(levels, "server")):
        return tuple(varied) if len(varied) > 1 else ()
    plain: tuple[Factor, ...] = ("framework", "model")
    return plain if all(1 < len({each[factor] for each in levels}) < len(levels) for factor in plain) else ()


def _differ_only_in(levels: Sequence[Levels], factor: Factor) -> Iterator[bool]:
    for one, other in combinations(levels, 2):
        yield [each for each in FACTORS if one[each] != other[each]] == [factor]


def short_server(title: str, titles: Sequence[str]) -> str:
    """`uvicorn` for `uvicorn, uvloop, httptools`, or `uvicorn httptools` if another has the same first word."""
    first, *rest = title.split(", ")
    alike = [set(other.split(", ")[1:]) for other in titles if other.split(", ")[0] == first]
    common = set.intersection(*alike) if alike else set()
    return " ".join([first, *(part for part in rest if part not in common)])


def _goodputs(cell: Cell) -> Mapping[int, float]:
    return {repeat: rps for repeat, rps in cell.goodputs.items() if rps > 0}


def _latencies(cell: Cell, name: str) -> Mapping[int, float]:
    return cell.latencies(name) if cell.carries(name) else {}


def _costs(cell: Cell) -> Mapping[int, float]:
    return cell.costs


def _memory(cell: Cell) -> Mapping[int, float]:
    """One figure for all trials of a cell: each trial gives only a lower bound, so trials are no repeats."""
    return {0: cell.kib_per_request} if cell.kib_per_request else {}
