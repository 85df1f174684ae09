"""The model behind every report: the cells and searches of a run, and their comparisons."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import TypeVar

from waitbench.analysis.cells import Cell
from waitbench.analysis.claims import Verdict, verdicts
from waitbench.analysis.factors.load_points import Factors, factors
from waitbench.analysis.knee.found import Knee, KneeSection
from waitbench.analysis.looks import level
from waitbench.analysis.points import Point, Section, in_first_repeats
from waitbench.analysis.same_server import by_server
from waitbench.analysis.scenarios.bursts import Burst, BurstSection
from waitbench.analysis.scenarios.mixed import MixedPoint, MixedSection, Pair
from waitbench.analysis.scenarios.remote_calls import RemoteCallGain, remote_call_gains
from waitbench.analysis.statistics import CONFIDENCE, Interval, chance_calls
from waitbench.catalog.workloads import WORKLOADS
from waitbench.errors import WaitbenchError
from waitbench.records.folder import Damaged
from waitbench.records.load_point import Conditions, LoadPoint
from waitbench.records.replaced import uncounted_blocks
from waitbench.records.run import PlannedSection, RunRecord, Target
from waitbench.records.spec import TrialSpec
from waitbench.records.trial import TrialRecord
from waitbench.validity.reason import Reason
from waitbench.validity.rules import reasons

K = TypeVar("K")

V = TypeVar("V")

CellKey = tuple[LoadPoint, str, bool]
"""Load point, variant, and whether it is a mixed load without its neighbours."""


@dataclass(frozen=True)
class Chance:
    """How many comparisons a report makes, and how many false positives to expect if all contenders were equal."""

    comparisons: int
    least: float
    """The expected number of false positives, lower bound."""
    most: float
    """The expected number of false positives, upper bound."""


@dataclass(frozen=True)
class Replaced:
    """A trial of a block that is in no figure, because another block has its place."""

    trial: TrialRecord
    target: Target
    by: int | None
    """The block that replaced its own; None for a trial of an unfinished replacement."""

    @property
    def disturbances(self) -> list[Reason]:
        """The findings that make it invalid; none if only other trials of its block were disturbed."""
        return [reason for reason in reasons(self.trial, self.target) if reason.weight == "invalid"]


@dataclass(frozen=True)
class Comparison:
    """A run, complete or not, with everything that a report compares."""

    run: RunRecord
    sections: list[Section]
    mixed: list[MixedSection]
    bursts: list[BurstSection]
    knees: list[KneeSection]
    missing: list[TrialSpec]
    stale: bool
    """The status is "running", but nothing runs: the run was killed."""
    damaged: list[Damaged] = field(default_factory=list)
    """Trials whose files exist but cannot be used, so they are in no figure."""
    replaced: list[Replaced] = field(default_factory=list)
    """Trials of blocks that were measured again, so they are in no figure."""

    @property
    def replaced_blocks(self) -> list[list[Replaced]]:
        """The trials of each block that another one replaced, without those of unfinished replacements."""
        return list(_grouped((each for each in self.replaced if each.by), lambda each: each.trial.spec.block).values())

    @property
    def cells(self) -> list[Cell]:
        return [
            *(cell for section in self.sections for point in section.points for cell in point.cells),
            *(cell for section in self.mixed for cell in section.cells),
            *(burst.cell for section in self.bursts for burst in section.bursts),
        ]

    @cached_property
    def remote_call_gains(self) -> list[RemoteCallGain]:
        return remote_call_gains(self.sections)

    @cached_property
    def factors(self) -> list[Factors]:
        if self.run.most_repeats is None:
            return factors(self.sections)
        return factors([in_first_repeats(section, self.run.plan.repeats) for section in self.sections])

    def factors_of(self, section: Section) -> Factors | None:
        """The factors at a section's highest load; None if its contenders make no matrix."""
        return next((each for each in self.factors if each.point.key == section.top.key), None)

    @cached_property
    def claims(self) -> list[Verdict]:
        return verdicts(self.run, self.cells)

    @property
    def searched(self) -> list[Cell | Knee]:
        """All cells and knees, which is everything that has trials."""
        return [*self.cells, *(knee for section in self.knees for knee in section.knees)]

    @property
    def all_valid(self) -> bool:
        """Whether the run is complete, all its cells are valid, and all its searches found a rate.

        A trial of a search that misses the objective is a normal result; a search without any certain rate is not. A
        run without cells and searches is not valid.
        """
        found = all(knee.low is not None for section in self.knees for knee in section.knees)
        whole = bool(self.searched) and not self.missing and not self.damaged and not self.run.searching
        return all(cell.valid for cell in self.cells) and found and whole

    @property
    def chance(self) -> Chance:
        """The number of comparisons in the report, and the expected false positives.

        It counts these comparisons:

        - contenders with the best one of each ranked load point, and of each server at the highest load of a section
        - CPU cost at the highest load of each section
        - each contender with its neighbours and without
        - each contender's concurrent remote calls with sequential ones
        - effects and simple effects of frameworks, models and servers, and the contender that fits them least
        """
        ranked = [point.ranked for section in self.sections for point in section.points]
        ranked += [each for section in self.sections for each in _on_each_server(section.top)]
        costs = [section.top.cost for section in self.sections]
        costed = [cost.contenders for cost in costs if cost and _bounded(cost.ratio)]
        unchosen = sum(_bounded(point.ratio(pair)) for s in self.mixed for point in s.points for pair in point.pairs)
        unchosen += sum(_bounded(each.ratio) for gain in self.remote_call_gains for each in gain.contenders)
        unchosen += sum(each.calls for each in self.factors)
        tested = sum(each.oddities for each in self.factors)  # by an F test, and the contender by a second test
        comparisons = sum(ranked) + len(costed) + unchosen
        most = sum(chance_calls(count + 1) for count in ranked) + sum(chance_calls(count) for count in costed)
        most += (1 - CONFIDENCE) * (unchosen + tested)
        return Chance(comparisons + tested, (1 - CONFIDENCE) * comparisons, most)

    @property
    def variants(self) -> list[Target]:
        return list(self.run.targets.values())

    @property
    def state(self) -> str:
        """How the run ended, for the reader; "" for a complete run."""
        status = "killed before it recorded its end" if self.stale else self.run.status
        message = f": {self.run.message}" if self.run.message else ""
        words = {"running": "is still running", "complete": "is complete", "failed": "failed"}
        word = words.get(status, f"was {status}")
        more = [self._follows] if self.run.searching and self._follows else []
        absent = [("missing", self.missing), ("damaged", [each.spec for each in self.damaged])]
        if lost := "; ".join(f"{kind}: {_by_variant(specs)}" for kind, specs in absent if specs):
            done = len(self.run.trials) - len(self.missing) - len(self.damaged)
            more.insert(0, f"{done} of {len(self.run.trials)} trials are here; {lost}.")
        if not more and status == "complete":
            return ""
        return " ".join([f"This run {word}{message}.", *(more or ["All trials had finished."])])

    @property
    def _follows(self) -> str:
        """A sentence on trials that might have followed; "" if all were planned before the run."""
        if self.run.most_repeats is not None:
            return "More repeats might have followed."
        searches = any(section.conditions.search for section in self.run.sections)
        return "Its search for the knee is not finished." if searches else ""


def compare(
    run: RunRecord, trials: Iterable[TrialRecord], stale: bool = False, damaged: Sequence[Damaged] = ()
) -> Comparison:
    """The comparison of a run's trials. Raises WaitbenchError if the plan does not ask for one of them."""
    every = list(trials)
    finished = {trial.spec.file for trial in every}
    have = finished | {each.spec.file for each in damaged}
    uncounted = uncounted_blocks(run.trials, finished)
    planned = {section.conditions: section for section in run.sections}
    for trial in every:
        if trial.spec.conditions not in planned:
            raise _unplanned(trial.spec)
    counted = [trial for trial in every if trial.spec.block not in uncounted]
    cells = _cells(run, [trial for trial in counted if not trial.spec.conditions.search], uncounted)
    sections = [(found, list(group)) for found, group in groupby(cells, key=lambda cell: cell.spec.conditions)]
    return Comparison(
        run=run,
        sections=[_section(found, group) for found, group in sections if not found.mixed and not found.burst],
        mixed=[MixedSection(found.mixed, _mixed_points(group)) for found, group in sections if found.mixed],
        bursts=[BurstSection([Burst(cell) for cell in group]) for found, group in sections if found.burst],
        knees=_knees(run, planned, [trial for trial in every if trial.spec.conditions.search]),
        missing=[spec for spec in run.trials if spec.file not in have],
        stale=stale,
        damaged=list(damaged),
        replaced=[
            Replaced(trial, run.targets[trial.spec.variant], uncounted[trial.spec.block])
            for trial in every
            if trial.spec.block in uncounted
        ],
    )


def _cells(run: RunRecord, trials: list[TrialRecord], uncounted: Collection[int]) -> list[Cell]:
    """Cells in the order of the plan, of loads and of contenders, not of the shuffled blocks."""
    order, place = list(run.targets), {section.conditions: n for n, section in enumerate(run.sections)}
    planned = _grouped((spec for spec in run.trials if spec.block not in uncounted), _cell_key)
    groups = _grouped(trials, lambda trial: _cell_key(trial.spec))
    cells = [
        Cell.of(run.targets[group[0].spec.variant], group, len(planned[key]), level(run.most_repeats))
        for key, group in groups.items()
    ]
    return sorted(cells, key=lambda c: (place[c.spec.conditions], c.load, order.index(c.variant)))


def _knees(
    run: RunRecord, planned: Mapping[Conditions, PlannedSection], trials: list[TrialRecord]
) -> list[KneeSection]:
    sections = []
    for found, group in _grouped(trials, lambda trial: trial.spec.conditions).items():
        assert found.search is not None
        from_rate, to_rate = planned[found].from_rate, planned[found].to_rate
        if from_rate is None or to_rate is None:
            raise _unplanned(group[0].spec)
        by_variant = _grouped(group, lambda trial: trial.spec.variant)
        knees = [
            Knee(target, by_variant[name], run.plan.repeats, from_rate, to_rate)
            for name, target in run.targets.items()
            if name in by_variant
        ]
        workload = WORKLOADS[found.workload]
        sections.append(KneeSection(workload, found.params, found.search.objective_p99_ms, knees))
    return sections


def _unplanned(spec: TrialSpec) -> WaitbenchError:
    return WaitbenchError(
        f"run.json is damaged: sections: none has {spec.asked_words}, which {spec.file} has. Restore run.json"
    )


def _bounded(ratio: Interval | None) -> bool:
    return ratio is not None and ratio.bounded


def _on_each_server(point: Point) -> list[int]:
    found = by_server(point)
    return found.new_comparisons(point.best) if found else []


def _section(found: Conditions, cells: list[Cell]) -> Section:
    points = [Point(load, list(group)) for load, group in groupby(cells, key=lambda cell: cell.load)]
    return Section(WORKLOADS[found.workload], found.params, points)


def _mixed_points(cells: list[Cell]) -> list[MixedPoint]:
    return [
        MixedPoint(load, [_pair(each) for each in _grouped(group, lambda cell: cell.variant).values()])
        for load, group in groupby(cells, key=lambda cell: cell.load)
    ]


def _pair(cells: list[Cell]) -> Pair:
    return Pair(
        beside=next((cell for cell in cells if not cell.spec.alone), None),
        alone=next((cell for cell in cells if cell.spec.alone), None),
    )


def _cell_key(spec: TrialSpec) -> CellKey:
    return spec.point, spec.variant, spec.alone


def _grouped(items: Iterable[V], key: Callable[[V], K]) -> dict[K, list[V]]:
    groups: dict[K, list[V]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def _by_variant(specs: Iterable[TrialSpec]) -> str:
    return ", ".join(f"{variant} {count}" for variant, count in _counted(spec.variant for spec in specs))


def _counted(names: Iterable[str]) -> list[tuple[str, int]]:
    return [(name, len(group)) for name, group in _grouped(names, lambda name: name).items()]
