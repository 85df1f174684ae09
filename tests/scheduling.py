"""Which tests run in one process, and in which order, when pytest-xdist runs several processes at once.

Tests that share costly fixtures stay together: those of one service, of one class that starts services, or of one
module. `--dist loadgroup` does not do this, because pytest-xdist 3.8 ignores the groups with pytest 9.2.
"""

import re

import pytest
from xdist.remote import Producer
from xdist.scheduler.loadscope import LoadScopeScheduling

from waitbench.catalog.variants import load_variants

LONGEST = (
    "known_answers/test_whole_runs.py",
    "e2e/test_run.py",
    "e2e/test_workers.py",
    "e2e/test_rules.py",
    "services/test_wrong_services.py",
    "services/test_dependencies.py",
    "services/test_contract.py",
    "report/test_report_in_browser.py",
    "test_lint.py",
    "test_package.py",
    "services/",
    "e2e/",
    "loadtests/",
    "launch/test_local.py",
    "analysis/test_calibration.py",
)
"""These begin first. If one of them began last, it would go on alone after all others had ended."""
TOGETHER = ("tests/e2e/test_webui.py",)
"""Modules whose classes share a run."""
_VARIANT = re.compile(rf"(?:^|[-\[])({'|'.join(sorted(load_variants(), key=len, reverse=True))})(?=-|$)")


class Grouped(LoadScopeScheduling):
    """Gives the next group to a process that is free, in the order of the collection."""

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def group(nodeid: str) -> str:
    """The name of a test's group. Functions of tests/services that take a variant share that variant's service."""
    place, _, parameters = nodeid.partition("[")
    module, *classes, _ = place.split("::")
    if module.startswith("tests/services/") and not classes and (found := _VARIANT.search(parameters.rstrip("]"))):
        return f"service {found[1]}"
    if module in TOGETHER:
        return module
    return (
        "::".join([module, *classes])
        if module.startswith(("tests/services/", "tests/loadtests/", "tests/e2e/"))
        else module
    )


def turn(nodeid: str) -> int:
    """The position of a test in the order of the run: tests with the lowest number begin first."""
    path = nodeid.removeprefix("tests/")
    return next((number for number, beginning in enumerate(LONGEST) if path.startswith(beginning)), len(LONGEST))
