"""Plans trials of a run from its finished ones, while the generator waits for them."""

import random

from waitbench.plan.plan import Plan
from waitbench.records.folder import RunFolder
from waitbench.records.run import RunRecord
from waitbench.records.spec import TrialSpec
from waitbench.run.replacements import Replacements


class FurtherTrials:
    """Replaces the blocks that the machine disturbed. Its subclasses also plan what their kind of plan needs."""

    def __init__(self, plan: Plan, folder: RunFolder, seed: int) -> None:
        self._plan, self._folder, self._seed = plan, folder, seed
        self._rng = random.Random(seed)  # noqa: S311 - an order, not a secret
        self._replacements = Replacements(plan, folder, seed, self._rng)
        self._over = False
        self._last: TrialSpec | None = None
        """The last planned trial. It is finished last, so nothing else has to be read before."""

    def go_on(self) -> None:
        """If every planned trial is finished, add the next ones to the run's record, or note that none follow."""
        if self._over or (self._last and not self._folder.has_trial(self._last)):
            return
        record = self._folder.read_run()
        self._last = record.trials[-1] if record.trials else None
        if not all(self._folder.has_trial(spec) for spec in record.trials):
            return
        following = self._replacements.following(record) or self._following(record)
        self._over = not following
        self._last = following[-1] if following else None
        changed = {"trials": [*record.trials, *following], "searching": bool(following)}
        self._folder.write_run(record.model_copy(update=changed))

    def _following(self, record: RunRecord) -> list[TrialSpec]:  # noqa: ARG002 - for subclasses
        """Return the next trials, in their order; empty if none follow."""
        return []
