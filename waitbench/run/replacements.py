"""Finds the blocks in which the machine disturbed a trial, so that they are measured again."""

from collections import Counter, defaultdict
from collections.abc import Callable

from waitbench.plan.plan import Plan
from waitbench.plan.time_budget import SLACK_S
from waitbench.records.run import RunRecord
from waitbench.records.spec import TrialSpec
from waitbench.records.trial import TrialRecord
from waitbench.validity.rules import disturbed_by_machine, invalidating_codes, reasons

MOST_TIMES = 2
"""How often one repeat of a load point is measured again. If it is disturbed each time, that is no chance."""

Block = list[TrialSpec]


def most_again_s(trials: list[TrialSpec], spare: float, time_s: float | None) -> float:
    """Return how many seconds of load may be spent on replacing blocks.

    It is the share `spare` of the planned load, but at least one block. `time_s` is the plan's limit for all trials.
    """
    if spare == 0:
        return 0.0
    planned = [_load_s(block) for block in _blocks(trials).values() if not block[0].replaces]
    allowed_s = max(spare * sum(planned), max(planned, default=0.0))
    if time_s is None:
        return allowed_s
    return min(allowed_s, max(0.0, time_s - sum(spec.load_s for spec in trials if not spec.replaces)))


class Replacements:
    """Finds disturbed blocks. Trials of searches are left out: a search repeats them by itself."""

    def __init__(self, plan: Plan, trial: Callable[[TrialSpec], TrialRecord | None]) -> None:
        """Read finished trials by `trial`, which returns None for a damaged one."""
        self._plan, self._trial = plan, trial
        self._judged: dict[int, bool] = {}

    def needed(self, record: RunRecord) -> list[Block]:
        """Return the blocks that are to be measured again, as far as the time allows."""
        blocks = _blocks(record.trials)
        times = Counter((block[0].point, block[0].repeat) for block in blocks.values())
        replaced = {spec.replaces for spec in record.trials}
        spent_s = sum(spec.load_s for spec in record.trials if spec.replaces)
        left_s = most_again_s(record.trials, self._plan.spare, self._plan.time_s) + SLACK_S - spent_s
        found: list[Block] = []
        for number, block in blocks.items():
            first, seconds = block[0], _load_s(block)
            again = times[first.point, first.repeat] <= MOST_TIMES
            if again and number not in replaced and seconds <= left_s and self._disturbed(block, record):
                left_s -= seconds
                found.append(block)
        return found

    def _disturbed(self, block: Block, record: RunRecord) -> bool:
        """Judge a block once, because every block is asked for again after each round."""
        number = block[0].block
        if number not in self._judged:
            self._judged[number] = self._judge(block, record)
        return self._judged[number]

    def _judge(self, block: Block, record: RunRecord) -> bool:
        """Whether the machine disturbed a trial of a block, and no trial of it is invalid for another reason."""
        trials = [trial for spec in block if (trial := self._trial(spec))]
        if len(trials) < len(block):  # a damaged file: the report names it
            return False
        judged = [reasons(trial, record.targets[trial.spec.variant]) for trial in trials]
        invalid = [found for found in judged if invalidating_codes(found)]
        return bool(invalid) and all(disturbed_by_machine(found) for found in invalid)


def _blocks(trials: list[TrialSpec]) -> dict[int, Block]:
    """Return the blocks by their numbers, without those of searches."""
    found = defaultdict[int, Block](list)
    for spec in trials:
        if not spec.conditions.search:
            found[spec.block].append(spec)
    return found


def _load_s(block: Block) -> float:
    return sum(spec.load_s for spec in block)
