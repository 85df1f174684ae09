"""The rule about the repeats of one cell: whether one trial differs from all the others."""

from collections.abc import Iterator, Sequence
from statistics import median

from waitbench.records.trial import TrialRecord
from waitbench.validity.ceiling import goodput_rps
from waitbench.validity.reason import Reason

FEWEST = 3
"""With only two trials that differ, either of them may be the outlier."""
OFF = 0.40
"""How far a trial's goodput may be from the median of all, as a share of the median.

A virtual machine is slower by a third for some seconds now and then, without any other process. At 0.25 that gave a
note in 5 of 20 quiet runs (docs/methodology.md).
"""
ALIKE = 0.10
"""How near to the median all other trials have to be. If several differ, the interval already shows it."""


def outliers(trials: Sequence[TrialRecord]) -> Iterator[Reason]:
    """A note on the one trial of a cell whose goodput differs from that of all the others."""
    rates = {trial.spec.repeat: goodput_rps(trial) for trial in trials}
    if len(rates) < FEWEST or (middle := median(rates.values())) <= 0:
        return
    off = {repeat: abs(rate / middle - 1) for repeat, rate in rates.items()}
    worst = max(off, key=lambda repeat: off[repeat])
    if off[worst] > OFF and all(share <= ALIKE for repeat, share in off.items() if repeat != worst):
        text = (
            f"repeat {worst} had a goodput of {rates[worst]:.1f}/s, "
            f"but the median of {len(rates)} repeats is {middle:.1f}/s"
        )
        yield Reason("outlier", "note", text)
