"""What the searches for a knee found."""

from dataclasses import dataclass
from functools import cached_property

from waitbench.analysis.cells import Cell
from waitbench.analysis.knee.search import Judged, Tried, judged, next_rate
from waitbench.analysis.statistics import Verdict
from waitbench.catalog.percentiles import PERCENTILES, samples_needed
from waitbench.catalog.workloads import Workload, params_tags, params_words
from waitbench.records import histogram
from waitbench.records.run import Target
from waitbench.records.trial import TrialRecord
from waitbench.validity.generator import GENERATOR_OWN, SHED_SHARE


@dataclass(frozen=True)
class Knee:
    """How far one contender could be driven: all trials of its search."""

    target: Target
    trials: list[TrialRecord]
    repeats: int
    from_rate: float
    to_rate: float
    """Where the search begins, and where it ends at the latest."""

    @property
    def variant(self) -> str:
        return self.target.name

    @cached_property
    def judged(self) -> list[Judged]:
        """Every trial looked at once: its histogram takes its time."""
        return [judged(trial, self.target) for trial in self.trials]

    @cached_property
    def tried(self) -> Tried:
        return Tried([(float(each.trial.spec.load), each.outcome) for each in self.judged], self.repeats)

    @cached_property
    def finished(self) -> bool:
        """Whether the search came to its end."""
        return next_rate(self.tried, self.from_rate, self.to_rate) is None

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
        if self.tried.too_much is None or self.tried.walled_in:
            return self._wall if self.tried.wall else "the highest rate of the search"
        return "the most trials that a search may take" if self.tried.exhausted else ""

    @property
    def _wall(self) -> str:
        """What kept trials from counting."""
        codes = {code for each in self.void if each.trial.spec.load == self.tried.wall for code in each.why_void}
        if codes <= GENERATOR_OWN:
            return "the generator"
        return f"trials that do not count ({', '.join(sorted(codes))})"

    @property
    def void(self) -> list[Judged]:
        """Trials that do not count."""
        return [each for each in self.judged if each.outcome == "void"]

    @property
    def counted(self) -> list[TrialRecord]:
        return [each.trial for each in self.judged if each.outcome != "void"]

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
                merged = histogram.merged(each.histogram for each in at)
                found.append((float(rate), histogram.percentile_us(merged, PERCENTILES["p99"]) / 1000))
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
        return "-".join([self.workload.name, *params_tags(self.params), f"knee{self.objective_ms:g}"])

    @property
    def title(self) -> str:
        sought = f"the highest rate with p99 ≤ {self.objective_ms:g} ms"
        return f"{self.workload.title} ({', '.join([*params_words(self.params), sought])})"

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
