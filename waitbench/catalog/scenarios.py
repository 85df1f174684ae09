"""Scenarios: ways of playing workloads that are more than one of them at one load."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Scenario:
    """A way of playing workloads that is more than one of them at one load."""

    name: Literal["mixed", "burst"]
    title: str
    shows: str


SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "mixed",
            "A fast path with slow neighbours",
            "whether slow requests ruin the fast ones beside them (head-of-line blocking): the same fast arrivals, "
            "with the slow ones and without; it ranks nobody by the slow ones",
        ),
        Scenario(
            "burst",
            "Calm, overload, calm",
            "how long a stack takes to recover from more than it can do, and what it still answers meanwhile; a longer "
            "or higher overload leaves a longer queue, so the time holds for this one alone",
        ),
    )
}
