"""The one model that every report is drawn from: cells with their figures, and what may be said of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import TypeVar

from hdrh.histogram import HdrHistogram

from waitbench import latency
from waitbench.knee import GENERATOR_OWN, Tried, next_rate, outcome, tried, void_codes
from waitbench.results import RunRecord, Target, TrialRecord, TrialSpec
from waitbench.statistics import (
    CONFIDENCE,
    Interval,
    Verdict,
    chance_calls,
    geometric_interval,
    mean_interval,
    ratio_interval,
    samples_needed,
    verdict,
)
from waitbench.validity import SHED_SHARE, Reason, ceiling_of, goodput_rps, reasons
from waitbench.workloads import WORKLOADS, Ceiling, Workload

K = TypeVar("K")
V = TypeVar("V")

PERCENTILES = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "p999": 99.9}

READING_OFF = 0.25
"""How far apart the two readings of a service may be from the window's own length."""

SectionKey = tuple[str, tuple[tuple[str, int], ...], str]
"""Workload, parameters, load model."""
PointKey = tuple[SectionKey, float]


@dataclass(frozen=True)
class Cell:
    """One contender under one load: all its trials together."""

    target: Target
    spec: TrialSpec
    trials: list[TrialRecord]
    planned: int
    reasons: list[Reason]

    @property
    def variant(self) -> str:
        return self.spec.variant

    @property
    def load(self) -> float:
        return self.spec.load

    @property
    def valid(self) -> bool:
        return not any(reason.weight == "invalid" for reason in self.reasons)

    @cached_property
    def ceiling_bound(self) -> bool:
        """In most of its trials."""
        bound = sum(any(r.code == "ceiling-bound" for r in reasons(trial, self.target)) for trial in self.trials)
        return bound * 2 > len(self.trials)

    @property
    def requests(self) -> int:
        return sum(trial.measured.sent for trial in self.trials)

    @property
    def errors(self) -> int:
        return sum(trial.measured.failed for trial in self.trials)

    @property
    def goodputs(self) -> dict[int, float]:
        """Good answers per second, by repeat."""
        return {trial.spec.repeat: goodput_rps(trial) for trial in self.trials}

    def latencies(self, name: str) -> dict[int, float]:
        """A percentile in milliseconds, by repeat."""
        return {
            trial.spec.repeat: latency.percentile_us(latency.merged([trial.latency.histogram]), PERCENTILES[name])
            / 1000
            for trial in self.trials
            if trial.latency
        }

    @property
    def shed(self) -> int:
        return sum(trial.arrivals.shed for trial in self.trials if trial.arrivals)

    @cached_property
    def goodput(self) -> Interval:
        return mean_interval(list(self.goodputs.values()))

    @cached_property
    def histogram(self) -> HdrHistogram:
        return latency.merged(trial.latency.histogram for trial in self.trials if trial.latency)

    @property
    def samples(self) -> int:
        return sum(trial.latency.count for trial in self.trials if trial.latency)

    def percentile_ms(self, name: str) -> float | None:
        """None where the sample does not carry it."""
        percent = PERCENTILES[name]
        if self.samples < samples_needed(percent) or (name == "p999" and self.shed):
            return None  # what was shed would have been among the slowest
        return latency.percentile_us(self.histogram, percent) / 1000

    def percentile_interval(self, name: str) -> Interval | None:
        """In milliseconds, over the percentiles of each trial, about their geometric mean; `percentile_ms` is of all
        requests together. None unless every trial's own sample carries the percentile."""
        counts = [trial.latency.count if trial.latency else 0 for trial in self.trials]
        if min(counts) < samples_needed(PERCENTILES[name]):
            return None
        return geometric_interval(list(self.latencies(name).values()))

    def samples_short(self, name: str) -> int:
        """How many more requests the percentile would take; 0 where it stands."""
        return max(0, samples_needed(PERCENTILES[name]) - self.samples)

    @property
    def mean_ms(self) -> float | None:
        total = sum(trial.latency.sum_us for trial in self.trials if trial.latency)
        return total / self.samples / 1000 if self.samples else None

    @property
    def max_ms(self) -> float | None:
        return max((trial.latency.max_us for trial in self.trials if trial.latency), default=0) / 1000 or None

    @property
    def cpu_s_per_1k(self) -> float | None:
        """CPU seconds of the service for 1,000 answers, between its readings at the window's edges."""
        answered = sum(count for _, count in self._cpu.values())
        return sum(cpu_s for cpu_s, _ in self._cpu.values()) / answered * 1000 if answered else None

    @property
    def costs(self) -> dict[int, float]:
        """CPU seconds for 1,000 answers, by repeat; without those in which the service's CPU clock did not move."""
        return {n: cpu_s / count * 1000 for n, (cpu_s, count) in self._cpu.items() if cpu_s > 0 and count}

    @cached_property
    def _cpu(self) -> dict[int, tuple[float, float]]:
        """CPU seconds and answers between the readings at the window's edges, by repeat."""
        readings = [(t.spec.repeat, t.usage.window_start, t.usage.window_end, t.window_s) for t in self.trials]
        return {
            repeat: (end["cpu_s"] - begin["cpu_s"], end["requests_answered"] - begin["requests_answered"])
            for repeat, begin, end, window_s in readings
            # A reading that had to queue behind the load is not of the window.
            if begin and end and abs(end["monotonic_s"] - begin["monotonic_s"] - window_s) <= READING_OFF * window_s
        }

    @property
    def peak_rss_mib(self) -> float | None:
        peaks = [t.usage.after["peak_rss_bytes"] for t in self.trials if t.usage.after]
        return max(peaks) / 2**20 if peaks else None

    @property
    def ceiling(self) -> Ceiling | None:
        return ceiling_of(self.trials[0], self.target)


_MORE_IS_SLOWER: dict[Verdict, Verdict] = {
    "faster": "slower",
    "slower": "faster",
    "tie": "tie",
    "inconclusive": "inconclusive",
}
"""A verdict on a ratio of rates, read as one on a ratio of times."""


@dataclass(frozen=True)
class Standing:
    """How a cell stands against the best of its load point. None for the best itself, and for an invalid cell; no
    ratio where the two never met in a repeat."""

    cell: Cell
    ratio: Interval | None
    verdict: Verdict | None
    best: bool = False


@dataclass(frozen=True)
class Cost:
    """The cheapest and the dearest of a load point, in CPU seconds for 1,000 answers."""

    cheapest: Cell
    dearest: Cell
    contenders: int
    ratio: Interval | None
    """The dearest over the cheapest; None where the two never met in a repeat."""

    @property
    def differs(self) -> bool:
        return self.ratio is not None and verdict(self.ratio) == "faster"  # the verdict on a ratio above 1


@dataclass(frozen=True)
class Point:
    """Every contender under one load."""

    load: float
    cells: list[Cell]

    @property
    def load_words(self) -> str:
        return self.cells[0].spec.load_words

    @property
    def open(self) -> bool:
        """Whether the rate was given: contenders then differ in how long they took, not in how many they answered."""
        return self.cells[0].spec.load_model == "open"

    @cached_property
    def best(self) -> Cell | None:
        valid = [cell for cell in self.cells if cell.valid and cell.goodput.mean > 0]
        if self.open:
            return min(
                (cell for cell in valid if cell.latencies(self.percentile)),
                key=lambda c: geometric_interval(list(c.latencies(self.percentile).values())).mean,
                default=None,
            )
        return max(valid, key=lambda cell: cell.goodput.mean, default=None)

    @property
    def percentile(self) -> str:
        """What an open loop's contenders are compared by: p99, or the median where a trial of any does not carry it."""
        counts = [t.latency.count for cell in self.cells if cell.valid for t in cell.trials if t.latency]
        return "p99" if counts and min(counts) >= samples_needed(PERCENTILES["p99"]) else "p50"

    @property
    def ceiling_bound(self) -> bool:
        """All that count stand at the ceiling: arithmetic, no ranking."""
        valid = [cell for cell in self.cells if cell.valid]
        return bool(valid) and all(cell.ceiling_bound for cell in valid)

    @cached_property
    def standings(self) -> list[Standing]:
        return [self._standing(cell) for cell in self.cells]

    @cached_property
    def cost(self) -> Cost | None:
        """None where there are no two to compare."""
        costs = [(cell.cpu_s_per_1k, cell) for cell in self.cells if cell.valid and cell.cpu_s_per_1k is not None]
        costs.sort(key=lambda cost: cost[0])
        if len(costs) < 2:
            return None
        cheapest, dearest = costs[0][1], costs[-1][1]
        return Cost(cheapest, dearest, len(costs), _paired(dearest.costs, cheapest.costs))

    @property
    def ranked(self) -> int:
        """How many stand beside the best with an interval; none where arithmetic makes them tie."""
        return 0 if self.ceiling_bound else sum(_bounded(standing.ratio) for standing in self.standings)

    def _standing(self, cell: Cell) -> Standing:
        if self.best is None or not cell.valid or cell.goodput.mean <= 0:
            return Standing(cell, None, None)
        if cell is self.best:
            return Standing(cell, None, None, best=True)
        ratio = _paired(*(c.latencies(self.percentile) if self.open else c.goodputs for c in (cell, self.best)))
        if ratio is None:  # of a run that is not whole
            return Standing(cell, None, "inconclusive")
        if self.ceiling_bound:
            return Standing(cell, ratio, "tie")
        return Standing(cell, ratio, _MORE_IS_SLOWER[verdict(ratio)] if self.open else verdict(ratio))


@dataclass(frozen=True)
class Section:
    """One workload with one set of parameters, over its loads."""

    workload: Workload
    params: dict[str, int]
    points: list[Point]

    @property
    def key(self) -> str:
        open_loop = ["open"] if self.top.open else []
        return "-".join([self.workload.name, *(f"{name}{value}" for name, value in self.params.items()), *open_loop])

    @property
    def title(self) -> str:
        given = ", ".join(f"{name} = {value}" for name, value in self.params.items())
        given = ", ".join(filter(None, [given, "open loop" if self.top.open else ""]))
        return f"{self.workload.title} ({given})" if given else self.workload.title

    @property
    def twins(self) -> bool:
        """Whether one contender is compared with itself, and nothing else."""
        names = {cell.target.twin_of for point in self.points for cell in point.cells}
        return len(names) == 1 and names != {""}

    @property
    def top(self) -> Point:
        """The highest load: where differences show."""
        return self.points[-1]

    def cells_of(self, variant: str) -> list[Cell]:
        return [cell for point in self.points for cell in point.cells if cell.variant == variant]


@dataclass(frozen=True)
class Knee:
    """How far one contender could be driven: all trials of its search."""

    target: Target
    trials: list[TrialRecord]
    tried: Tried
    finished: bool = True
    """Whether the search came to its end."""

    @property
    def variant(self) -> str:
        return self.target.name

    @property
    def low(self) -> float | None:
        """Requests per second at which it met the objective in every repeat; None where none is sure."""
        return self.tried.low

    @property
    def high(self) -> float | None:
        """Requests per second at which it missed it in every repeat; None where none is sure."""
        return self.tried.high

    @property
    def limit(self) -> str:
        """What ended the search before the service did; "" where the knee was found."""
        if self.tried.too_much is None:
            return self._wall if self.tried.wall else "the highest rate of the search"
        return "the most trials that a search may take" if self.tried.exhausted else ""

    @property
    def _wall(self) -> str:
        """What kept trials from counting."""
        at = [trial for trial in self.void if trial.spec.load == self.tried.wall]
        codes = set().union(*(void_codes(trial, self.target) for trial in at))
        if codes <= GENERATOR_OWN:
            return "the generator"
        return f"trials that do not count ({', '.join(sorted(codes))})"

    @cached_property
    def void(self) -> list[TrialRecord]:
        """Trials that do not count."""
        return [trial for trial in self.trials if outcome(trial, self.target) == "void"]

    @cached_property
    def counted(self) -> list[TrialRecord]:
        void = {trial.spec.file for trial in self.void}
        return [trial for trial in self.trials if trial.spec.file not in void]

    @cached_property
    def at_low(self) -> Cell | None:
        """The trials that hold the lower bound."""
        trials = [trial for trial in self.counted if trial.spec.load == self.low]
        return Cell(self.target, trials[0].spec, trials, len(trials), []) if trials else None

    @property
    def p99_by_rate(self) -> list[tuple[float, float]]:
        """Requests per second and the p99 in milliseconds of the trials at that rate, in order, where their sample
        carries it. What was shed or failed has no latency, so a p99 without it would look better than it is."""
        found = []
        whole = [t for t in self.counted if t.arrivals and t.measured.good >= (1 - SHED_SHARE) * t.arrivals.intended]
        for rate in sorted({trial.spec.load for trial in whole}):
            at = [t.latency for t in whole if t.spec.load == rate and t.latency]
            if sum(each.count for each in at) >= samples_needed(PERCENTILES["p99"]):
                merged = latency.merged(each.histogram for each in at)
                found.append((float(rate), latency.percentile_us(merged, PERCENTILES["p99"]) / 1000))
        return found


@dataclass(frozen=True)
class KneeSection:
    """One search, of every contender."""

    workload: Workload
    params: dict[str, int]
    objective_ms: float
    knees: list[Knee]

    @property
    def key(self) -> str:
        given = (f"{name}{value}" for name, value in self.params.items())
        return "-".join([self.workload.name, *given, f"knee{self.objective_ms:g}"])

    @property
    def title(self) -> str:
        given = [f"{name} = {value}" for name, value in self.params.items()]
        return f"{self.workload.title} ({', '.join([*given, f'the highest rate with p99 ≤ {self.objective_ms:g} ms'])})"

    @property
    def most(self) -> Knee | None:
        """The one that surely holds the highest rate."""
        return max((knee for knee in self.knees if knee.low is not None), key=lambda k: k.low or 0.0, default=None)

    def verdict(self, knee: Knee) -> Verdict | None:
        """Against the one that holds most: slower where the intervals do not meet. None for that one itself, and
        where no rate is sure."""
        best = self.most
        if best is None or knee is best or knee.low is None:
            return None
        return "slower" if knee.high is not None and best.low is not None and knee.high <= best.low else "inconclusive"


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
        costed = [cost.contenders for cost in costs if cost and _bounded(cost.ratio)]
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
            Knee(target, own, so_far, next_rate(so_far, *_rates(run, group[0].spec)) is None)
            for name, target in run.targets.items()
            if (own := by_variant.get(name)) and (so_far := tried(own, target, run.plan["repeats"]))
        ]
        sections.append(KneeSection(WORKLOADS[key[0]], dict(key[1]), objective or 0.0, knees))
    return sections


def _rates(run: RunRecord, spec: TrialSpec) -> tuple[float, float]:
    """Where the search that a trial belongs to begins and ends at the latest."""
    sought = (spec.workload, spec.params, spec.objective_p99_ms)
    cells = [c for c in run.plan["cells"] if (c["workload"], c["params"], c.get("p99_ms")) == sought]
    return cells[0]["from_rate"], cells[0]["to_rate"]


def _paired(own: dict[int, float], other: dict[int, float]) -> Interval | None:
    """The ratio over the repeats that both have; None where there is none."""
    shared = sorted(own.keys() & other.keys())
    return ratio_interval([own[r] for r in shared], [other[r] for r in shared]) if shared else None


def _bounded(ratio: Interval | None) -> bool:
    return ratio is not None and ratio.low is not None


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
