"""Plans trials of a run from its finished ones, while the generator waits for them."""

import random
from abc import ABC, abstractmethod

from waitbench.plan.plan import Plan
from waitbench.records.folder import RunFolder
from waitbench.records.run import RunRecord
from waitbench.records.spec import TrialSpec


class FurtherTrials(ABC):
    def __init__(self, plan: Plan, folder: RunFolder, seed: int, over: bool) -> None:
        """`over`: the plan has all its trials from the beginning."""
        self._plan, self._folder, self._seed = plan, folder, seed
        self._rng = random.Random(seed)  # noqa: S311 - an order, not a secret
        self._over = over

    def go_on(self) -> None:
        """If every planned trial is finished, add the next ones to the run's record, or note that none follow."""
        if self._over:
            return
        record = self._folder.read_run()
        if not all(self._folder.has_trial(spec) for spec in record.trials):
            return
        following = self._following(record)
        self._over = not following
        changed = {"trials": [*record.trials, *following], "searching": bool(following)}
        self._folder.write_run(record.model_copy(update=changed))

    @abstractmethod
    def _following(self, record: RunRecord) -> list[TrialSpec]:
        """Return the next trials, in their order; empty if none follow."""
