"""Verdicts on a plan's claims, from the cells of a run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from waitbench.analysis.cells import Cell
from waitbench.analysis.statistics import CONFIDENCE, Interval, paired_ratio
from waitbench.errors import WaitbenchError
from waitbench.plan.claim import Claim, Place, PlaceKey, Rule, Side
from waitbench.records.run import RunRecord, Target
from waitbench.validity.generator import GENERATOR_OWN
from waitbench.validity.rules import invalidating_codes, reasons

Judgement = Literal["supported", "refuted", "inconclusive", "untested"]
REPEATS = 2
"""The fewest repeats that give an interval."""
FIRST = 1
"""The number of the first repeat."""
NOT_ITS_OWN = GENERATOR_OWN | {"disturbed"}
"""Rules about the load and about interference from outside, not about the service."""
DRIFT_SHARE = 0.5
"""A service without a steady state drifts in at least this share of a cell's trials; a machine drifts now and then."""


@dataclass(frozen=True)
class Evidence:
    """The data of a run for one side of a rule."""

    place: Place
    title: str
    """The title of the variant."""
    cell: Cell | None
    value: float | None
    """The figure of the whole cell, as every table shows it."""
    by_repeat: Mapping[int, float]
    lack: str
    """Why it cannot be compared; "" if it can."""
    without: str = ""
    """Which of its trials are excluded, and why; "" if none is."""
    every: Mapping[int, float] = field(default_factory=dict)
    """`by_repeat` with the excluded trials."""

    @property
    def confidence(self) -> float:
        """The level of each of its intervals."""
        return self.cell.confidence if self.cell else CONFIDENCE


@dataclass(frozen=True)
class Ruling:
    """A rule, the evidence for its two sides, and the judgement."""

    rule: Rule
    of: Evidence
    over: Evidence

    @cached_property
    def ratio(self) -> Interval | None:
        """The ratio of the two figures, paired by repeat; None if the rule is untested.

        Memory has no interval: its ratio is that of the two cells' lower bounds.
        """
        if self.of.lack or self.over.lack:
            return None
        if self.rule.figure == "kib_per_request":
            assert self.of.value is not None
            assert self.over.value is not None
            return Interval(self.of.value / self.over.value, None, None)
        ratio = paired_ratio(self.of.by_repeat, self.over.by_repeat, self.of.confidence)
        return ratio if ratio and ratio.bounded else None

    @property
    def why(self) -> str:
        """Why the rule is untested, or else notes about its trials; "" if there are none."""
        sides = (self.of, self.over)
        if lacks := dict.fromkeys(side.lack for side in sides if side.lack):
            return "; ".join(lacks)
        if self.ratio is None:
            return f"the two sides have fewer than {REPEATS} repeats in common"
        notes = list(dict.fromkeys(side.without for side in sides if side.without))
        if self._put_back is not None:
            notes.append(f"with all trials the ratio is {self._put_back:.3g}, which is outside that zone")
        if self.rule.figure == "goodput_rps" and all(side.cell and side.cell.ceiling_bound for side in sides):
            notes.append("both are at their theoretical maximum, so arithmetic sets the ratio")
        return "; ".join(notes)

    @property
    def judgement(self) -> Judgement:
        if self.ratio is None:
            return "untested"
        return "inconclusive" if self._put_back is not None else self._zone_of(*self.ratio.ends)

    @cached_property
    def _put_back(self) -> float | None:
        """The ratio with the excluded trials, if that ratio is outside the zone; else None.

        Excluding trials may favour one side, because a generator may be late as a result of the contender that it
        measures. So excluding may make an interval narrower, but it may not decide the zone.
        """
        if self.ratio is None or not (self.of.without or self.over.without):
            return None
        whole = paired_ratio(self.of.every, self.over.every)
        zone = self._zone_of(*self.ratio.ends)
        if whole is None or zone in ("inconclusive", self._zone_of(whole.mean, whole.mean)):
            return None
        return whole.mean

    def _zone_of(self, low: float, high: float) -> Judgement:
        if self.rule.supported.holds(low, high):
            return "supported"
        return "refuted" if self.rule.refuted.holds(low, high) else "inconclusive"


@dataclass(frozen=True)
class Verdict:
    """A claim and the rulings of its rules."""

    claim: Claim
    rulings: list[Ruling]

    @property
    def judgement(self) -> Judgement:
        """One refuted rule refutes the claim; all rules have to be supported to support it."""
        found = {ruling.judgement for ruling in self.rulings}
        order: tuple[Judgement, ...] = ("refuted", "untested", "inconclusive")
        return next((each for each in order if each in found), "supported")


def verdicts(run: RunRecord, cells: Sequence[Cell]) -> list[Verdict]:
    """One verdict for each claim of the run's plan, in the plan's order.

    Raises WaitbenchError if the claims cannot be read.
    """
    try:
        claims = TypeAdapter(list[Claim]).validate_python(run.plan.claims)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise WaitbenchError(
            f"run.json: plan.claims.{where}: {fault['msg']}. Report the run with the waitbench version that made it"
        ) from None
    by_key: dict[PlaceKey, Cell] = {}
    for cell in cells:
        by_key.setdefault(_key(cell), cell)

    def evidence(claim: Claim, rule: Rule, side: Side) -> Evidence:
        place = claim.place(side)
        return _evidence(rule, place, by_key.get(place.key), run.targets)

    return [
        Verdict(claim, [Ruling(rule, *(evidence(claim, rule, side) for _, side in rule.sides)) for rule in claim.rules])
        for claim in claims
    ]


def _evidence(rule: Rule, place: Place, cell: Cell | None, targets: Mapping[str, Target]) -> Evidence:
    title = targets[place.variant].title if place.variant in targets else place.variant
    if cell is None:
        known = any(_variant(target) == place.variant for target in targets.values())
        lack = f"it was not measured in cell {place.cell.name}" if known else "it was not in this run"
        return Evidence(place, title, None, None, {}, f"{title}: {lack}")
    counted, without = _measured(cell)
    if rule.figure == "kib_per_request":
        # The service reports its memory itself, so a late generator does not matter; only the first trial shows it.
        without, (value, by_repeat) = "", _FIGURES[rule.figure](cell)
        lack = _lack(rule.figure, counted, value, by_repeat) or _lack_of_memory(by_repeat)
    else:
        value, by_repeat = _FIGURES[rule.figure](counted)
        lack = _lack(rule.figure, counted, value, by_repeat)
    every = {n: found for n, found in _FIGURES[rule.figure](cell)[1].items() if found > 0} if without else by_repeat
    where = f"{title}, {place.cell.name} {place.point.load:g}{' alone' if place.alone else ''}"
    lack, without = (f"{where}: {text}" if text else "" for text in (lack, without))
    return Evidence(place, title, counted, value, by_repeat, lack, without, every)


def _measured(cell: Cell) -> tuple[Cell, str]:
    """The cell without the trials that the generator or the machine's own speed made invalid, and a note about them.

    The service did not cause these. A trial that is invalid because of the service excludes the whole cell, as in every
    report.
    """
    if cell.valid:
        return cell, ""
    judged = [(trial, set(invalidating_codes(reasons(trial, cell.target)))) for trial in cell.trials]
    drifts = sum("drift" in codes for _, codes in judged)
    excused = NOT_ITS_OWN | ({"drift"} if drifts < DRIFT_SHARE * len(judged) else set())
    kept = [trial for trial, codes in judged if not codes or codes - excused]
    excluded = [codes for _, codes in judged if codes and codes <= excused]
    if not excluded or len(kept) < REPEATS:
        return cell, ""
    why = ", ".join(sorted(set().union(*excluded)))
    note = f"{len(excluded)} of {len(judged)} trials excluded ({why})"
    return Cell.of(cell.target, kept, cell.planned, cell.confidence), note


def _lack(figure: str, cell: Cell, value: float | None, by_repeat: Mapping[int, float]) -> str:
    """Why a cell's figure cannot be compared; "" if it can."""
    if not cell.valid:
        return cell.not_counted
    if len(cell.trials) < REPEATS:
        return f"it has one trial, but an interval needs {REPEATS}"
    name = figure.removesuffix("_ms")
    if name != figure and not cell.carries(name):
        least = min(trial.latency.count if trial.latency else 0 for trial in cell.trials)
        return f"a trial of {least} requests is too small for {name}"
    if value is None or len(by_repeat) < REPEATS:
        return f"{figure} was read in fewer than {REPEATS} trials"
    if value <= 0 or min(by_repeat.values()) < 0 or (figure != "kib_per_request" and min(by_repeat.values()) == 0):
        return f"{figure} is zero, so the ratio is undefined"
    return ""


def _lack_of_memory(by_repeat: Mapping[int, float]) -> str:
    """Why memory cannot be compared. A service keeps what it has taken, so only the first repeat shows it."""
    return "" if FIRST in by_repeat else "kib_per_request needs the first repeat, which was not read"


def _latency(name: str) -> Callable[[Cell], tuple[float | None, Mapping[int, float]]]:
    return lambda cell: (cell.percentile_ms(name), cell.latencies(name))


_FIGURES: dict[str, Callable[[Cell], tuple[float | None, Mapping[int, float]]]] = {
    "goodput_rps": lambda cell: (cell.goodput.mean, cell.goodputs),
    "p50_ms": _latency("p50"),
    "p90_ms": _latency("p90"),
    "p95_ms": _latency("p95"),
    "p99_ms": _latency("p99"),
    "cpu_s_per_1k": lambda cell: (cell.cpu_s_per_1k, cell.costs),
    "kib_per_request": lambda cell: (cell.kib_per_request, cell.memories),
}
"""For each figure, a function that returns the figure of a whole cell and that of each of its trials, by repeat."""


def _key(cell: Cell) -> PlaceKey:
    return PlaceKey(cell.spec.point, _variant(cell.target), cell.target.budget.get("workers", 1), cell.spec.alone)


def _variant(target: Target) -> str:
    return target.variant or target.name
