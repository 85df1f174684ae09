"""Plans the next trials of a run's searches from the finished ones, block by block."""

from waitbench.analysis.knee import search
from waitbench.catalog.percentiles import samples_needed
from waitbench.plan.cell import Cell
from waitbench.plan.contender import contenders
from waitbench.plan.plan import Plan
from waitbench.plan.trial_order import Slot
from waitbench.records.folder import RunFolder
from waitbench.records.run import RunRecord, Target
from waitbench.records.spec import TrialSpec
from waitbench.run.further_trials import FurtherTrials

LONGEST_S = 30.0
"""The longest trial. At a low rate a trial is made longer, so that its sample is large enough for the objective."""


class Searches(FurtherTrials):
    """Plans blocks of trials. A block has the next step of each contender's search, shuffled like fixed trials."""

    def __init__(self, plan: Plan, folder: RunFolder, seed: int) -> None:
        super().__init__(plan, folder, seed)
        self._outcomes: dict[str, search.Outcome] = {}

    def _following(self, record: RunRecord) -> list[TrialSpec]:
        """Return the next block of the first unfinished search; empty if all are finished."""
        for cell in self._plan.searches:
            playing = [who.label for who in contenders(self._plan) if who.plays(cell)]
            served = [t for t in record.targets.values() if t.name in playing and t.serves(cell.workload)]
            slots = [slot for target in served if (slot := self._next(record, cell, target))]
            if slots:
                return self._planned(record, self._rng.sample(slots, len(slots)))
        return []

    def _next(self, record: RunRecord, cell: Cell, target: Target) -> Slot | None:
        conditions = cell.conditions
        mine = [spec for spec in record.trials if spec.variant == target.name and spec.conditions == conditions]
        outcomes = [(float(spec.load), self._outcome(spec, target)) for spec in mine]
        rate = search.next_rate(search.Tried(outcomes, self._plan.repeats), cell.from_rate, cell.to_rate)
        if rate is None:
            return None
        sample_s = min(LONGEST_S, samples_needed(99) / rate)
        length_s = max(self._plan.measure_s, sample_s)
        return Slot(record.last_block + 1, len(mine) + 1, cell, cell.point(rate), target.name, length_s)

    def _outcome(self, spec: TrialSpec, target: Target) -> search.Outcome:
        """Judge a trial once: a histogram takes time, and every block needs all earlier trials."""
        if spec.file not in self._outcomes:
            self._outcomes[spec.file] = search.judged(self._folder.read_trial(spec), target).outcome
        return self._outcomes[spec.file]
