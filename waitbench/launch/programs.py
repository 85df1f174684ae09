"""What variants run by that are no Python: whether it is there."""

import os

from waitbench.paths import SERVICES
from waitbench.variants import Variant

ADVICE = "say `make setup-references`, or use containers (--profile references)"


def missing(variant: Variant) -> str:
    """What to do where the program of a variant is not installed; "" where nothing is missing."""
    if not variant.program or os.access(SERVICES / variant.program, os.X_OK):
        return ""
    return f"services/{variant.program} is not there; {ADVICE}"
