"""The contenders, as services/variants.toml lists them."""

import itertools
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from waitbench.paths import VARIANTS

Budget = dict[str, int]


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
    default: bool = True
    """False for an instrument: no contender, and started only when it is named."""

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
            default=entry.get("default", True),
        )
        for name, entry in listing["variants"].items()
    }


def labelled(names: Iterable[str]) -> dict[str, str]:
    """The names by a label of each contender's own: one that is there a second time, to be compared with itself, gets
    a number."""
    labels: dict[str, str] = {}
    for name in names:
        tries = (f"{name}-{number}" if number > 1 else name for number in itertools.count(1))
        labels[next(label for label in tries if label not in labels)] = name
    return labels
