"""Trials that follow from those before: the searches of a run, block by block."""

import random

from waitbench import knee
from waitbench.plan import Cell, Load, Plan
from waitbench.prepare import trial_spec
from waitbench.results import RunFolder, RunRecord
from waitbench.schedule import Slot, contenders, serves
from waitbench.statistics import samples_needed

LONGEST_S = 30.0


class Searches:
    """A step of each contender's search makes a block, in shuffled order: what the machine does falls on all alike."""

    def __init__(self, plan: Plan, folder: RunFolder, seed: int) -> None:
        self._plan, self._folder, self._seed = plan, folder, seed
        self._rng = random.Random(seed)  # noqa: S311 - an order, not a secret

    def extended(self, record: RunRecord) -> RunRecord:
        """The record with the next block, once all before it is played; `searching` is over when there is none."""
        if not record.searching or not all(self._folder.has_trial(spec) for spec in record.trials):
            return record
        block = max((spec.block for spec in record.trials), default=0) + 1
        for number, cell in enumerate(self._plan.searches, 1):
            names = [name for name in contenders(self._plan) if serves(self._plan, name, cell)]
            slots = [slot for name in names if (slot := self._next(record, cell, name, block))]
            if slots:
                specs = [
                    trial_spec(slot, self._plan, self._seed, record.targets)
                    for slot in self._rng.sample(slots, len(slots))
                ]
                del number
                return record.model_copy(update={"trials": [*record.trials, *specs]})
        return record.model_copy(update={"searching": False})
