"""Defaults and checks of options that several commands share."""

import os
import re
import secrets
from collections.abc import Iterable
from pathlib import Path

import click

from waitbench.errors import UsageError

RESULTS = Path("results")
"""Where run folders are made, relative to the working folder."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}", re.ASCII)


def folder(_: click.Context, __: click.Parameter, path: Path) -> Path:
    """Accept a folder, or a path that does not exist yet. click's own check also accepts a device."""
    if os.path.exists(path) and not os.path.isdir(path):  # Path.exists raises if a name is too long
        raise click.BadParameter(f"{path} is not a folder; give a folder, or a path that does not exist yet")
    return path


def folder_name(_: click.Context, __: click.Parameter, name: str | None) -> str | None:
    """Accept the name of one folder, without a path."""
    if name is not None and not NAME.fullmatch(name):
        raise click.BadParameter(
            f"{name[:80]!r} cannot be the name of a folder; give up to 200 letters, digits, dots, - and _, "
            "beginning with a letter or a digit"
        )
    return name


def random_seed() -> int:
    return secrets.randbelow(10**6)


def require_variant(name: str, known: Iterable[str]) -> None:
    """Raises UsageError with the known names if `name` is not one of them."""
    if name not in known:
        raise UsageError(f"no variant named {name!r}; there are: {', '.join(known)}")


def require_workload(name: str) -> None:
    """Raises UsageError with the nearest name, or all names, if there is no such workload."""
    from waitbench.catalog.workloads import WORKLOADS
    from waitbench.plan.suggestion import nearest

    if name not in WORKLOADS:
        raise UsageError(f"no workload named {name!r}; {nearest(name, WORKLOADS)}")
