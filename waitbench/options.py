"""Checks of options that click does not have."""

import os
import re
from pathlib import Path

import click

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}", re.ASCII)


def folder(_: click.Context, __: click.Parameter, path: Path) -> Path:
    """A folder, or what may become one: click's own check lets a device pass."""
    if os.path.exists(path) and not os.path.isdir(path):  # Path.exists raises where a name is too long
        raise click.BadParameter(f"{path} is not a folder; name one, or what does not exist yet")
    return path


def folder_name(_: click.Context, __: click.Parameter, name: str | None) -> str | None:
    """The name of one folder, which leads nowhere else."""
    if name is not None and not NAME.fullmatch(name):
        raise click.BadParameter(
            f"{name[:80]!r} cannot be the name of a folder; give up to 200 letters, digits, dots, - and _, "
            "beginning with a letter or a digit"
        )
    return name
