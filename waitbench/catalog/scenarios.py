"""Scenarios: trials with more than one workload or more than one load."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ScenarioTexts:
    """The texts on a kind of trial with more than one workload or more than one load."""

    name: Literal["mixed", "burst"]
    title: str
    shows: str


SCENARIOS: dict[str, ScenarioTexts] = {
    scenario.name: scenario
    for scenario in (
        ScenarioTexts(
            "mixed",
            "A fast path with slow neighbours",
            "whether slow requests delay the fast ones next to them (head-of-line blocking); the same fast arrivals "
            "are sent with the slow ones and without, and the slow ones are not ranked",
        ),
        ScenarioTexts(
            "burst",
            "Calm, overload, calm",
            "how long a stack takes to recover from an overload, and its goodput during it; a longer or higher "
            "overload leaves a longer queue, so the recovery time is valid only for this overload",
        ),
    )
}
