"""The bundled plans: their names, titles and files. This module reads only the title of a plan.

It does not import waitbench.plan.plan, because pydantic would take most of the time of `waitbench --help`.
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
    """Return the file of a plan, from its name in loadtests/plans/ or its path."""
    path = Path(name)
    if path.suffix == ".toml" or "/" in name:
        if not os.path.isfile(path):  # Path.is_file raises if a name is too long
            raise UsageError(f"there is no plan file {name}{_found_instead(path)}")
        return path
    if name not in plan_names():
        from waitbench.plan.suggestion import nearest

        advice = f"give a plan's name or the path of a .toml file; {nearest(name, plan_names())}"
        raise UsageError(f"no plan named {name!r}: {advice}")
    return PLANS / f"{name}.toml"


def _found_instead(path: Path) -> str:
    """Return what the path is, if it is not a file; "" if nothing is there."""
    if os.path.isdir(path):
        return ": it is a directory; give the path of a .toml file"
    return ": it is a device or a pipe; give the path of a .toml file" if os.path.exists(path) else ""
