"""Programs of variants that are no Python: whether they are on this machine."""

import os
from pathlib import Path

from waitbench.catalog.variants import Variant
from waitbench.paths import INSTALLED, SERVICES


def missing(variant: Variant, services: Path = SERVICES, installed: bool = INSTALLED) -> str:
    """What a variant lacks to be run on this machine, with what to do; "" where it lacks nothing.

    `installed`: whether this is an installed package. Only a checkout can make the program.
    """
    program = services / variant.program
    if not variant.program or (program.is_file() and os.access(program, os.X_OK)):
        return ""
    if installed:
        return (
            f"{variant.name} runs by a program that an installed package does not have; run `{variant.setup}` in a "
            "checkout of waitbench, and use its .venv/bin/waitbench"
        )
    elsewhere = f", or use containers (--profile {variant.profile})" if variant.containers and variant.profile else ""
    return f"{variant.name} runs by {program}, which is not there; say `{variant.setup}`{elsewhere}"
