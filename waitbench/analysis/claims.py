"""Verdicts on a plan's claims, from the cells of a run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from waitbench.analysis.cells import Cell
from waitbench.analysis.statistics import Interval, paired_ratio
from waitbench.catalog.workloads import WORKLOADS
from waitbench.errors import WaitbenchError
from waitbench.plan.cell import Load
from waitbench.plan.claim import Claim, Place, Rule, Side
from waitbench.records.run import RunRecord, Target
from waitbench.validity.generator import GENERATOR_OWN
from waitbench.validity.rules import reasons, spoilt_by

Judgement = Literal["supported", "refuted", "inconclusive", "untested"]
REPEATS = 2
"""An interval takes so many."""
FIRST = 1
"""Repeats are counted from here."""
NOT_ITS_OWN = GENERATOR_OWN | {"disturbed"}
"""Rules that speak of the load and of who meddled with it, and not of the service."""
DRIFT_SHARE = 0.5
"""Of a cell's trials: a service that finds no steady state drifts in so many, where a machine drifts now and then."""


@dataclass(frozen=True)
class Evidence:
    """What a run has of one side of a rule."""

    place: Place
    title: str
    """Of the variant."""
    cell: Cell | None
    value: float | None
    """The figure of the whole cell, as every table shows it."""
    by_repeat: Mapping[int, float]
    lack: str
    """Why it can't be compared; "" where it can."""
    without: str = ""
    """Which of its trials are left out, and why; "" where none is."""
    every: Mapping[int, float] = field(default_factory=dict)
    """`by_repeat` with these put back."""


@dataclass(frozen=True)
class Ruling:
    """A rule with its two figures and what comes of them."""

    rule: Rule
    of: Evidence
    over: Evidence

    @cached_property
    def ratio(self) -> Interval | None:
        """Paired by repeat; of memory, which has no interval, the ratio of what each cell took at least. None where
        the rule is untested."""
        if self.of.lack or self.over.lack:
            return None
        if self.rule.figure == "kib_per_request":
            assert self.of.value is not None
            assert self.over.value is not None
            return Interval(self.of.value / self.over.value, None, None)
        ratio = paired_ratio(self.of.by_repeat, self.over.by_repeat)
        return ratio if ratio and ratio.bounded else None

    @property
    def why(self) -> str:
        """Why it is untested, or else what there is to know of the trials behind it; "" where there is nothing."""
        sides = (self.of, self.over)
        if lacks := dict.fromkeys(side.lack for side in sides if side.lack):
            return "; ".join(lacks)
        if self.ratio is None:
            return f"the two share fewer than {REPEATS} repeats"
        notes = list(dict.fromkeys(side.without for side in sides if side.without))
        if self._put_back is not None:
            notes.append(f"put back, they make the ratio {self._put_back:.3g}, which is no longer in that zone")
        if self.rule.figure == "goodput_rps" and all(side.cell and side.cell.ceiling_bound for side in sides):
            notes.append("both stand at their ceilings, so that arithmetic sets the ratio")
        return "; ".join(notes)

    @property
    def judgement(self) -> Judgement:
        if self.ratio is None:
            return "untested"
        return "inconclusive" if self._put_back is not None else self._zone_of(*self.ratio.ends)

    @cached_property
    def _put_back(self) -> float | None:
        """The ratio with the trials that are left out put back, where that takes it out of its zone; None elsewhere. To
        leave out what went wrong may favour a side, since a generator that is late may be so because of who it met; so
        it may make an interval narrower, and may not choose the zone."""
        if self.ratio is None or not (self.of.without or self.over.without):
            return None
        whole, zone = paired_ratio(self.of.every, self.over.every), self._zone_of(*self.ratio.ends)
        if whole is None or zone in ("inconclusive", self._zone_of(whole.mean, whole.mean)):
            return None
        return whole.mean

    def _zone_of(self, low: float, high: float) -> Judgement:
        if self.rule.supported.holds(low, high):
            return "supported"
        return "refuted" if self.rule.refuted.holds(low, high) else "inconclusive"


@dataclass(frozen=True)
class Verdict:
    """A claim and what its rules make of it."""

    claim: Claim
    rulings: list[Ruling]

    @property
    def judgement(self) -> Judgement:
        """One rule refutes it, and all have to support it."""
        found = {ruling.judgement for ruling in self.rulings}
        order: tuple[Judgement, ...] = ("refuted", "untested", "inconclusive")
        return next((each for each in order if each in found), "supported")


def verdicts(run: RunRecord, cells: Sequence[Cell]) -> list[Verdict]:
    """One for each claim of the run's plan, in its order. Raises WaitbenchError where they can't be read."""
    try:
        claims = TypeAdapter(list[Claim]).validate_python(run.plan.get("claims", []))
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise WaitbenchError(
            f"run.json: plan.claims.{where}: {fault['msg']}. Report the run with the waitbench that made it"
        ) from None
    by_asked: dict[tuple[Any, ...], Cell] = {}
    for cell in cells:
        by_asked.setdefault(_asked_of(cell), cell)

    def evidence(claim: Claim, rule: Rule, side: Side) -> Evidence:
        place = claim.place(side)
        return _evidence(rule, place, by_asked.get(place.asked), run.targets)

    return [
        Verdict(claim, [Ruling(rule, *(evidence(claim, rule, side) for _, side in rule.sides)) for rule in claim.rules])
        for claim in claims
    ]


def _evidence(rule: Rule, place: Place, cell: Cell | None, targets: Mapping[str, Target]) -> Evidence:
    title = targets[place.variant].title if place.variant in targets else place.variant
    if cell is None:
        known = any(_variant(target) == place.variant for target in targets.values())
        lack = f"{place.cell.name} was not played with it" if known else "it was not in this run"
        return Evidence(place, title, None, None, {}, f"{title}: {lack}")
    counted, without = _measured(cell)
    if rule.figure == "kib_per_request":
        # What the service says of itself, whoever was late; and its first trial of a load is the one that shows it.
        without, (value, by_repeat) = "", _FIGURES[rule.figure](cell)
        lack = _lack(rule.figure, counted, value, by_repeat) or _lack_of_memory(by_repeat)
    else:
        value, by_repeat = _FIGURES[rule.figure](counted)
        lack = _lack(rule.figure, counted, value, by_repeat)
    every = {n: found for n, found in _FIGURES[rule.figure](cell)[1].items() if found > 0} if without else by_repeat
    where = f"{title}, {place.cell.name} {place.load.size:g}{' alone' if place.alone else ''}"
    lack, without = (f"{where}: {said}" if said else "" for said in (lack, without))
    return Evidence(place, title, counted, value, by_repeat, lack, without, every)


def _measured(cell: Cell) -> tuple[Cell, str]:
    """The cell without the trials that the generator spoilt or the machine's own speed, and what to say of that. They
    are no fault of the service; what a service spoilt by itself strikes its cell out, as in every report."""
    if cell.valid:
        return cell, ""
    judged = [(trial, set(spoilt_by(reasons(trial, cell.target)))) for trial in cell.trials]
    drifts = sum("drift" in codes for _, codes in judged)
    excused = NOT_ITS_OWN | ({"drift"} if drifts < DRIFT_SHARE * len(judged) else set())
    kept = [trial for trial, codes in judged if not codes or codes - excused]
    left_out = [codes for _, codes in judged if codes and codes <= excused]
    if not left_out or len(kept) < REPEATS:
        return cell, ""
    why = ", ".join(sorted(set().union(*left_out)))
    said = f"{len(left_out)} of {len(judged)} trials left out ({why})"
    return Cell.of(cell.target, kept, cell.planned), said


def _lack(figure: str, cell: Cell, value: float | None, by_repeat: Mapping[int, float]) -> str:
    """What keeps a cell's figure from being compared; "" where nothing does."""
    if not cell.valid:
        return "not counted: " + ", ".join(cell.spoilt_by)
    if len(cell.trials) < REPEATS:
        return f"it has one trial, and an interval takes {REPEATS}"
    name = figure.removesuffix("_ms")
    if name != figure and not cell.carries(name):
        least = min(trial.latency.count if trial.latency else 0 for trial in cell.trials)
        return f"{name} can't be told from a trial of {least} requests"
    if value is None or len(by_repeat) < REPEATS:
        return f"{figure} was not read in {REPEATS} trials"
    if value <= 0 or min(by_repeat.values()) < 0 or (figure != "kib_per_request" and min(by_repeat.values()) == 0):
        return f"{figure} is nought, which makes no ratio"
    return ""


def _lack_of_memory(by_repeat: Mapping[int, float]) -> str:
    """What a service has taken once it keeps, so that without the first repeat the others tell nothing."""
    return "" if FIRST in by_repeat else "kib_per_request shows in the first repeat, which was not read"


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
"""Of a cell: the figure of all its trials together, and that of each."""


def _asked_of(cell: Cell) -> tuple[Any, ...]:
    """What a cell's trials asked for, told as `Place.asked` tells it."""
    spec, target = cell.spec, cell.target
    inner = spec.beside or spec
    params = WORKLOADS[inner.workload].complete(inner.params)
    what = spec.scenario or spec.workload, inner.workload if spec.scenario else None, tuple(sorted(params.items()))
    share = spec.beside.share if spec.beside else None
    load, workers = Load(spec.load_model, spec.load), target.budget.get("workers", 1)
    return *what, share, load, spec.alone, _variant(target), workers, spec.cpus


def _variant(target: Target) -> str:
    return target.variant or target.name
