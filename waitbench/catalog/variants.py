"""The variants that services/variants.toml lists."""

import itertools
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from waitbench.paths import VARIANTS

Budget = dict[str, int]
Kind = Literal["contender", "reference", "trap", "instrument"]


# More than 12 fields, because it is a flat record of one entry in variants.toml and of that entry's server.
@dataclass(frozen=True)
class Variant:
    """Framework, server, concurrency model and declared budget. variants.toml describes the keys of `budget`."""

    name: str
    title: str
    framework: str
    model: str
    server: str
    budget: Budget
    workloads: tuple[str, ...] | None = None
    """The workloads that it serves; None means all."""
    kind: Kind = "contender"
    """A reference is not Python and is shown for comparison. A trap is wrong on purpose. An instrument measures the
    harness and starts only when it is named."""
    trap: str = ""
    """The mistake that a trap makes; "" for other kinds."""
    profile: str = ""
    """The profile in compose.yaml; "" if the variant is always started."""
    containers: bool = True
    """Whether compose.yaml has it too."""
    gil: bool = True
    """False if it must run without the GIL."""
    program: str = ""
    """The program that runs it, as a path in services/; "" for this Python."""
    setup: str = ""
    """The command that installs its program."""
    scales: bool = True
    """Whether its server accepts a number of processes."""
    holds_connections: bool = False
    """Whether in_flight limits connections: a connection then takes one place even while it is idle."""
    reports: Mapping[str, str] = field(default_factory=dict)
    """Its worker, its event loop and its HTTP parser, as the live server must report them in /info."""

    def serves(self, workload: str) -> bool:
        return self.workloads is None or workload in self.workloads

    @property
    def resizable(self) -> tuple[str, ...]:
        """The keys of its budget that a service can be started with another number for.

        A sync worker always serves one request at a time.
        """
        return tuple(key for key in RESIZABLE if self.budget.get(key, 0) > (key == "in_flight"))

    def resized(self, changed: Mapping[str, int]) -> Budget:
        """Return its budget with other numbers. If connections are what in_flight limits, both stay equal."""
        also = {"connections": changed["in_flight"]} if self.holds_connections and "in_flight" in changed else {}
        return {**self.budget, **changed, **also}


RESIZABLE = ("in_flight", "db_pool")


def load_variants(path: Path = VARIANTS) -> dict[str, Variant]:
    """All variants by name, in the order of the file."""
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
            holds_connections="connections" in entry["budget"]
            and "{connections}" not in listing["servers"][entry["server"]]["command"],
            reports=listing["servers"][entry["server"]].get("reports", {}),
        )
        for name, entry in listing["variants"].items()
    }


def budget_differences(declared: Budget, found: Budget) -> list[tuple[str, int | None, int | None]]:
    """The entries (name, declared, found) in which a budget that was read back differs from the declared one."""
    names = [*declared, *(name for name in found if name not in declared)]
    return [(name, declared.get(name), found.get(name)) for name in names if declared.get(name) != found.get(name)]


def together(budget: Budget, calls: int) -> int:
    """How many of `calls` concurrent calls the declared budget allows in flight."""
    return min(calls, budget["in_flight"] * budget.get("workers", 1)) if "in_flight" in budget else calls


def labelled(names: Iterable[str]) -> dict[str, str]:
    """The names by unique label. A name that occurs again, for a comparison with itself (A/A), gets a number."""
    labels: dict[str, str] = {}
    for name in names:
        tries = (f"{name}-{number}" if number > 1 else name for number in itertools.count(1))
        labels[next(label for label in tries if label not in labels)] = name
    return labels
