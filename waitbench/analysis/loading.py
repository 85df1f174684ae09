"""Reading the files of a run into a comparison."""

import time

from waitbench.analysis.comparison import Comparison, compare
from waitbench.catalog.workloads import params_fault
from waitbench.records.folder import RunFolder
from waitbench.records.run import RunRecord

LIVE_FOR_S = 10.0
"""A generator that has not written `live.json` for this long is gone."""


def load_comparison(folder: RunFolder) -> Comparison:
    """The comparison of the run in `folder`. Raises WaitbenchError if run.json is missing or damaged."""
    run = folder.read_run()
    live = folder.read_live()
    stale = run.status == "running" and (live is None or time.time() - live.at > LIVE_FOR_S)
    return read_comparison(folder, run, stale)


def read_comparison(folder: RunFolder, run: RunRecord, stale: bool = False) -> Comparison:
    """The comparison of `run` from the trial files in `folder`. Damaged trial files are listed, not compared.

    Raises WaitbenchError if `run` asks for a workload that this version does not have.
    """
    if fault := _unknown_workload(run):
        raise folder.damaged_run(fault)
    trials, damaged = folder.sort_trials(run.trials)
    return compare(run, trials, stale, damaged)


def _unknown_workload(run: RunRecord) -> str:
    """The first trial whose workload or parameters are not in the catalog; "" if there is none."""
    for number, spec in enumerate(run.trials):
        asked = spec.conditions.asked
        if fault := params_fault(spec.workload, spec.params) or params_fault(asked.workload, asked.params):
            return f"trials.{number}.point.conditions.{fault}"
    return ""
