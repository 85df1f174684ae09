"""Plans more repeats of the load points whose results are not certain enough, as far as the plan's time allows."""

from waitbench.analysis.certainty import certainties
from waitbench.analysis.comparison import compare
from waitbench.plan.time_budget import SLACK_S
from waitbench.records.load_point import LoadPoint
from waitbench.records.run import RunRecord
from waitbench.records.spec import TrialSpec
from waitbench.run.further_trials import FurtherTrials


class Rounds(FurtherTrials):
    """Plans rounds for a plan with `sure_within`. A round has one block of each load point that needs it, shuffled.

    The first repeats are planned with the run. After that, the run looks at its results when a round has ended. As
    long as a result is undecided, only such load points are repeated. After that, all that are not sure are repeated,
    because a significant difference may still be known only roughly.
    """

    def _following(self, record: RunRecord) -> list[TrialSpec]:
        """Return the next round, as far as the time allows; empty if all is sure or no block fits any more."""
        blocks = self._blocks(record)
        number = record.last_block
        left_s = (self._plan.time_s or 0.0) + SLACK_S - sum(spec.load_s for spec in record.trials)
        found: list[TrialSpec] = []
        for point, repeats in self._uncertain(record):
            if repeats < (record.most_repeats or 0) and (seconds := blocks.seconds(point)) <= left_s:
                number, left_s = number + 1, left_s - seconds
                found += self._planned(record, blocks.slots(point, number, repeats + 1, self._rng))
        return found

    def _uncertain(self, record: RunRecord) -> list[tuple[LoadPoint, int]]:
        """Return the load points that need more repeats, with their repeats: the fewest first, otherwise shuffled."""
        trials = [trial for spec in record.trials if (trial := self._trial(spec))]
        found = certainties(compare(record, trials))
        needed = [each for each in found if each.undecided] or [each for each in found if not each.sure]
        shuffled = self._rng.sample(needed, len(needed))
        return [(each.point, each.repeats) for each in sorted(shuffled, key=lambda each: each.repeats)]
