"""The results of searches for a knee."""

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
    """The knee of one contender, from all trials of its search."""

    target: Target
    trials: list[TrialRecord]
    repeats: int
    from_rate: float
    """The first rate of the search, in requests per second."""
    to_rate: float
    """The highest rate that the search may try."""

    @property
    def variant(self) -> str:
        return self.target.name

    @cached_property
    def judged(self) -> list[Judged]:
        """The judgement of every trial, cached because decoding histograms is slow."""
        return [judged(trial, self.target) for trial in self.trials]

    @cached_property
    def tried(self) -> Tried:
        return Tried([(float(each.trial.spec.load), each.outcome) for each in self.judged], self.repeats)

    @cached_property
    def finished(self) -> bool:
        """Whether the search has ended."""
        return next_rate(self.tried, self.from_rate, self.to_rate) is None

    @property
    def low(self) -> float | None:
        """The rate in requests per second that met the objective in every repeat; None if no rate is certain."""
        return self.tried.low

    @property
    def high(self) -> float | None:
        """The rate in requests per second that missed the objective in every repeat; None if no rate is certain."""
        return self.tried.high

    @property
    def limit(self) -> str:
        """The cause that ended the search before the service did, as a noun phrase; "" if the knee was found."""
        if self.tried.too_much is None or self.tried.walled_in:
            return self._wall if self.tried.wall else "the highest rate of the search"
        return "the maximum number of trials" if self.tried.exhausted else ""

    @property
    def _wall(self) -> str:
        """The cause of the invalid trials at the wall."""
        codes = {code for each in self.void if each.trial.spec.load == self.tried.wall for code in each.why_void}
        if codes <= GENERATOR_OWN:
            return "the generator"
        return f"invalid trials ({', '.join(sorted(codes))})"

    @property
    def void(self) -> list[Judged]:
        """The invalid trials."""
        return [each for each in self.judged if each.outcome == "void"]

    @property
    def counted(self) -> list[TrialRecord]:
        return [each.trial for each in self.judged if each.outcome != "void"]

    @cached_property
    def at_low(self) -> Cell | None:
        """The trials at the lower bound, as a cell."""
        trials = [trial for trial in self.counted if trial.spec.load == self.low]
        return Cell(self.target, trials[0].spec, trials, len(trials), []) if trials else None

    @property
    def p99_by_rate(self) -> list[tuple[float, float]]:
        """Pairs of a rate in requests per second and the p99 in milliseconds of its trials, in order of the rate.

        Rates with too few samples are excluded. So are trials with too many shed or failed requests: these have no
        latency, so the p99 would look better than it is.
        """
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
    """One search, for all contenders."""

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
        """The knee with the highest certain rate."""
        return max((knee for knee in self.knees if knee.low is not None), key=lambda k: k.low or 0.0, default=None)

    def verdict(self, knee: Knee) -> Verdict | None:
        """A knee compared with the highest one: slower if their intervals do not overlap.

        None for the highest one itself, and if no rate is certain.
        """
        best = self.most
        if best is None or knee is best or knee.low is None:
            return None
        return "slower" if knee.high is not None and best.low is not None and knee.high <= best.low else "inconclusive"
