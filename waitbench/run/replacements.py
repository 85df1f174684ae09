"""Plans blocks again in which the machine disturbed a trial."""

import random

from waitbench.errors import WaitbenchError
from waitbench.plan.plan import Plan
from waitbench.plan.time_budget import SLACK_S
from waitbench.plan.trial_order import Blocks
from waitbench.records.folder import RunFolder
from waitbench.records.run import RunRecord
from waitbench.records.spec import TrialSpec
from waitbench.run.prepare import served_by, trial_spec
from waitbench.validity.rules import disturbed_by_machine, invalidating_codes, reasons

MOST_TIMES = 2
"""How often one repeat of a load point is measured again. If it is disturbed each time, that is no chance."""


def most_again_s(trials: list[TrialSpec], spare: float, time_s: float | None) -> float:
    """Return how many seconds of load may be spent on replacing blocks.

    It is the share `spare` of the planned load, but at least one block. `time_s` is the plan's limit for all trials.
    """
    if spare == 0:
        return 0.0
    blocks: dict[int, float] = {}
    for spec in trials:
        if not (spec.replaces or spec.conditions.search):
            blocks[spec.block] = blocks.get(spec.block, 0.0) + spec.load_s
    allowed_s = max(spare * sum(blocks.values()), max(blocks.values(), default=0.0))
    if time_s is None:
        return allowed_s
    return min(allowed_s, max(0.0, time_s - sum(spec.load_s for spec in trials if not spec.replaces)))


class Replacements:
    """Plans a disturbed block again: all its contenders, since ratios are paired by block.

    Trials of searches are left out. A search repeats them by itself.
    """

    def __init__(self, plan: Plan, folder: RunFolder, seed: int, rng: random.Random) -> None:
        self._plan, self._folder, self._seed, self._rng = plan, folder, seed, rng
        self._judged: dict[int, bool] = {}

    def following(self, record: RunRecord) -> list[TrialSpec]:
        """Return the trials of the blocks that are to be measured again, as far as the time allows."""
        blocks: dict[int, list[TrialSpec]] = {}
        for spec in record.trials:
            if not spec.conditions.search:
                blocks.setdefault(spec.block, []).append(spec)
        replaced = {spec.replaces for spec in record.trials}
        spent_s = sum(spec.load_s for spec in record.trials if spec.replaces)
        left_s = most_again_s(record.trials, self._plan.spare, self._plan.time_s) + SLACK_S - spent_s
        last, planned, found = max(blocks, default=0), Blocks(self._plan, served_by(record.targets)), list[TrialSpec]()
        for number, specs in blocks.items():
            point, repeat, seconds = specs[0].point, specs[0].repeat, sum(spec.load_s for spec in specs)
            times = sum(each[0].point == point and each[0].repeat == repeat for each in blocks.values()) - 1
            if number in replaced or times >= MOST_TIMES or seconds > left_s or not self._disturbed(specs, record):
                continue
            last, left_s = last + 1, left_s - seconds
            slots = planned.slots(point, last, repeat, self._rng)
            again = [trial_spec(slot, self._plan, self._seed, record.targets) for slot in slots]
            found += [spec.model_copy(update={"replaces": number}) for spec in again]
        return found

    def _disturbed(self, specs: list[TrialSpec], record: RunRecord) -> bool:
        """Judge a block once, because every block is asked for again after each round."""
        number = specs[0].block
        if number not in self._judged:
            self._judged[number] = self._judge(specs, record)
        return self._judged[number]

    def _judge(self, specs: list[TrialSpec], record: RunRecord) -> bool:
        """Whether the machine disturbed a trial of a block, and no trial of it is invalid for another reason."""
        try:
            trials = [self._folder.read_trial(spec) for spec in specs]
        except WaitbenchError:  # a damaged file: the report names it
            return False
        judged = [reasons(trial, record.targets[trial.spec.variant]) for trial in trials]
        invalid = [found for found in judged if invalidating_codes(found)]
        return bool(invalid) and all(disturbed_by_machine(found) for found in invalid)
