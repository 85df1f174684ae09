"""Plays a run as the generator would, with made-up trials instead of measured ones."""

from collections.abc import Callable

from waitbench.records.folder import RunFolder
from waitbench.records.spec import TrialSpec
from waitbench.records.trial import TrialRecord
from waitbench.run.further_trials import FurtherTrials

Measured = Callable[[TrialSpec], TrialRecord]


def play_run(folder: RunFolder, further: FurtherTrials, measured: Measured, most_rounds: int) -> list[list[TrialSpec]]:
    """Play a whole run that has begun. Returns its rounds, the trials that were planned with the run among them."""
    done, found = 0, list[list[TrialSpec]]()
    for _ in range(most_rounds):
        further.go_on()
        run = folder.read_run()
        if len(run.trials) == done:
            assert not run.searching
            return found
        assert run.searching
        found.append(run.trials[done:])
        done = len(run.trials)
        for spec in found[-1]:
            folder.write_trial(measured(spec))
    raise AssertionError("the run does not end")
