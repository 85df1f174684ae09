"""The one model that every report is drawn from: a run's cells and searches, and what may be said of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from waitbench.cells import Cell, Point, Section
from waitbench.knees import Knee, KneeSection
from waitbench.results import RunRecord, Target, TrialRecord, TrialSpec
from waitbench.statistics import CONFIDENCE, chance_calls
from waitbench.validity import reasons
from waitbench.workloads import WORKLOADS

K = TypeVar("K")
V = TypeVar("V")

SectionKey = tuple[str, tuple[tuple[str, int], ...], str]
"""Workload, parameters, load model."""
PointKey = tuple[SectionKey, float]


@dataclass(frozen=True)
class Chance:
    """How many comparisons a report makes, and how many would call a difference were all contenders alike."""

    comparisons: int
    least: float
    most: float


@dataclass(frozen=True)
class Comparison:
    """A run, as far as it got."""

    run: RunRecord
    sections: list[Section]
    knees: list[KneeSection]
    missing: list[TrialSpec]
    stale: bool
    """The run says it is running, and nothing runs: it was killed."""

    @property
    def cells(self) -> list[Cell]:
        return [cell for section in self.sections for point in section.points for cell in point.cells]

    @property
    def searched(self) -> list[Cell | Knee]:
        """Whatever has trials."""
        return [*self.cells, *(knee for section in self.knees for knee in section.knees)]

    @property
    def all_valid(self) -> bool:
        """What a search missed is what it looked for; that it found no rate that is sure is not."""
        found = all(knee.low is not None for section in self.knees for knee in section.knees)
        return all(cell.valid for cell in self.cells) and found and not self.missing and not self.run.searching

    @property
    def chance(self) -> Chance:
        """Of every load point that ranks, and of the cost that each section's answer tells."""
        ranked = [point.ranked for section in self.sections for point in section.points]
        costs = [section.top.cost for section in self.sections]
        costed = [cost.contenders for cost in costs if cost and cost.ratio and cost.ratio.bounded]
        comparisons = sum(ranked) + len(costed)
        most = sum(chance_calls(count + 1) for count in ranked) + sum(chance_calls(count) for count in costed)
        return Chance(comparisons, (1 - CONFIDENCE) * comparisons, most)

    @property
    def variants(self) -> list[Target]:
        return list(self.run.targets.values())

    @property
    def state(self) -> str:
        """What the reader must know of how the run ended; "" for a whole one."""
        status = "killed before it could say so" if self.stale else self.run.status
        told = f": {self.run.message}" if self.run.message else ""
        words = {"running": "is still going on", "complete": "is complete", "failed": "failed"}
        word = words.get(status, f"was {status}")
        more = ["Its search for the knee is not finished."] if self.run.searching else []
        if self.missing:
            done = len(self.run.trials) - len(self.missing)
            gone = ", ".join(f"{variant} {count}" for variant, count in _counted(spec.variant for spec in self.missing))
            more.insert(0, f"{done} of {len(self.run.trials)} trials are here; missing: {gone}.")
        if not more and status == "complete":
            return ""
        return " ".join([f"This run {word}{told}.", *(more or ["Every trial had finished."])])


def compare(run: RunRecord, trials: Iterable[TrialRecord], stale: bool = False) -> Comparison:
    """From a run's files to what may be said."""
    every = list(trials)
    have = {trial.spec.file for trial in every}
    order = list(run.targets)
    found = [trial for trial in every if trial.spec.objective_p99_ms is None]
    planned = _grouped(run.trials, lambda spec: (_point_key(spec), spec.variant))
    cells = [
        _cell(run.targets[variant], group, len(planned[key, variant]))
        for (key, variant), group in _grouped(found, lambda trial: (_point_key(trial.spec), trial.spec.variant)).items()
    ]
    place = _places(run)
    cells.sort(key=lambda c: (place[_section_key(c.spec)], c.load, order.index(c.variant)))
    return Comparison(
        run=run,
        sections=[_section(list(group)) for _, group in groupby(cells, key=lambda c: _section_key(c.spec))],
        knees=_knees(run, [trial for trial in every if trial.spec.objective_p99_ms is not None]),
        missing=[spec for spec in run.trials if spec.file not in have],
        stale=stale,
    )


def _knees(run: RunRecord, trials: list[TrialRecord]) -> list[KneeSection]:
    sections = []
    for (key, objective), group in _grouped(trials, lambda t: (_section_key(t.spec), t.spec.objective_p99_ms)).items():
        by_variant = _grouped(group, lambda trial: trial.spec.variant)
        knees = [
            Knee(target, by_variant[name], run.plan["repeats"], *_rates(run, group[0].spec))
            for name, target in run.targets.items()
            if name in by_variant
        ]
        sections.append(KneeSection(WORKLOADS[key[0]], dict(key[1]), objective or 0.0, knees))
    return sections


def _rates(run: RunRecord, spec: TrialSpec) -> tuple[float, float]:
    """Where the search that a trial belongs to begins and ends at the latest."""
    sought = (spec.workload, spec.params, spec.objective_p99_ms)
    cells = [c for c in run.plan["cells"] if (c["workload"], c["params"], c.get("p99_ms")) == sought]
    return cells[0]["from_rate"], cells[0]["to_rate"]


def _places(run: RunRecord) -> dict[SectionKey, int]:
    """Where each section stands: in the order of the plan, not of the shuffled blocks."""
    places: dict[SectionKey, int] = {}
    for cell in run.plan["cells"]:
        model = "closed" if cell.get("users") else "open"
        places.setdefault((cell["workload"], tuple(cell["params"].items()), model), len(places))
    return places


def _cell(target: Target, trials: list[TrialRecord], planned: int) -> Cell:
    said = {(r.code, r.text): r for trial in trials for r in reasons(trial, target)}
    return Cell(target, trials[0].spec, trials, planned, list(said.values()))


def _section(cells: list[Cell]) -> Section:
    spec = cells[0].spec
    points = [Point(load, list(group)) for load, group in groupby(cells, key=lambda cell: cell.load)]
    return Section(WORKLOADS[spec.workload], spec.params, points)


def _point_key(spec: TrialSpec) -> PointKey:
    return _section_key(spec), spec.load


def _section_key(spec: TrialSpec) -> SectionKey:
    return spec.workload, tuple(spec.params.items()), spec.load_model


def _grouped(items: Iterable[V], key: Callable[[V], K]) -> dict[K, list[V]]:
    groups: dict[K, list[V]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def _counted(names: Iterable[str]) -> list[tuple[str, int]]:
    return [(name, len(group)) for name, group in _grouped(names, lambda name: name).items()]
