"""The contenders, as services/variants.toml lists them."""

import itertools
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from waitbench.paths import VARIANTS

Budget = dict[str, int]
Kind = Literal["contender", "reference", "trap", "instrument"]


@dataclass(frozen=True)
class Variant:
    """Framework, server, concurrency model and budget. `budget` is what is declared; see variants.toml for its keys."""

    name: str
    title: str
    framework: str
    model: str
    server: str
    budget: Budget
    workloads: tuple[str, ...] | None = None
    """What it serves; None for everything."""
    kind: Kind = "contender"
    """A reference is no Python and is there to compare with; a trap is wrong on purpose; an instrument measures the
    harness, and is started only when it is named."""
    trap: str = ""
    """Of a trap: what is wrong with it."""
    profile: str = ""
    """Of compose.yaml; "" where the variant is always started."""
    containers: bool = True
    """Whether compose.yaml has it too."""
    gil: bool = True
    """False where it has to run without the global lock."""
    program: str = ""
    """What it runs by, a path in services/; "" for this Python."""
    setup: str = ""
    """The command that puts its program there."""
    scales: bool = True
    """Whether its server takes a number of processes."""

    def serves(self, workload: str) -> bool:
        return self.workloads is None or workload in self.workloads


def load_variants(path: Path = VARIANTS) -> dict[str, Variant]:
    """Every variant by name, in the order of the file."""
    listing = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        name: Variant(
            name=name,
            title=entry["title"],
            framework=entry["framework"],
            model=entry["model"],
            server=listing["servers"][entry["server"]]["title"],
            budget=entry["budget"],
            workloads=tuple(entry["workloads"]) if "workloads" in entry else None,
            kind=entry.get("kind", "contender"),
            trap=entry.get("trap", ""),
            profile=entry.get("profile", ""),
            containers=entry.get("containers", True),
            gil=entry.get("gil", True),
            program=listing["servers"][entry["server"]].get("program", ""),
            setup=listing["servers"][entry["server"]].get("setup", ""),
            scales="{workers}" in listing["servers"][entry["server"]]["command"],
        )
        for name, entry in listing["variants"].items()
    }


def budget_differences(declared: Budget, found: Budget) -> list[tuple[str, int | None, int | None]]:
    """Where a budget read back is not the one declared: name, declared, found."""
    names = [*declared, *(name for name in found if name not in declared)]
    return [(name, declared.get(name), found.get(name)) for name in names if declared.get(name) != found.get(name)]


def together(budget: Budget, calls: int) -> int:
    """How many of so many calls the service can have in hand at once, by what is declared."""
    return min(calls, budget["in_flight"] * budget.get("workers", 1)) if "in_flight" in budget else calls


def labelled(names: Iterable[str]) -> dict[str, str]:
    """The names by a label of each contender's own: one that is there a second time, to be compared with itself, gets
    a number."""
    labels: dict[str, str] = {}
    for name in names:
        tries = (f"{name}-{number}" if number > 1 else name for number in itertools.count(1))
        labels[next(label for label in tries if label not in labels)] = name
    return labels
