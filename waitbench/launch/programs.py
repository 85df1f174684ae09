"""Checks whether the programs of variants that are not Python are on this machine."""

import os
from pathlib import Path

from waitbench.catalog.variants import Variant
from waitbench.paths import INSTALLED, SERVICES


def missing(variant: Variant, services: Path = SERVICES, installed: bool = INSTALLED) -> str:
    """Say what a variant lacks on this machine, with advice; "" if it lacks nothing.

    `installed` is whether this is an installed package. Only a checkout can build the program.
    """
    program = services / variant.program
    if not variant.program or (program.is_file() and os.access(program, os.X_OK)):
        return ""
    if installed:
        return (
            f"{variant.name} needs a program that an installed package does not have; run `{variant.setup}` in a "
            "checkout of waitbench, and use its .venv/bin/waitbench"
        )
    elsewhere = f", or use containers (--profile {variant.profile})" if variant.containers and variant.profile else ""
    return f"{variant.name} needs {program}, which does not exist; run `{variant.setup}`{elsewhere}"
