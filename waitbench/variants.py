"""The contenders, as services/variants.toml lists them."""

import tomllib
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
        )
        for name, entry in listing["variants"].items()
    }
