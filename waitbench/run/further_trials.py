"""Plans trials of a run from its finished ones, while the generator waits for them."""

import random
from collections.abc import Iterable

from waitbench.plan.plan import Plan
from waitbench.plan.trial_order import Blocks, Slot
from waitbench.records.folder import RunFolder
from waitbench.records.run import RunRecord
from waitbench.records.spec import TrialSpec
from waitbench.records.trial import TrialRecord
from waitbench.run.prepare import served_by, trial_spec
from waitbench.run.replacements import Replacements


class FurtherTrials:
    """Replaces the blocks that the machine disturbed. Its subclasses also plan what their kind of plan needs."""

    def __init__(self, plan: Plan, folder: RunFolder, seed: int) -> None:
        self._plan, self._folder, self._seed = plan, folder, seed
        self._rng = random.Random(seed)  # noqa: S311 - an order, not a secret
        self._replacements = Replacements(plan, self._trial)
        self._seen: dict[str, TrialRecord | None] = {}
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
        following = self._again(record) or self._following(record)
        self._over = not following
        self._last = following[-1] if following else None
        changed = {"trials": [*record.trials, *following], "searching": bool(following)}
        self._folder.write_run(record.model_copy(update=changed))

    def _again(self, record: RunRecord) -> list[TrialSpec]:
        """Plan disturbed blocks again: all their contenders, since ratios are paired by block."""
        blocks, found = self._blocks(record), list[TrialSpec]()
        for number, (first, *_) in enumerate(self._replacements.needed(record), record.last_block + 1):
            again = self._planned(record, blocks.slots(first.point, number, first.repeat, self._rng))
            found += [spec.model_copy(update={"replaces": first.block}) for spec in again]
        return found

    def _following(self, record: RunRecord) -> list[TrialSpec]:  # noqa: ARG002 - for subclasses
        """Return the next trials, in their order; empty if none follow."""
        return []

    def _blocks(self, record: RunRecord) -> Blocks:
        return Blocks(self._plan, served_by(record.targets))

    def _planned(self, record: RunRecord, slots: Iterable[Slot]) -> list[TrialSpec]:
        return [trial_spec(slot, self._plan, self._seed, record.targets) for slot in slots]

    def _trial(self, spec: TrialSpec) -> TrialRecord | None:
        """Read a finished trial once, because every round needs all earlier ones. None if its file is damaged."""
        if spec.file not in self._seen:
            whole, _ = self._folder.sort_trials([spec])
            self._seen[spec.file] = whole[0] if whole else None
        return self._seen[spec.file]
