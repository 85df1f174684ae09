"""The confirming measurement: whether the recommended configuration meets the objective, and a smaller one does not."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from waitbench.analysis.cells import Cell
from waitbench.analysis.knee.search import Judged, judged
from waitbench.analysis.sizing.recommendation import Recommendation, Size

Outcome = Literal["meets", "misses", "undecided", "invalid"]

VALID_TRIALS = 2
"""With fewer valid trials there is no interval, so nothing is confirmed."""


@dataclass(frozen=True)
class Confirmation:
    """The trials of one configuration."""

    size: Size
    cell: Cell
    judged: list[Judged]

    @property
    def outcome(self) -> Outcome:
        """Whether all valid trials agree. Each judges its own p99, as in a search for a knee."""
        found = [each.outcome for each in self.judged if each.outcome != "void"]
        if len(found) < VALID_TRIALS:
            return "invalid"
        return "meets" if set(found) == {"met"} else "misses" if set(found) == {"missed"} else "undecided"

    @property
    def why_void(self) -> list[str]:
        """The codes of the rules for which trials do not count."""
        return sorted({code for each in self.judged for code in each.why_void})

    @property
    def counted(self) -> Cell:
        """The cell without trials that do not count; the whole cell if none counts."""
        valid = [each.trial for each in self.judged if each.outcome != "void"]
        return replace(self.cell, trials=valid) if valid else self.cell


def confirmations(recommended: Recommendation, cells: Iterable[Cell]) -> list[Confirmation]:
    """The configurations of a variant that were measured: the recommended one, and the smaller one if there is one."""
    every = list(cells)
    found = []
    for size in (recommended.size, recommended.smaller):
        cell = next((cell for cell in every if size is not None and _is(cell, recommended, size)), None)
        if size is not None and cell is not None:
            outcomes = [judged(trial, cell.target, recommended.goal.p99_ms) for trial in cell.trials]
            found.append(Confirmation(size, cell, outcomes))
    return found


def _is(cell: Cell, recommended: Recommendation, size: Size) -> bool:
    budget = cell.target.budget
    same = (budget["workers"], budget.get(recommended.key)) == (size.workers, size.slots)
    return same and cell.target.variant == recommended.variant.name


def is_confirmed(recommended: Recommendation, found: list[Confirmation]) -> bool:
    """Whether the recommended configuration meets the objective, and the smaller one, if there is one, does not."""
    expected = ["meets", "misses"] if recommended.smaller else ["meets"]
    return [each.outcome for each in found] == expected
