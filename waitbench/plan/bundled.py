"""The plans that come along: their names, titles and files. It reads no more of a plan than its title.

It is apart from waitbench.plan because that imports pydantic, which takes most of the time of `waitbench --help`.
"""

import os
import tomllib
from pathlib import Path

from waitbench.errors import UsageError
from waitbench.paths import PLANS


def plan_names() -> list[str]:
    return sorted(path.stem for path in PLANS.glob("*.toml"))


def plan_titles() -> dict[str, str]:
    """The title of each plan by its name; "" for a plan that cannot be read."""
    return {name: _title(PLANS / f"{name}.toml") for name in plan_names()}


def _title(path: Path) -> str:
    try:
        return str(tomllib.loads(path.read_text(encoding="utf-8")).get("title", ""))
    except (ValueError, OSError):
        return ""


def find_plan(name: str) -> Path:
    """The file of a plan: a name in loadtests/plans/, or a path."""
    path = Path(name)
    if path.suffix == ".toml" or "/" in name:
        if not os.path.isfile(path):  # Path.is_file raises where a name is too long
            raise UsageError(f"there is no plan file {name}{_what_else(path)}")
        return path
    if name not in plan_names():
        from waitbench.plan.suggestion import nearest

        raise UsageError(f"no plan named {name!r}; {nearest(name, plan_names())}, or give the path of a .toml file")
    return PLANS / f"{name}.toml"


def _what_else(path: Path) -> str:
    """What is there instead."""
    if os.path.isdir(path):
        return ": it is a directory; give the path of a .toml file"
    return ": it is a device or a pipe; give the path of a .toml file" if os.path.exists(path) else ""
